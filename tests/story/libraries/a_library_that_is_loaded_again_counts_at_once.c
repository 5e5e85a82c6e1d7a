/*
 * When a load has returned, all that is submitted runs the new version, whichever task of the
 * program has loaded it, and what was submitted before runs the old one. A caller who knows the old
 * number of results is not given more than it has room for.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static char library[300];

/* The file at `library` becomes that version. */
static void
build(const char *tasks)
{
    char made[310];
    struct stat st;
    snprintf(made, sizeof made, "%s.new", library);
    int from = open(story_tasks(tasks), O_RDONLY | O_CLOEXEC);
    int to = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    expect(from >= 0 && to >= 0 && fstat(from, &st) == 0);
    expect_eq(sendfile(to, from, NULL, (size_t)st.st_size), st.st_size);
    close(from);
    close(to);
    expect_eq(rename(made, library), 0);
}

static int64_t
value_of(lode *db, lode_id result)
{
    int64_t value = 0;
    must(lode_get_i64(db, result, LODE_FOREVER, &value));
    lode_drop(db, result);
    return value;
}

static int64_t
result_of(lode *db, const char *function, lode_args args)
{
    lode_id result;
    must(lode_call(db, function, args, NULL, &result));
    return value_of(db, result);
}

static void
old_calls_run_the_old_version(lode *db)
{
    lode_id later, before;
    must(lode_reserve(db, 1, &later));
    lode_create_options put = {.struct_size = sizeof put, .id = later};
    must(lode_call(db, "twin.version", LODE_ARGS(lode_ref(later)), NULL, &before));
    build("twin_next");
    expect_eq(result_of(db, "twin.load", LODE_ARGS(lode_str(library))), 2);
    expect_eq(result_of(db, "twin.version", LODE_NO_ARGS), 2);
    expect_eq(result_of(db, "twin.below", LODE_NO_ARGS), 2);
    must(lode_put_with(db, "x", 1, &put, 0, &later));
    expect_eq(value_of(db, before), 1);
    lode_drop(db, later);
}

static void
results_do_not_overflow(lode *db, size_t before)
{
    lode_id ids[4], untouched;
    size_t now = 0;
    lode_call_options room = {.struct_size = sizeof room};
    memset(&untouched, 0xee, sizeof untouched);
    for (int i = 0; i < 4; i++) {
        ids[i] = untouched;
    }
    expect_eq(before, 1);
    fails(lode_call(db, "twin.many", LODE_NO_ARGS, NULL, ids), LODE_EINVAL);
    expect(strstr(lode_last_error(), "has 2 results now, and there is room for 1") != NULL);
    expect(memcmp(&ids[0], &untouched, sizeof untouched) == 0);
    room.results_room = 1;
    fails(lode_call(db, "twin.many", LODE_NO_ARGS, &room, ids), LODE_EINVAL);
    must(lode_result_count(db, "twin.many", &now));
    expect_eq(now, 2);
    room.results_room = 3;
    must(lode_call(db, "twin.many", LODE_NO_ARGS, &room, ids));
    expect_eq(value_of(db, ids[0]), 2);
    expect_eq(value_of(db, ids[1]), 2);
    expect(lode_id_is_zero(ids[2]));
    expect(memcmp(&ids[3], &untouched, sizeof untouched) == 0);
    must(lode_call(db, "twin.many", LODE_NO_ARGS, NULL, NULL)); /* nobody wants any */
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    size_t results = 0;
    snprintf(library, sizeof library, "%s/libtwin.so", story_files());
    pid_t supervisor = cluster_start(2, 32 << 20);
    lode *db = cluster_open();
    build("twin");
    must(lode_load(db, library));
    must(lode_result_count(db, "twin.many", &results));
    expect_eq(result_of(db, "twin.below", LODE_NO_ARGS), 1);
    old_calls_run_the_old_version(db);
    results_do_not_overflow(db, results);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
