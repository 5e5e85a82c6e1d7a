/*
 * lode_wait() of many ids in a row, which the store watches as one range: it ends when enough of
 * them are there, were given up or will never come, whoever puts them, and in whatever order the
 * caller names them. When its time is up it says which are there, also those of which nobody has
 * told the store. It leaves nothing in the store.
 */
#include "api/client/store/rows.h"
#include "api/wire/store_msg.h"
#include "tests/support/many_waits.h"

enum { MANY = 2 * LODE_ROW_LEAST, WATCHES = 16 };

/* Two rows, one with a step, a row that has ids of the first once more, and some by themselves. */
static size_t
mix(const lode_id *ids, const lode_id *alone, lode_id *mixed)
{
    size_t count = 0;
    for (size_t i = 0; i < MANY; i++) {
        mixed[count++] = ids[i];
    }
    mixed[count++] = alone[0];
    for (size_t i = 0; i < MANY; i += 2) {
        mixed[count++] = ids[MANY + i];
    }
    mixed[count++] = alone[1];
    for (size_t i = MANY / 2; i < MANY; i++) {
        mixed[count++] = ids[i];
    }
    mixed[count++] = ids[MANY - 1];
    mixed[count++] = ids[2 * MANY - 2];
    return count;
}

static void
of_the_mixed_the_last_one_ends_the_wait(lode *db, lode *other, bool backwards)
{
    static lode_id ids[2 + 2 * MANY], mixed[4 * MANY];
    must(lode_id_random(&ids[0]));
    must(lode_id_random(&ids[1]));
    must(lode_reserve(other, 2 * MANY, ids + 2));
    size_t count = mix(ids + 2, ids, mixed);
    the_last_one_ends_the_wait(db, other, ids, 2 + 2 * MANY, mixed, count, backwards);
}

static void
all_ends_of_a_row_count(lode *db)
{
    static lode_id ids[MANY];
    lode *maker = store_open();
    must(lode_reserve(maker, MANY, ids));
    all_ends_count(db, &maker, 1, ids, MANY);
}

/* What a session may watch of rows is used up after some rounds, if one of them is left. */
static void
a_wait_for_a_long_row_leaves_nothing(lode *db, lode *other)
{
    enum { COUNT = LODE_SESSION_WAITS_MAX / 4 };
    lode_id *ids = calloc(COUNT, sizeof *ids);
    must(lode_reserve(other, COUNT, ids));
    a_wait_whose_time_is_up_tells_and_leaves_nothing(db, other, ids, COUNT, WATCHES + 4, NULL);
    free(ids);
}

static void
threads_beyond_the_limit_of_rows_wait_all_the_same(lode *db, lode *other)
{
    static lode_id ids[MANY];
    must(lode_reserve(other, MANY, ids));
    threads_beyond_the_limit_wait_all_the_same(db, other, ids, MANY, WATCHES + 4);
}

static void
story(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    pid_t store = store_start(64 << 20);
    lode *db = store_open(), *other = store_open();
    of_the_mixed_the_last_one_ends_the_wait(db, other, false);
    of_the_mixed_the_last_one_ends_the_wait(db, other, true);
    all_ends_of_a_row_count(db);
    a_wait_for_a_long_row_leaves_nothing(db, other);
    threads_beyond_the_limit_of_rows_wait_all_the_same(db, other);
    lode_close(other);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
