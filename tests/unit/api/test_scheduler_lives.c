#include "api/client/store/scheduler_lives.h"

#include "api/cluster/files.h"
#include "api/cluster/hold.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct lode_paths paths;
static char lock_path[128];

static void
setup(void)
{
    strcpy(paths.dir, "/tmp/lode-lives-XXXXXX");
    scratch_dir(paths.dir);
    snprintf(lock_path, sizeof lock_path, "%s/%s", paths.dir, LODE_FILE_SCHEDULER_LOCK);
}

static void
teardown(void)
{
    unlink(lock_path);
    rmdir(paths.dir);
}

TestSuite(scheduler_lives, .init = setup, .fini = teardown);

static int
hold(void)
{
    int fd = -1;
    must(lode_hold_file(lock_path, &fd));
    return fd;
}

Test(scheduler_lives, while_its_lock_is_held)
{
    uint64_t seen = 0;
    int fd = hold();
    must(lode_scheduler_lives(&paths, &seen));
    expect_ne(seen, 0);
    must(lode_scheduler_lives(&paths, &seen));
    close(fd);
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
    expect_text(lode_last_error(), paths.dir);
    seen = 0;
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
}

Test(scheduler_lives, not_when_another_has_taken_its_place)
{
    uint64_t seen = 0;
    int fd = hold();
    must(lode_scheduler_lives(&paths, &seen));
    expect_eq(ftruncate(fd, 0), 0);
    expect_eq(pwrite(fd, "12 34\n", 6, 0), 6);
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
    seen = 0; /* who has seen none before knows no better */
    must(lode_scheduler_lives(&paths, &seen));
    close(fd);
}

Test(scheduler_lives, though_its_lock_file_was_touched)
{
    uint64_t seen = 0;
    struct timespec later[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 2000000000}};
    int fd = hold();
    must(lode_scheduler_lives(&paths, &seen));
    expect_eq(futimens(fd, later), 0);
    must(lode_scheduler_lives(&paths, &seen));
    close(fd);
}

Test(scheduler_lives, though_its_lock_file_was_just_removed)
{
    uint64_t seen = 0;
    int fd = hold();
    must(lode_scheduler_lives(&paths, &seen));
    unlink(lock_path);
    must(lode_scheduler_lives(&paths, &seen));
    int again = hold(); /* as presence.c does */
    must(lode_scheduler_lives(&paths, &seen));
    unlink(lock_path);
    must(lode_scheduler_lives(&paths, &seen));
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
    close(fd);
    close(again);
}

Test(scheduler_lives, not_where_a_lock_file_was_removed_and_another_has_come)
{
    uint64_t seen = 0;
    int fd = hold();
    must(lode_scheduler_lives(&paths, &seen));
    unlink(lock_path);
    must(lode_scheduler_lives(&paths, &seen));
    int again = hold();
    expect_eq(pwrite(again, "12 34\n", 6, 0), 6);
    expect_eq(ftruncate(again, 6), 0);
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
    close(fd);
    close(again);
}

Test(scheduler_lives, not_where_there_is_no_cluster)
{
    uint64_t seen = 0;
    must(lode_scheduler_lives(&paths, &seen)); /* the file may have been removed just now */
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
}

Test(scheduler_lives, to_look_is_in_nobodys_way)
{
    uint64_t seen = 0;
    close(hold());
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
    close(hold());
}
