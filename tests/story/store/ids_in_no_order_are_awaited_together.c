/*
 * lode_wait() of many promised ids in no order, which the store watches by a filter: it ends when
 * enough of them are there, were given up, were dropped or will never come, whoever puts them, of
 * however many sessions they are, and if ids of users' choice are among them. When its time is up
 * it says which are there, also those of which nobody has told the store. It leaves nothing.
 */
#include "api/client/store/many.h"
#include "tests/support/many_waits.h"
#include "tests/support/some_ids.h"

enum { MANY = 3 * LODE_FILTER_LEAST, THREADS = 12, STEP = 20 };

static void
reserve(lode *db, lode_id *ids, size_t count, size_t step)
{
    must(reserve_every(db, step, count, ids));
    shuffle(ids, count);
}

/* Of two sessions, of the user's choice, far from each other, and some twice. */
static void
of_the_mixed_the_last_one_ends_the_wait(lode *db, lode *other, bool backwards)
{
    enum { SORT = MANY / 2, COUNT = 3 * SORT };
    static lode_id ids[COUNT], mixed[COUNT + SORT];
    reserve(other, ids, SORT, 1);
    reserve(other, ids + SORT, SORT, STEP);
    for (size_t i = 2 * SORT; i < COUNT; i++) {
        must(lode_id_random(&ids[i]));
    }
    memcpy(mixed, ids, sizeof ids);
    memcpy(mixed + COUNT, ids + SORT / 2, SORT * sizeof ids[0]);
    shuffle(mixed, COUNT + SORT);
    the_last_one_ends_the_wait(db, other, ids, COUNT, mixed, COUNT + SORT, backwards);
}

static void
all_ends_of_several_sessions_count(lode *db)
{
    enum { SESSIONS = 3 };
    static lode_id ids[SESSIONS * MANY];
    lode *makers[SESSIONS];
    for (size_t i = 0; i < SESSIONS; i++) {
        makers[i] = store_open();
        reserve(makers[i], ids + i * MANY, MANY, i == 1 ? STEP : 1);
    }
    shuffle(ids + MANY, (SESSIONS - 1) * MANY);
    all_ends_count(db, makers, SESSIONS, ids, SESSIONS * MANY);
}

static void
a_wait_for_a_hundred_thousand_leaves_nothing(lode *db, lode *other, size_t step)
{
    enum { COUNT = 100000, TIMES = 12 };
    lode_id *ids = calloc(COUNT, sizeof *ids);
    reserve(other, ids, COUNT, step);
    a_wait_whose_time_is_up_tells_and_leaves_nothing(db, other, ids, COUNT, TIMES, NULL);
    free(ids);
}

static void
threads_beyond_the_limit_of_filters_wait_all_the_same(lode *db, lode *other)
{
    static lode_id ids[MANY];
    reserve(other, ids, MANY, 1);
    threads_beyond_the_limit_wait_all_the_same(db, other, ids, MANY, THREADS);
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
    all_ends_of_several_sessions_count(db);
    a_wait_for_a_hundred_thousand_leaves_nothing(db, other, 1);
    a_wait_for_a_hundred_thousand_leaves_nothing(db, other, STEP);
    threads_beyond_the_limit_of_filters_wait_all_the_same(db, other);
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
