/*
 * A second store on the same directory says who is there and leaves it unharmed; what a dead one
 * left is taken over, and a store that ends leaves nothing.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

enum { ROOM = 4096 };

static void
expect_refused(pid_t first)
{
    const char *argv[] = {"lode-store", NULL};
    char out[ROOM];
    char err[ROOM];
    char who[64];
    expect_ne(program_run(argv, out, err, ROOM), 0);
    snprintf(who, sizeof who, "already running (pid %d)", (int)first);
    expect_text(err, who);
}

static void
expect_serving(void)
{
    lode *db = store_open();
    lode_id id;
    lode_view view;
    must(lode_put(db, "here", 4, 0, &id));
    must(lode_get(db, id, 0, &view));
    lode_release(&view);
    lode_close(db);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    lode_store_stats stats;
    pid_t first = store_start(8 << 20);
    lode *db = store_open();
    lode_id id;
    must(lode_put(db, "kept", 4, 0, &id));
    must(lode_name_set(db, NULL, "it", id, 0));
    for (int i = 0; i < 3; i++) {
        expect_refused(first);
    }
    must(lode_get_store_stats(db, &stats));
    expect_eq(stats.store_pid, first);
    lode_view view;
    must(lode_name_get(db, NULL, "it", 0, &view));
    expect(memcmp(view.data, "kept", 4) == 0);
    lode_release(&view);
    lode_close(db);

    daemon_kill(first); /* its files and its socket stay */
    expect_lt(0, story_count_files(story_shm()));
    pid_t second = store_start(8 << 20);
    expect_serving();
    expect_refused(second);
    daemon_stop(second);
    expect_eq(story_count_files(story_shm()), 0);
    lode_open_options options = {.struct_size = sizeof options, .flags = LODE_OPEN_ATTACH};
    fails(lode_open(NULL, &options, &db), LODE_EDOWN);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 5, story);
}
