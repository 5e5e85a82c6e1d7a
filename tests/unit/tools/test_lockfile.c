/* One supervisor in a directory, and how it is found. */
#include "tools/clusters/lockfile.h"

#include "api/cluster/files.h"
#include "api/cluster/hold.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/lode-lockfile-XXXXXX";
static char path[64];

static void
setup(void)
{
    scratch_dir(dir);
    snprintf(path, sizeof path, "%s/%s", dir, LODE_FILE_SUPERVISOR_LOCK);
}

static void
teardown(void)
{
    unlink(path);
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
        byte = lode_hold_file(path, &fd) == LODE_OK ? '+' : '-';
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

Test(lockfile, the_holder_is_found)
{
    struct holder holder = hold_in_child();
    pid_t pid = 0;
    int pidfd = -1;
    cr_assert_eq(lockfile_holder(dir, &pid, &pidfd), LODE_OK, "%s", lode_last_error());
    cr_assert_eq(pid, holder.pid);
    cr_assert_geq(pidfd, 0);
    close(pidfd);
    let_go(holder);
}

/* In another pid namespace the same line means another process, or none. */
Test(lockfile, a_line_that_fits_no_process_names_nobody)
{
    struct holder holder = hold_in_child();
    pid_t pid = 7;
    FILE *file = fopen(path, "w");
    fprintf(file, "%d 1\n", (int)holder.pid); /* that pid, but not since then */
    fclose(file);
    cr_assert_eq(lockfile_holder(dir, &pid, NULL), LODE_EDENIED);
    cr_assert_not_null(strstr(lode_last_error(), "another container"));
    cr_assert_eq(pid, 7);
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
    cr_assert_eq(lode_hold_file(path, &fd), LODE_OK);
    close(fd);
}
