/*
 * A session waits for so many ids at a time, so often for one, and has so many in a wait set. One
 * more is LODE_ELIMIT, and the sentence says which of the three it was, and how many may be. The
 * session goes on.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdlib.h>
#include <string.h>

/* README.md: Limits. The sets that are full have all that a session may wait for. */
enum { SET_IDS = 262144, OF_ONE_ID = 8192, FULL_SETS = 4 };

static void
sentence_has(const char *limit, const char *advice)
{
    expect_text(lode_last_error(), limit);
    expect_text(lode_last_error(), advice);
}

static void
of_one_id(lode *db, lode_id id)
{
    lode_waitset **sets = calloc(OF_ONE_ID + 1, sizeof *sets);
    char text[LODE_ID_TEXT_SIZE];
    lode_id ids[2] = {id, {{0}}};
    must(lode_id_random(&ids[1]));
    lode_id_format(id, text);
    for (int i = 0; i < OF_ONE_ID; i++) {
        must(lode_waitset_open(db, &sets[i]));
        must(lode_waitset_add(sets[i], &id, 1));
    }
    must(lode_waitset_open(db, &sets[OF_ONE_ID]));
    fails(lode_waitset_add(sets[OF_ONE_ID], &id, 1), LODE_ELIMIT);
    sentence_has("up to 8192 threads and wait sets", "another session");
    sentence_has(text, "share a wait");
    fails(lode_wait(db, ids, 2, 1, 100, NULL, NULL), LODE_ELIMIT);
    sentence_has("up to 8192 threads and wait sets", text);
    must(lode_waitset_add(sets[OF_ONE_ID], &ids[1], 1)); /* another one can be awaited */
    for (int i = 0; i <= OF_ONE_ID; i++) {
        lode_waitset_close(sets[i]);
    }
    free(sets);
}

static void
of_a_set_and_of_a_session(lode *db, const lode_id *ids)
{
    lode_waitset *sets[FULL_SETS], *more;
    for (int i = 0; i < FULL_SETS; i++) {
        must(lode_waitset_open(db, &sets[i]));
        must(lode_waitset_add(sets[i], &ids[i * SET_IDS], SET_IDS));
    }
    fails(lode_waitset_add(sets[0], &ids[SET_IDS], 1), LODE_ELIMIT);
    sentence_has("up to 262144 ids", "a second set");
    must(lode_waitset_open(db, &more));
    fails(lode_waitset_add(more, &ids[FULL_SETS * SET_IDS], 1), LODE_ELIMIT);
    sentence_has("up to 1048576 ids at a time", "another session");
    must(lode_waitset_remove(sets[1], &ids[SET_IDS], 1));
    must(lode_waitset_add(more, &ids[FULL_SETS * SET_IDS], 1));
    for (int i = 0; i < FULL_SETS; i++) {
        lode_waitset_close(sets[i]);
    }
    lode_waitset_close(more);
}

static void
what_is_held_and_missing_is_told_by_its_place(lode *db, const lode_id *missing)
{
    lode_id held[3] = {{{0}}}, id;
    lode_create_options options = {.struct_size = sizeof options, .holds = held, .hold_count = 3};
    must(lode_put(db, "x", 1, 0, &held[0]));
    must(lode_put(db, "y", 1, 0, &held[1]));
    held[2] = *missing;
    fails(lode_put_with(db, "z", 1, &options, 0, &id), LODE_EGONE);
    sentence_has("id 2 of 3", "holds");
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t store = store_start(16 << 20);
    lode *db = store_open(), *maker = store_open();
    lode_id *ids = calloc(FULL_SETS * SET_IDS + 1, sizeof *ids), chosen;
    must(lode_reserve(maker, FULL_SETS * SET_IDS + 1, ids));
    of_one_id(db, ids[0]);
    of_a_set_and_of_a_session(db, ids);
    must(lode_id_random(&chosen));
    what_is_held_and_missing_is_told_by_its_place(db, &chosen);
    free(ids);
    lode_close(db);
    lode_close(maker);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
