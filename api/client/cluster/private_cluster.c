#include "api/client/cluster/private_cluster.h"

#include "api/base/clock.h"
#include "api/system/descriptor.h"
#include "api/base/fail.h"
#include "api/system/limit.h"
#include "api/base/lock.h"
#include "api/client/channel/hooks.h"
#include "api/client/session/process.h"
#include "api/wire/private_start.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 5000, LOOK_MS = 1000, ARGUMENTS_MAX = 16 };

struct lode_private_cluster {
    struct lode_paths paths;
    int lifeline; /* its end ends the cluster; -1: another process', or not started yet */
    unsigned uses;
    bool shared; /* may be given to the next lode_open() */
    struct lode_private_cluster *next;
};

static struct lode_mutex clusters_mu;
static struct lode_private_cluster *clusters; /* clusters_mu */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
close_one(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/*
 * Runs in the child after fork, which has one thread. The lock may have been held by another one,
 * so it is made anew. The parent's clusters can be attached to as long as they live: each keeps one
 * use that nobody ends, since the parent's sessions are not the child's to close.
 */
static void
in_child(void)
{
    lode_mutex_init(&clusters_mu, LODE_LOCK_PRIVATE_CLUSTERS);
    for (struct lode_private_cluster *c = clusters; c != NULL; c = c->next) {
        close_one(&c->lifeline);
        c->uses++;
    }
}

static void
init_once(void)
{
    lode_mutex_init(&clusters_mu, LODE_LOCK_PRIVATE_CLUSTERS);
    lode_process_in_child(in_child);
}

/* ---- the program -------------------------------------------------------------------------- */

/*
 * The file that this code is in: liblode, or a program that has it linked in. Of a program,
 * dladdr() knows only what it was called by, which may be no path.
 */
static bool
find_own_file(char real_out[PATH_MAX])
{
    Dl_info own, program;
    if (dladdr((const void *)(uintptr_t)lode_private_cluster_use, &own) == 0) {
        return false;
    }
    bool is_program = dladdr((const void *)(uintptr_t)getauxval(AT_PHDR), &program) != 0 &&
                      program.dli_fbase == own.dli_fbase;
    const char *path = is_program ? "/proc/self/exe" : own.dli_fname;
    return path != NULL && realpath(path, real_out) != NULL;
}

/*
 * ../bin/lode, seen from there; or where it is installed, seen from the libraries' directory: that
 * of a Debian package is lib/x86_64-linux-gnu.
 */
static lode_err
find_program(char path_out[PATH_MAX])
{
    static const char *const places[] = {"../bin", LODE_LIBRARIES_TO_PROGRAMS};
    char real[PATH_MAX], path[PATH_MAX + 64];
    if (!find_own_file(real)) {
        return lode_fail_with(LODE_EDOWN, "no cluster runs, and liblode cannot tell where it is "
                                          "installed: start one with `lode start`");
    }
    *strrchr(real, '/') = '\0'; /* realpath() has put it there */
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, sizeof path, "%s/%s/lode", real, places[i]);
        if (realpath(path, path_out) != NULL && access(path_out, X_OK) == 0) {
            return LODE_OK;
        }
    }
    if (errno != ENOENT && errno != ENOTDIR) { /* it is there, and the system forbids it */
        int number = errno;
        return lode_fail_with(LODE_EDOWN,
                              "no cluster runs, and '%s', which would start one, cannot be run: %s",
                              path, strerror(number));
    }
    return lode_fail_with(LODE_EDOWN,
                          "no cluster runs, and '%s', which would start one, is not there: install "
                          "it, or start a cluster with `lode start`",
                          path);
}

static lode_err
make_dir(char path_out[LODE_DIR_MAX + 1])
{
    char path[PATH_MAX];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int size = runtime != NULL && runtime[0] == '/'
                   ? snprintf(path, sizeof path, LODE_PRIVATE_RUNTIME_TEMPLATE, runtime)
                   : 0;
    if (size <= 0 || size > LODE_DIR_MAX || mkdtemp(path) == NULL) {
        snprintf(path, sizeof path, LODE_PRIVATE_TMP_TEMPLATE, (unsigned)getuid());
        if (mkdtemp(path) == NULL) {
            return lode_fail_errno("cannot make a directory like '%s'", path);
        }
    }
    /* mkdtemp() heeds the umask; a directory that its owner cannot enter would be of no use. */
    if (chmod(path, 0700) != 0) {
        return lode_fail_errno("cannot set the mode of '%s'", path);
    }
    memcpy(path_out, path, strlen(path) + 1);
    return LODE_OK;
}

