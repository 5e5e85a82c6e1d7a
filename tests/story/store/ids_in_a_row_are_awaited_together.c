/*
 * lode_wait() of many ids in a row, which the store watches as one range: it ends when enough of
 * them are there, were given up or will never come, whoever puts them, and in whatever order the
 * caller names them. When its time is up it says which are there, also those of which nobody has
 * told the store. It leaves nothing in the store.
 */
#include "api/base/clock.h"
#include "api/client/store/rows.h"
#include "api/wire/store_msg.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { HANG_MS = 50000, MANY = 2 * LODE_ROW_LEAST, WATCHES = 16, GRACE_NS = 1000000000 };

static void
put_under(lode *db, lode_id id)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_put_with(db, "x", 1, &options, LODE_FOREVER, NULL));
}

/* A thread that waits for all of `ids`. */
struct waiter {
    lode *db;
    const lode_id *ids;
    size_t count, want, found;
    bool *ready;
    lode_err err;
    pthread_t thread;
};

static void *
wait_for(void *arg)
{
    struct waiter *w = arg;
    w->err = lode_wait(w->db, w->ids, w->count, w->want, HANG_MS, w->ready, &w->found);
    return NULL;
}

static void
start(struct waiter *w, lode *db, const lode_id *ids, size_t count, size_t want)
{
    *w = (struct waiter){.db = db, .ids = ids, .count = count, .want = want};
    w->ready = calloc(count, sizeof *w->ready);
    expect_eq(pthread_create(&w->thread, NULL, wait_for, w), 0);
}

/* All that was wanted, and how many were ready. */
static size_t
finish(struct waiter *w)
{
    pthread_join(w->thread, NULL);
    must(w->err);
    expect(w->found >= w->want);
    size_t count = 0;
    for (size_t i = 0; i < w->count; i++) {
        count += w->ready[i];
    }
    expect_eq(count, w->found);
    free(w->ready);
    return count;
}

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
the_last_one_ends_the_wait(lode *db, lode *other, bool backwards)
{
    static lode_id ids[2 * MANY], mixed[4 * MANY];
    lode_id alone[2];
    struct waiter waiter;
    must(lode_reserve(other, 2 * MANY, ids));
    must(lode_id_random(&alone[0]));
    must(lode_id_random(&alone[1]));
    size_t count = mix(ids, alone, mixed);
    start(&waiter, db, mixed, count, count);
    for (size_t i = 0; i < 2; i++) {
        put_under(other, alone[i]);
    }
    for (size_t i = 0; i < 2 * MANY; i++) {
        put_under(other, ids[backwards ? 2 * MANY - 1 - i : i]);
    }
    expect_eq(finish(&waiter), count);
    for (size_t i = 0; i < 2 * MANY; i++) {
        lode_drop(other, ids[i]);
    }
    lode_drop(other, alone[0]);
    lode_drop(other, alone[1]);
}

/* What is put, given up and dropped, and what will never come. */
static void
all_ends_count(lode *db)
{
    static lode_id ids[MANY];
    lode *other = store_open();
    struct waiter waiter;
    lode_draft draft;
    must(lode_reserve(other, MANY, ids));
    lode_create_options options = {.struct_size = sizeof options, .id = ids[7]};
    put_under(other, ids[5]);
    must(lode_create(other, 10, &options, HANG_MS, &draft));
    start(&waiter, db, ids, MANY, 2);
    lode_abort(&draft);
    (void)finish(&waiter);
    start(&waiter, db, ids, MANY, MANY);
    put_under(other, ids[6]);
    lode_close(other);
    expect_eq(finish(&waiter), MANY);
    must(lode_wait(db, ids, MANY, MANY, HANG_MS, NULL, NULL));
}

/*
 * What is there, all of it; unless the store had no CPU to answer for the second that a call gives
 * it beyond its time.
 */
static size_t
found_in_time(lode *db, const lode_id *ids, size_t count, bool *ready)
{
    size_t found = 0;
    int64_t start, took;
    do {
        start = lode_now_ns();
        fails(lode_wait(db, ids, count, count, 1, ready, &found), LODE_ETIMEDOUT);
        took = lode_now_ns() - start;
    } while (took > GRACE_NS);
    return found;
}

/*
 * Each time a few more are there. A wait that left something behind would come to the limits of
 * a session after some rounds, and then go on id by id, up to the limit of these.
 */
static void
a_wait_whose_time_is_up_tells_and_leaves_nothing(lode *db, lode *other)
{
    enum { COUNT = LODE_SESSION_WAITS_MAX / 4 };
    lode_id *ids = calloc(COUNT, sizeof *ids);
    bool *ready = calloc(COUNT, sizeof *ready);
    must(lode_reserve(other, COUNT, ids));
    for (size_t i = 0; i < WATCHES + 4; i++) {
        put_under(other, ids[i * 1000]);
        expect_eq(found_in_time(db, ids, COUNT, ready), i + 1);
        expect(ready[i * 1000] && !ready[i * 1000 + 1]);
        must(lode_wait(db, ids, COUNT, i + 1, HANG_MS, NULL, NULL));
    }
    for (size_t i = 0; i < WATCHES + 4; i++) {
        lode_drop(other, ids[i * 1000]);
    }
    free(ready);
    free(ids);
}

/* More threads than a session may have rows: the others wait id by id. */
static void
threads_beyond_the_limit_of_rows_wait_all_the_same(lode *db, lode *other)
{
    static lode_id ids[MANY];
    struct waiter waiters[WATCHES + 4];
    must(lode_reserve(other, MANY, ids));
    for (int i = 0; i < WATCHES + 4; i++) {
        start(&waiters[i], db, ids, MANY, MANY);
    }
    for (size_t i = 0; i < MANY; i++) {
        put_under(other, ids[i]);
    }
    for (int i = 0; i < WATCHES + 4; i++) {
        expect_eq(finish(&waiters[i]), MANY);
    }
    for (size_t i = 0; i < MANY; i++) {
        lode_drop(other, ids[i]);
    }
}

static void
story(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    pid_t store = store_start(64 << 20);
    lode *db = store_open(), *other = store_open();
    the_last_one_ends_the_wait(db, other, false);
    the_last_one_ends_the_wait(db, other, true);
    all_ends_count(db);
    a_wait_whose_time_is_up_tells_and_leaves_nothing(db, other);
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
