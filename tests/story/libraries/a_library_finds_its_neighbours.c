/*
 * Libraries that a task library finds by $ORIGIN are found, although a copy of it is what runs, and
 * those that they find in their turn. They are its own, though a library of another program has
 * brought others of the same names. If one is built anew in its place, what runs stays, and the
 * next load takes the new one. Of all copies nothing stays: not of a load that failed, not of a
 * version that nobody means any more, not of the cluster.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many there are, of all clusters whose state lies in the story's directory. */
static int
copies(void)
{
    char pattern[512];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*/lib/*/*", story_state());
    int err = glob(pattern, 0, NULL, &found);
    int count = err == 0 ? (int)found.gl_pathc : 0;
    expect(err == 0 || err == GLOB_NOMATCH);
    globfree(&found);
    return count;
}

/* A copy is removed some time after the scheduler has said so. */
static void
await_copies(lode *db, int want)
{
    int64_t end = now_ms() + bound_ms(5000);
    lode_scheduler_stats stats;
    while (copies() != want && now_ms() < end) {
        must(lode_get_scheduler_stats(db, &stats));
    }
    expect_eq(copies(), want);
}

static void
expect_sum(lode *db, const char *function, int64_t want)
{
    lode_id result;
    int64_t value;
    must(lode_call(db, function, LODE_NO_ARGS, NULL, &result));
    must(lode_get_i64(db, result, LODE_FOREVER, &value));
    expect_eq(value, want);
}

/* In the folder of the test's libraries; `to` is one of the story's own. */
static void
shell(const char *command, const char *to)
{
    char line[2048];
    const char *library = story_tasks("neighbour");
    int folder = (int)(strrchr(library, '/') - library);
    snprintf(line, sizeof line, "cd '%.*s' && TO='%s' && %s", folder, library, to, command);
    expect_eq(system(line), 0);
}

static void
build_anew(lode *db)
{
    char to[512], library[600];
    snprintf(to, sizeof to, "%s/a folder", story_files());
    snprintf(library, sizeof library, "%s/libneighbour.so", to);
    shell("mkdir \"$TO\" && cp -r libneighbour.so libbeside_near.so beside \"$TO\"", to);
    must(lode_load(db, library));
    expect_sum(db, "neighbour.sum", 42);
    shell("cat elsewhere/libbeside_near.so >\"$TO/libbeside_near.so\"", to);
    expect_sum(db, "neighbour.sum", 42);
    must(lode_load(db, library));
    expect_sum(db, "neighbour.sum", 52);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 32 << 20);
    expect_eq(copies(), 0);
    lode *db = cluster_open(), *keeper = cluster_open();
    must(lode_load(db, story_tasks("neighbour")));
    expect_sum(db, "neighbour.sum", 42);
    expect_eq(copies(), 1);
    must(lode_load(keeper, story_tasks("kin")));
    expect_sum(keeper, "kin.sum", 52);
    expect_sum(db, "neighbour.sum", 42);
    lode_close(keeper);
    await_copies(db, 1);
    keeper = cluster_open();

    fails(lode_load(db, story_program("lode")), LODE_ELIBRARY); /* no library */
    await_copies(db, 1);
    must(lode_load(keeper, story_tasks("twin")));
    expect_eq(copies(), 2);
    lode_close(db);
    await_copies(keeper, 1);
    build_anew(keeper);
    lode_close(keeper);
    cluster_stop(supervisor);
    expect_eq(story_count_state(), 0);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