/* ---- starting ----------------------------------------------------------------------------- */

/* What one start has open; -1: nothing. */
struct start {
    struct lode_private_cluster *cluster;
    int lifeline_theirs;
    int ready_ours, ready_theirs;
};

/*
 * No fork may come between the making of the lifeline and the note of it: the child would hold it.
 */
static lode_err
make_pipes(struct start *start)
{
    int lifeline[2] = {-1, -1}, ready[2] = {-1, -1};
    lode_process_lock();
    bool made = pipe2(lifeline, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0;
    start->cluster->lifeline = lode_descriptor_hang_high(lifeline[1]);
    start->lifeline_theirs = lode_descriptor_above_stdio(lifeline[0]);
    start->ready_ours = lode_descriptor_above_stdio(ready[0]);
    start->ready_theirs = lode_descriptor_above_stdio(ready[1]);
    lode_process_unlock();
    return made ? LODE_OK : lode_fail_errno("cannot make a pipe");
}

static lode_err
spawn_with(const char *program, char *const arguments[], const struct start *start, pid_t *pid_out)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    /* A descriptor put onto itself loses CLOEXEC in the child. */
    posix_spawn_file_actions_adddup2(&actions, start->lifeline_theirs, start->lifeline_theirs);
    posix_spawn_file_actions_adddup2(&actions, start->ready_theirs, start->ready_theirs);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int result = posix_spawn(pid_out, program, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return result == 0 ? LODE_OK : lode_fail_start(result, program);
}

static lode_err
spawn(const struct start *start, const lode_open_options *options)
{
    char program[PATH_MAX], lifeline[16], ready[16], cpus[16], capacity[32], workers[16];
    char *arguments[ARGUMENTS_MAX];
    int n = 0;
    pid_t pid;
    LODE_TRY(find_program(program));
    snprintf(lifeline, sizeof lifeline, "%d", start->lifeline_theirs);
    snprintf(ready, sizeof ready, "%d", start->ready_theirs);
    snprintf(cpus, sizeof cpus, "%d", (int)options->num_cpus);
    snprintf(capacity, sizeof capacity, "%llu", (unsigned long long)options->capacity_bytes);
    snprintf(workers, sizeof workers, "%d", (int)options->max_workers);
    const char *words[] = {
        program,         "start",  "--private",  "--dir", start->cluster->paths.dir,
        "--lifeline-fd", lifeline, "--ready-fd", ready};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        arguments[n++] = (char *)(uintptr_t)words[i];
    }
    if (options->num_cpus > 0) {
        arguments[n++] = (char *)(uintptr_t) "--num-cpus";
        arguments[n++] = cpus;
    }
    if (options->capacity_bytes > 0) {
        arguments[n++] = (char *)(uintptr_t) "--capacity";
        arguments[n++] = capacity;
    }
    if (options->max_workers > 0) {
        arguments[n++] = (char *)(uintptr_t) "--max-workers";
        arguments[n++] = workers;
    }
    arguments[n] = NULL;
    LODE_TRY(spawn_with(program, arguments, start, &pid));
    /*
     * The start forks and exits at once (private_start.h). The program's own wait(-1) may be
     * faster.
     */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return LODE_OK;
}

/*
 * One more byte of what the start says; false: its end, or the time is up (then `late` is set), or
 * the task that asks is to end (`stopped`).
 */
static bool
read_byte(int fd, int64_t deadline, char *byte_out, bool *late_out, lode_err *stopped_out)
{
    for (;;) {
        struct pollfd at = {.fd = fd, .events = POLLIN};
        int64_t left = lode_remaining_ms(deadline);
        int ready = poll(&at, 1, left < LOOK_MS ? (int)left : LOOK_MS);
        if (ready == 0) {
            *late_out = left <= LOOK_MS;
            *stopped_out = lode_hooks_host_stopped();
            if (*late_out || *stopped_out != LODE_OK) {
                return false;
            }
            continue;
        }
        ssize_t got = ready > 0 ? read(fd, byte_out, 1) : -1;
        if (got >= 0 || errno != EINTR) {
            return got == 1;
        }
    }
}

