/*
 * A program that has no descriptor left is told so, whichever call meets it, at once, with the
 * limit and with what lode needs. It is never told that the cluster, or a daemon, is stopped or has
 * ended. Once it may have more, the same session goes on.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LODE_NEEDS = 16, AT_ONCE_MS = 2000 };

static void
may_have(rlim_t files)
{
    struct rlimit limit;
    expect_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = files;
    expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Takes every number below the highest that is in use. Returns how many are in use then. */
static rlim_t
fill_files(void)
{
    int highest = 0;
    DIR *dir = opendir("/proc/self/fd");
    expect(dir != NULL);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int number = atoi(entry->d_name);
        highest = number > highest && number != dirfd(dir) ? number : highest;
    }
    closedir(dir);
    int fd = dup(highest);
    while (fd < highest) {
        expect(fd >= 0);
        fd = dup(highest);
    }
    close(fd);
    return (rlim_t)highest + 1;
}

/* Opens a session, and has a task run. */
static lode_err
use(lode **db_io)
{
    lode_open_options attach = {.struct_size = sizeof attach, .flags = LODE_OPEN_ATTACH};
    const double numbers[] = {1, 2};
    lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {2}};
    lode_id x, result;
    double sum = 0;
    if (*db_io == NULL) {
        LODE_TRY(lode_open(NULL, &attach, db_io));
    }
    LODE_TRY(lode_put_array(*db_io, &array, numbers, LODE_FOREVER, &x));
    lode_err err = lode_call(*db_io, "blas.sum", LODE_ARGS(lode_ref(x)), NULL, &result);
    lode_drop(*db_io, x);
    LODE_TRY(err);
    err = lode_get_f64(*db_io, result, LODE_FOREVER, &sum);
    lode_drop(*db_io, result);
    expect(err != LODE_OK || sum == 3);
    return err;
}

static void
expect_told(const char *said)
{
    if (strstr(said, "ulimit -n") == NULL || strstr(said, "lode needs 16") == NULL ||
        strstr(said, "stopped") != NULL || strstr(said, "has ended") != NULL ||
        strstr(said, "container") != NULL) {
        fprintf(stderr, "%s\n", said);
        expect(false);
    }
}

/*
 * With a few descriptors more than what the program has open itself. The first sessions of a
 * process open most: so each number of them is tried in a process of its own.
 */
static void
program(struct child *parent, void *arg)
{
    rlim_t own = fill_files();
    lode *db = NULL;
    may_have(own + *(rlim_t *)arg);
    int64_t begun = now_ms();
    lode_err err = use(&db);
    expect_lt(now_ms() - begun, bound_ms(AT_ONCE_MS));
    if (err != LODE_OK) {
        expect_told(lode_last_error());
        expect(err == LODE_ELIMIT || err == LODE_ESYS);
    }
    may_have(own + LODE_NEEDS);
    must(use(&db));
    lode_close(db);
    child_say(parent, &err, sizeof err);
}

static void
story(int argc, char **argv)
{
    int failed = 0;
    lode_err err = LODE_OK;
    (void)argc, (void)argv;
    pid_t cluster = cluster_start(1, 32 << 20);
    for (rlim_t more = 0; more <= LODE_NEEDS; more++) {
        struct child child;
        child_start(&child, program, &more);
        child_hear(&child, &err, sizeof err);
        child_must_end(&child);
        failed += err != LODE_OK;
    }
    must(err); /* the last one had what is needed */
    expect_lt(4, failed);
    cluster_stop(cluster);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
