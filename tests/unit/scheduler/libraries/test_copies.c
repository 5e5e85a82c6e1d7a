/* Each scheduler has a directory for its copies; those of dead ones go. */
#include "scheduler/libraries/copies.h"
#include "tests/support/check.h"
#include "tests/support/leftovers.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], lib[80];

static void
setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/lode-copies-XXXXXX");
    scratch_dir(dir);
    snprintf(lib, sizeof lib, "%s/lib", dir);
}

static void
teardown(void)
{
    remove_tree(dir);
}

TestSuite(copies, .init = setup, .fini = teardown, .timeout = 60);

/* A copy with something beside it. */
static void
make_copy(const struct copies *copies, char copy_out[200])
{
    char path[200];
    snprintf(path, sizeof path, "%.100s/deep", copies->dir);
    expect_eq(mkdir(path, 0700), 0);
    snprintf(copy_out, 200, "%.150s/library.so", path);
    expect_eq(symlink("/x", copy_out), 0);
}

static bool
is_dir(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

Test(copies, what_an_earlier_version_has_left_goes_and_other_files_stay)
{
    static const char *const name[] = {"0123456789abcdef0123456789abcdef.so", "mine.so",
                                       "0123456789abcdef0123456789abcdef.so.bak"};
    struct copies copies;
    char path[200];
    expect_eq(mkdir(lib, 0700), 0);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", lib, name[i]);
        expect_eq(symlink("/x", path), 0);
    }
    must(copies_open(lib, &copies));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", lib, name[i]);
        expect(is_dir(path) == (i > 0));
    }
    copies_close(&copies);
}

Test(copies, what_a_dead_scheduler_left_goes_and_that_of_a_living_one_stays)
{
    struct copies living, dead, next;
    char copy[200], dead_dir[LIBRARY_PATH_MAX];
    must(copies_open(lib, &living));
    make_copy(&living, copy);
    must(copies_open(lib, &dead));
    make_copy(&dead, copy);
    memcpy(dead_dir, dead.dir, sizeof dead_dir);
    close(dead.lock_fd); /* as the kernel does */
    must(copies_open(lib, &next));
    expect(!is_dir(dead_dir));
    expect(is_dir(living.dir));
    copies_close(&next);
    expect(is_dir(lib));
    copies_close(&living);
    expect(!is_dir(lib));
}

Test(copies, a_copy_goes_with_what_lies_beside_it_and_nothing_else_does)
{
    struct copies copies;
    char copy[200], other[100];
    must(copies_open(lib, &copies));
    make_copy(&copies, copy);
    snprintf(other, sizeof other, "%s/other", dir);
    expect_eq(mkdir(other, 0700), 0);
    copies_remove(&copies, other);
    expect(is_dir(other));
    copies_remove(&copies, copy);
    expect(!is_dir(copy));
    expect(is_dir(copies.dir));
    copies_close(&copies);
}

/* One scheduler after the other. */
static void *
open_and_close(void *arg)
{
    enum { ROUNDS = 300 };
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct copies copies;
        must(copies_open(lib, &copies));
        expect(is_dir(copies.dir));
        copies_close(&copies);
    }
    return NULL;
}

Test(copies, schedulers_that_come_and_go_at_once_are_not_in_each_others_way)
{
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        expect_eq(pthread_create(&thread[i], NULL, open_and_close, NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        expect_eq(pthread_join(thread[i], NULL), 0);
    }
}

Test(copies, a_directory_that_somebody_has_removed_is_missed)
{
    struct copies copies;
    must(copies_open(lib, &copies));
    expect(copies_are_there(&copies));
    remove_tree(lib);
    expect(!copies_are_there(&copies));
    copies_close(&copies);
}