static lode_err
await_ready(int fd)
{
    char text[512];
    size_t used = 0;
    bool late = false;
    lode_err stopped = LODE_OK;
    int64_t deadline = lode_deadline(START_MS);
    while (used < sizeof text - 1 && read_byte(fd, deadline, &text[used], &late, &stopped)) {
        if (used == 0 && text[0] == LODE_START_READY) {
            return LODE_OK;
        }
        used++;
    }
    text[used] = '\0';
    LODE_TRY(stopped);
    if (late) {
        return lode_fail_with(LODE_EDOWN, "a private cluster did not start within %d s",
                              START_MS / 1000);
    }
    if (used > 1 && (text[0] == LODE_START_FAILED || text[0] == LODE_START_FULL)) {
        return lode_fail_with(text[0] == LODE_START_FULL ? LODE_EFULL : LODE_EDOWN,
                              "a private cluster does not start: %s", text + 1);
    }
    return lode_fail_with(LODE_EDOWN, "a private cluster died while it started; its reason is on "
                                      "stderr");
}

static lode_err
start_cluster(struct lode_private_cluster *cluster, const lode_open_options *options)
{
    char dir[LODE_DIR_MAX + 1];
    struct start start = {cluster, -1, -1, -1};
    LODE_TRY(make_dir(dir));
    lode_err err = lode_paths_resolve(dir, &cluster->paths);
    if (err == LODE_OK) {
        err = make_pipes(&start);
    }
    if (err == LODE_OK) {
        err = spawn(&start, options);
    }
    close_one(&start.lifeline_theirs);
    close_one(&start.ready_theirs);
    if (err == LODE_OK) {
        err = await_ready(start.ready_ours);
    }
    close_one(&start.ready_ours);
    if (err != LODE_OK) {
        close_one(&cluster->lifeline);
        rmdir(dir); /* where nothing was started; else the cluster does it */
    }
    return err;
}

/* ---- uses --------------------------------------------------------------------------------- */

static void
unlink_locked(struct lode_private_cluster *cluster)
{
    struct lode_private_cluster **at = &clusters;
    lode_mutex_assert_held(&clusters_mu);
    while (*at != cluster) {
        at = &(*at)->next;
    }
    *at = cluster->next;
}

static lode_err
add_locked(const lode_open_options *options, struct lode_private_cluster **cluster_out)
{
    struct lode_private_cluster *cluster = calloc(1, sizeof *cluster);
    lode_mutex_assert_held(&clusters_mu);
    if (cluster == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a private cluster");
    }
    cluster->lifeline = -1;
    cluster->uses = 1;
    /* It is in the list before it has a lifeline, so that a child after fork closes that. */
    cluster->next = clusters;
    clusters = cluster;
    lode_err err = start_cluster(cluster, options);
    if (err != LODE_OK) {
        unlink_locked(cluster);
        free(cluster);
        return err;
    }
    cluster->shared = (options->flags & LODE_OPEN_PRIVATE) == 0;
    *cluster_out = cluster;
    return LODE_OK;
}

lode_err
lode_private_cluster_use(const lode_open_options *options,
                         struct lode_private_cluster **cluster_out)
{
    lode_err err = LODE_OK;
    LODE_TRY(lode_process_watch_forks());
    pthread_once(&once, init_once);
    lode_mutex_lock(&clusters_mu);
    struct lode_private_cluster *cluster = clusters;
    while (cluster != NULL && !cluster->shared) {
        cluster = cluster->next;
    }
    if (cluster != NULL && (options->flags & LODE_OPEN_PRIVATE) == 0) {
        cluster->uses++;
        *cluster_out = cluster;
    } else {
        err = add_locked(options, cluster_out);
    }
    lode_mutex_unlock(&clusters_mu);
    return err;
}

const struct lode_paths *
lode_private_cluster_paths(const struct lode_private_cluster *cluster)
{
    return &cluster->paths;
}

void
lode_private_cluster_drop(struct lode_private_cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    lode_mutex_lock(&clusters_mu);
    bool last = --cluster->uses == 0;
    if (last) {
        unlink_locked(cluster);
        close_one(&cluster->lifeline);
    }
    lode_mutex_unlock(&clusters_mu);
    if (last) {
        free(cluster);
    }
}

void
lode_private_cluster_forget(struct lode_private_cluster *cluster)
{
    lode_mutex_lock(&clusters_mu);
    cluster->shared = false;
    lode_mutex_unlock(&clusters_mu);
}
