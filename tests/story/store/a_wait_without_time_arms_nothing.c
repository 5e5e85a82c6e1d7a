/*
 * lode_wait() with timeout 0 says of each of many ids whether a get would wait for it: for the ids
 * of the user's choice, those of a session that lives and those of one that has ended. What was put
 * just before counts, although nobody has told the store. And it takes nothing in the store: the
 * waits of a session have a limit, and more ids than that can be asked about.
 */
#include "api/wire/store_msg.h"
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdlib.h>

static void
wait_now(lode *db, const lode_id *ids, size_t count, size_t wanted, bool *ready)
{
    size_t found = 0;
    fails(lode_wait(db, ids, count, count, 0, ready, &found), LODE_ETIMEDOUT);
    expect_eq(found, wanted);
}

/* A few lie here and there, and each is the only one that counts. */
static void
those_that_are_there_are_found(lode *db, lode *other, lode_id *ids, size_t count)
{
    bool *ready = calloc(count, sizeof *ready);
    const size_t at[3] = {0, count / 2, count - 1};
    wait_now(db, ids, count, 0, ready);
    for (size_t i = 0; i < 3; i++) {
        lode_create_options options = {.struct_size = sizeof options, .id = ids[at[i]]};
        must(lode_put_with(other, "x", 1, &options, LODE_FOREVER, NULL));
        wait_now(db, ids, count, i + 1, ready);
        expect(ready[at[i]]);
        expect(count < 4 || !ready[1]);
    }
    must(lode_wait(db, ids, count, 3, 0, NULL, NULL));
    free(ready);
}

static void
chosen_ids(lode *db, lode *other, size_t count)
{
    lode_id *ids = calloc(count, sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        must(lode_id_random(&ids[i]));
    }
    those_that_are_there_are_found(db, other, ids, count);
    for (size_t i = 0; i < count; i++) {
        lode_drop(other, ids[i]);
    }
    free(ids);
}

/* A dropped one is gone: a get would not wait. All are when their session has ended. */
static void
reserved_ids(lode *db, size_t count)
{
    lode *other = store_open();
    lode_id *ids = calloc(count, sizeof *ids), *mixed = calloc(count, sizeof *ids);
    bool *ready = calloc(count, sizeof *ready);
    must(lode_reserve(other, count, ids));
    those_that_are_there_are_found(db, other, ids, count);
    lode_drop(other, ids[count / 2]);
    wait_now(db, ids, count, 3, ready);
    expect(ready[count / 2]);
    for (size_t i = 0; i < count; i++) { /* no rows */
        mixed[i] = ids[i * 7919 % count];
    }
    wait_now(db, mixed, count, 3, ready);
    lode_close(other);
    await_stat(db, sessions, 1);
    must(lode_wait(db, ids, count, count, 0, ready, NULL));
    must(lode_wait(db, mixed, count, count, 0, ready, NULL));
    free(ready);
    free(mixed);
    free(ids);
}

/* One more than the session could wait for. */
static void
more_than_can_be_armed(lode *db)
{
    size_t count = LODE_SESSION_WAITS_MAX + 1;
    lode_id *ids = calloc(count, sizeof *ids);
    must(lode_reserve(db, count, ids));
    wait_now(db, ids, count, 0, NULL);
    free(ids);
}

static void
story(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    pid_t store = store_start(64 << 20);
    lode *db = store_open(), *other = store_open();
    chosen_ids(db, other, 10);
    chosen_ids(db, other, 10000);
    lode_close(other);
    await_stat(db, sessions, 1);
    reserved_ids(db, 10);
    reserved_ids(db, 10000);
    more_than_can_be_armed(db);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
