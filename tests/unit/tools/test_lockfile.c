/* One supervisor in a directory, and how it is found. */
#include "tools/lode/lockfile.h"

#include "api/base/files.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/lode-lockfile-XXXXXX";

static void
setup(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static void
teardown(void)
{
    lockfile_remove(dir);
    rmdir(dir);
}

TestSuite(lockfile, .init = setup, .fini = teardown);

/* A process that holds the lock until it is told to end. */
struct holder {
    pid_t pid;
    int go;
};

static struct holder
hold_in_child(void)
{
    int ready[2], go[2], fd;
    char byte;
    cr_assert(pipe(ready) == 0 && pipe(go) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        byte = lockfile_take(dir, &fd) == LODE_OK ? '+' : '-';
        if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) < 0) {
            _exit(2);
        }
        _exit(0);
    }
    close(go[0]);
    close(ready[1]);
    cr_assert(read(ready[0], &byte, 1) == 1 && byte == '+');
    close(ready[0]);
    return (struct holder){pid, go[1]};
}

static void
let_go(struct holder holder)
{
    close(holder.go);
    waitpid(holder.pid, NULL, 0);
}

Test(lockfile, nobody_holds_it_in_an_empty_directory)
{
    pid_t pid = 7;
    cr_assert_eq(lockfile_holder(dir, &pid, NULL), LODE_EDOWN);
    cr_assert_eq(lockfile_holder("/tmp/lode-there-is-no-such-directory", &pid, NULL), LODE_EDOWN);
    cr_assert_eq(pid, 7);
}

Test(lockfile, the_holder_is_named_by_the_kernel_not_by_the_file)
{
    struct holder holder = hold_in_child();
    char path[64];
    pid_t pid = 0;
    int pidfd = -1;
    snprintf(path, sizeof path, "%s/%s", dir, LODE_FILE_SUPERVISOR_LOCK);
    FILE *file = fopen(path, "r+");
    fputs("1\n", file);
    fclose(file);
    cr_assert_eq(lockfile_holder(dir, &pid, &pidfd), LODE_OK, "%s", lode_last_error());
    cr_assert_eq(pid, holder.pid);
    cr_assert_geq(pidfd, 0);
    close(pidfd);
    let_go(holder);
}

Test(lockfile, a_second_is_told_who_runs_and_leaves_the_first_alone)
{
    struct holder holder = hold_in_child();
    char text[32];
    int fd = -1;
    pid_t pid = 0;
    snprintf(text, sizeof text, "already running (pid %d)", (int)holder.pid);
    cr_assert_eq(lockfile_take(dir, &fd), LODE_ERUNNING);
    cr_assert_not_null(strstr(lode_last_error(), text), "%s", lode_last_error());
    cr_assert_eq(fd, -1);
    cr_assert_eq(lockfile_holder(dir, &pid, NULL), LODE_OK);
    cr_assert_eq(pid, holder.pid);
    let_go(holder);
}

Test(lockfile, what_a_dead_holder_left_is_taken_over)
{
    struct holder holder = hold_in_child();
    int fd = -1;
    pid_t pid = 0;
    kill(holder.pid, SIGKILL);
    let_go(holder);
    cr_assert_eq(lockfile_holder(dir, &pid, NULL), LODE_EDOWN);
    cr_assert_eq(lockfile_take(dir, &fd), LODE_OK);
    close(fd);
}

Test(lockfile, a_lock_on_a_file_that_was_removed_counts_for_nothing)
{
    struct holder holder = hold_in_child();
    int fd = -1;
    lockfile_remove(dir); /* as its holder does at its end */
    cr_assert_eq(lockfile_take(dir, &fd), LODE_OK);
    close(fd);
    let_go(holder);
}
