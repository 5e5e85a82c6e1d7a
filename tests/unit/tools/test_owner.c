/* Which program a private cluster belongs to. */
#include "tests/support/scratch.h"
#include "tools/clusters/owner.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/lode-owner-XXXXXX";

static void
setup(void)
{
    scratch_dir(dir);
}

static void
teardown(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/owner", dir);
    unlink(path);
    rmdir(dir);
}

TestSuite(owner, .init = setup, .fini = teardown);

static void
write_owner_file(const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "%s/owner", dir);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

Test(owner, comes_back_as_it_was_written)
{
    struct lode_holder owner;
    cr_assert_eq(owner_write(dir, getpid()), LODE_OK, "%s", lode_last_error());
    cr_assert_eq(owner_read(dir, &owner), LODE_OK, "%s", lode_last_error());
    cr_assert_eq(owner.pid, getpid());
    cr_assert(lode_holder_is_here(&owner));
    cr_assert(owner_is_ancestor(&owner));
}

Test(owner, a_parent_is_an_ancestor_and_a_child_is_not)
{
    struct lode_holder parent, child;
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    cr_assert_eq(owner_write(dir, getppid()), LODE_OK);
    cr_assert_eq(owner_read(dir, &parent), LODE_OK);
    cr_assert(owner_is_ancestor(&parent));
    cr_assert_eq(owner_write(dir, pid), LODE_OK);
    cr_assert_eq(owner_read(dir, &child), LODE_OK);
    cr_assert(lode_holder_is_here(&child));
    cr_assert_not(owner_is_ancestor(&child));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    cr_assert_not(lode_holder_is_here(&child));
}

Test(owner, a_number_that_is_another_process_now_is_not_the_owner)
{
    struct lode_holder owner;
    cr_assert_eq(owner_write(dir, getpid()), LODE_OK);
    cr_assert_eq(owner_read(dir, &owner), LODE_OK);
    owner.start++;
    cr_assert_not(lode_holder_is_here(&owner));
    cr_assert_not(owner_is_ancestor(&owner));
}

Test(owner, a_file_that_is_no_such_line_is_refused)
{
    static const char *const bad[] = {"",      "\n",     "12",         "12\n", "12 x\n",
                                      "0 1\n", "-1 5\n", "12 34 56\n", "12 34"};
    struct lode_holder owner = {.pid = 7};
    cr_assert_eq(owner_read(dir, &owner), LODE_ENOTFOUND);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_owner_file(bad[i]);
        cr_assert_eq(owner_read(dir, &owner), LODE_ECORRUPT, "'%s'", bad[i]);
    }
    cr_assert_eq(owner.pid, 7);
}

Test(owner, a_process_that_has_ended_owns_nothing)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    cr_assert_eq(owner_write(dir, pid), LODE_EDOWN);
}
