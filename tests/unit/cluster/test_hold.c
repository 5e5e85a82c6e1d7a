/* Who lives: a file or a directory that is held says so. */
#include "api/cluster/hold.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], path[128];

static void
setup(void)
{
    strcpy(dir, "/tmp/lt-hold-XXXXXX");
    scratch_dir(dir);
    snprintf(path, sizeof path, "%s/it.lock", dir);
}

static void
teardown(void)
{
    unlink(path);
    rmdir(dir);
}

TestSuite(hold, .init = setup, .fini = teardown);

Test(hold, names_its_holder_as_long_as_it_is_held)
{
    struct lode_holder holder = {0};
    struct stat st;
    int fd = -1;
    fails(lode_hold_ask(path, &holder), LODE_ENOTFOUND);
    umask(0177);
    must(lode_hold_file(path, &fd));
    umask(022);
    expect_eq(stat(path, &st), 0);
    expect_eq(st.st_mode & 07777, 0600);
    must(lode_hold_ask(path, &holder));
    expect_eq(holder.pid, getpid());
    expect(lode_holder_is_here(&holder));
    close(fd);
    fails(lode_hold_ask(path, &holder), LODE_EDOWN);
}

Test(hold, of_a_second_is_refused_with_the_first_ones_pid)
{
    char text[64];
    int fd = -1, second = -1;
    must(lode_hold_file(path, &fd));
    fails(lode_hold_file(path, &second), LODE_ERUNNING);
    snprintf(text, sizeof text, "already running (pid %d)", (int)getpid());
    expect_text(lode_last_error(), text);
    expect_text(lode_last_error(), dir);
    expect_eq(second, -1);
    close(fd);
}

Test(hold, is_checked_without_a_trace)
{
    int fd = -1;
    must(lode_hold_check(path));
    expect_eq(access(path, F_OK), -1);
    must(lode_hold_file(path, &fd));
    fails(lode_hold_check(path), LODE_ERUNNING);
    expect_text(lode_last_error(), "already running (pid ");
    close(fd);
    must(lode_hold_check(path));
}

Test(hold, ends_with_the_process_and_the_file_is_taken_over)
{
    struct lode_holder holder = {0};
    struct stat before, after;
    int fd = -1;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(lode_hold_file(path, &fd) == LODE_OK ? 0 : 1);
    }
    int status;
    expect_eq(waitpid(pid, &status, 0), pid);
    expect_eq(status, 0);
    expect_eq(stat(path, &before), 0);
    fails(lode_hold_ask(path, &holder), LODE_EDOWN);
    must(lode_hold_file(path, &fd));
    expect_eq(stat(path, &after), 0);
    expect_eq(before.st_ino, after.st_ino); /* a successor unlinks nothing */
    must(lode_hold_ask(path, &holder));
    expect_eq(holder.pid, getpid());
    close(fd);
}

Test(hold, of_a_number_that_is_another_process_by_now_is_not_believed)
{
    struct lode_holder holder = {0};
    int fd = -1;
    must(lode_hold_file(path, &fd));
    must(lode_hold_ask(path, &holder));
    holder.start++;
    expect(!lode_holder_is_here(&holder));
    close(fd);
}

Test(hold, without_a_line_is_held_by_somebody)
{
    struct lode_holder holder = {.pid = 7};
    int fd = -1;
    must(lode_hold_file(path, &fd));
    expect_eq(ftruncate(fd, 0), 0);
    must(lode_hold_ask(path, &holder));
    expect_eq(holder.pid, 0);
    close(fd);
}

Test(hold, removes_its_own_file_only)
{
    int fd = -1, other = -1;
    must(lode_hold_file(path, &fd));
    unlink(path);
    must(lode_hold_file(path, &other));
    lode_hold_remove(path, fd);
    expect_eq(access(path, F_OK), 0);
    lode_hold_remove(path, other);
    expect_eq(access(path, F_OK), -1);
    close(fd);
    close(other);
}

Test(hold, of_a_directory_is_one_s_alone_and_needs_no_file)
{
    int fd = -1, other = -1;
    must(lode_hold_directory(dir, 0, &fd));
    fails(lode_hold_directory(dir, 1, &other), LODE_ERUNNING);
    close(fd);
    must(lode_hold_directory(dir, 0, &other));
    close(other);
    fails(lode_hold_directory(path, 0, &other), LODE_EAGAIN); /* there is none */
}
