#include "tools/supervisor/spawn.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/system/limit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int
add_descriptors(const struct spawn_plan *plan, posix_spawn_file_actions_t *actions)
{
    int output = plan->output >= 0 ? plan->output : STDERR_FILENO;
    int err = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
    for (size_t i = 0; i < plan->pass_count && err == 0; i++) {
        /* Onto itself: that clears CLOEXEC, in the child alone. */
        err = posix_spawn_file_actions_adddup2(actions, plan->pass[i], plan->pass[i]);
    }
    return err;
}

static int
set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int err = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                       POSIX_SPAWN_SETSIGDEF);
    err = err != 0 ? err : posix_spawnattr_setpgroup(attributes, 0);
    err = err != 0 ? err : posix_spawnattr_setsigmask(attributes, &none);
    return err != 0 ? err : posix_spawnattr_setsigdefault(attributes, &all);
}

static int
spawn_with(const struct spawn_plan *plan, pid_t *pid_out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int err = posix_spawn_file_actions_init(&actions);
    if (err != 0) {
        return err;
    }
    err = posix_spawnattr_init(&attributes);
    if (err != 0) {
        goto destroy_actions;
    }
    err = add_descriptors(plan, &actions);
    err = err != 0 ? err : set_attributes(&attributes);
    err = err != 0 ? err
                   : posix_spawn(pid_out, plan->path, &actions, &attributes,
                                 (char *const *)plan->argv, environ);
    posix_spawnattr_destroy(&attributes);
destroy_actions:
    posix_spawn_file_actions_destroy(&actions);
    return err;
}

static int
own_oom_score(void)
{
    int score = 0;
    FILE *file = fopen("/proc/self/oom_score_adj", "re");
    if (file != NULL) {
        if (fscanf(file, "%d", &score) != 1) {
            score = 0;
        }
        fclose(file);
    }
    return score;
}

/* Raising needs no privilege. That it fails (a /proc that is not mounted) hurts nobody. */
static void
raise_oom_score(pid_t pid, int raise)
{
    char path[64], text[16];
    int score = own_oom_score() + raise;
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
    int length = snprintf(text, sizeof text, "%d", score > 1000 ? 1000 : score);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, text, (size_t)length) < 0) {
            errno = 0;
        }
        close(fd);
    }
}

/*
 * The same pipe under an open file description of the child's own, so that what one child does to
 * its flags (O_NONBLOCK) is not done to the others.
 */
static lode_err
reopen(int fd, int *fd_out)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int copy = open(path, O_RDONLY | O_CLOEXEC);
    if (copy < 0) {
        return lode_fail_errno("cannot open '%s' anew", path);
    }
    *fd_out = copy;
    return LODE_OK;
}

static lode_err
spawn_failed(const struct spawn_plan *plan, int number)
{
    return number == ENOENT ? lode_fail_with(LODE_ENOTFOUND,
                                             "there is no program '%s': it belongs beside `lode`; "
                                             "is the installation complete?",
                                             plan->path)
                            : lode_fail_start(number, plan->path);
}

lode_err
spawn_program(const struct spawn_plan *plan, pid_t *pid_out)
{
    struct spawn_plan with_lifeline = *plan;
    int lifeline = -1;
    LODE_TRY(reopen(plan->lifeline, &lifeline));
    LODE_ASSERT(plan->pass_count < SPAWN_PASS_MAX);
    with_lifeline.pass[with_lifeline.pass_count++] = lifeline;
    snprintf(plan->lifeline_text, SPAWN_NUMBER_SIZE, "%d", lifeline);
    int err = spawn_with(&with_lifeline, pid_out);
    close(lifeline);
    if (err != 0) {
        return spawn_failed(plan, err);
    }
    if (plan->oom_score_raise != 0) {
        raise_oom_score(*pid_out, plan->oom_score_raise);
    }
    return LODE_OK;
}

lode_err
spawn_own_dir(char *dir_out, size_t room)
{
    ssize_t length = readlink("/proc/self/exe", dir_out, room - 1);
    if (length < 0) {
        return lode_fail_errno("cannot tell where this program lies");
    }
    if ((size_t)length >= room - 1) {
        return lode_fail_with(LODE_EINVAL, "the path of this program is longer than %zu bytes",
                              room - 2);
    }
    dir_out[length] = '\0';
    *strrchr(dir_out, '/') = '\0';
    return LODE_OK;
}
