#include "api/base/files.h"
#include "api/client/store/scheduler_lives.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"

static struct lode_paths paths;
static char lock_path[128];
static int lock_fd;

static void
setup(void)
{
    strcpy(paths.dir, "/tmp/lode-lives-XXXXXX");
    expect(mkdtemp(paths.dir) != NULL);
    snprintf(lock_path, sizeof lock_path, "%s/%s", paths.dir, LODE_FILE_SCHEDULER_LOCK);
    lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    expect(lock_fd >= 0);
}

static void
teardown(void)
{
    close(lock_fd);
    unlink(lock_path);
    rmdir(paths.dir);
}

TestSuite(scheduler_lives, .init = setup, .fini = teardown);

Test(scheduler_lives, while_its_lock_is_held)
{
    uint64_t seen = 0;
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
    expect_eq(seen, 0);
    expect_eq(flock(lock_fd, LOCK_EX | LOCK_NB), 0);
    must(lode_scheduler_lives(&paths, &seen));
    expect_ne(seen, 0);
    must(lode_scheduler_lives(&paths, &seen));
    flock(lock_fd, LOCK_UN);
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
    expect_text(lode_last_error(), paths.dir);
}

Test(scheduler_lives, not_when_another_has_taken_its_place)
{
    uint64_t seen = 0;
    struct timespec later[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 2000000000}};
    expect_eq(flock(lock_fd, LOCK_EX | LOCK_NB), 0);
    must(lode_scheduler_lives(&paths, &seen));
    expect_eq(futimens(lock_fd, later), 0);
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
    seen = 0; /* who has seen none before knows no better */
    must(lode_scheduler_lives(&paths, &seen));
}

Test(scheduler_lives, not_where_there_is_no_cluster)
{
    uint64_t seen = 0;
    unlink(lock_path);
    fails(lode_scheduler_lives(&paths, &seen), LODE_EDOWN);
}

Test(scheduler_lives, to_look_is_in_nobodys_way)
{
    uint64_t seen = 0;
    int other = open(lock_path, O_RDWR | O_CLOEXEC);
    expect_eq(flock(lock_fd, LOCK_EX | LOCK_NB), 0);
    must(lode_scheduler_lives(&paths, &seen));
    flock(lock_fd, LOCK_UN);
    expect_eq(flock(other, LOCK_EX | LOCK_NB), 0);
    close(other);
}
