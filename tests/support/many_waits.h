/*
 * many_waits.h: waits for many ids, for the stories about the ways in which the store watches
 * them: threads that wait, and what holds for each way.
 */
#ifndef TESTS_SUPPORT_MANY_WAITS_H
#define TESTS_SUPPORT_MANY_WAITS_H

#include "api/base/clock.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { HANG_MS = 50000, GRACE_NS = 1000000000 };

static inline void
put_under(lode *db, lode_id id)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_put_with(db, "x", 1, &options, LODE_FOREVER, NULL));
}

/* A thread that waits for `want` of `ids`. */
struct waiter {
    lode *db;
    const lode_id *ids;
    size_t count, want, found;
    bool *ready;
    lode_err err;
    _Atomic bool ended;
    pthread_t thread;
};

static inline void *
wait_for(void *arg)
{
    struct waiter *w = arg;
    w->err = lode_wait(w->db, w->ids, w->count, w->want, LODE_FOREVER, w->ready, &w->found);
    atomic_store(&w->ended, true);
    return NULL;
}

static inline void
start(struct waiter *w, lode *db, const lode_id *ids, size_t count, size_t want)
{
    *w = (struct waiter){.db = db, .ids = ids, .count = count, .want = want};
    w->ready = calloc(count, sizeof *w->ready);
    expect_eq(pthread_create(&w->thread, NULL, wait_for, w), 0);
}

/* All that was wanted, and how many were ready. */
static inline size_t
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

/* A wait for all of `given` ends with the last of `ids`, in whatever order they are put. */
static inline void
the_last_one_ends_the_wait(lode *db, lode *other, const lode_id *ids, size_t count,
                           const lode_id *given, size_t given_count, bool backwards)
{
    struct waiter waiter;
    start(&waiter, db, given, given_count, given_count);
    for (size_t i = 0; i < count; i++) {
        put_under(other, ids[backwards ? count - 1 - i : i]);
    }
    expect_eq(finish(&waiter), given_count);
    lode_drop_many(other, ids, count);
}

/*
 * What is put, given up and dropped counts, and what will never come since its maker's session has
 * ended. The first of `ids` are those of the first maker. Closes all of them.
 */
static inline void
all_ends_count(lode *db, lode **makers, size_t maker_count, const lode_id *ids, size_t count)
{
    struct waiter waiter;
    lode_draft draft;
    lode_create_options options = {.struct_size = sizeof options, .id = ids[7]};
    put_under(makers[0], ids[5]);
    must(lode_create(makers[0], 10, &options, HANG_MS, &draft));
    start(&waiter, db, ids, count, 2);
    lode_abort(&draft);
    (void)finish(&waiter);
    start(&waiter, db, ids, count, count);
    put_under(makers[0], ids[6]);
    lode_drop(makers[0], ids[6]);
    for (size_t i = 0; i < maker_count; i++) {
        lode_close(makers[i]);
    }
    expect_eq(finish(&waiter), count);
    must(lode_wait(db, ids, count, count, HANG_MS, NULL, NULL));
}

/*
 * What is there, all of it; unless the store had no CPU to answer for the second that a call gives
 * it beyond its time.
 */
static inline size_t
found_in_time(lode *db, const lode_id *ids, size_t count, bool *ready)
{
    size_t found = 0;
    int64_t start_ns, took_ns;
    do {
        start_ns = lode_now_ns();
        fails(lode_wait(db, ids, count, count, 1, ready, &found), LODE_ETIMEDOUT);
        took_ns = lode_now_ns() - start_ns;
    } while (took_ns > GRACE_NS);
    return found;
}

/*
 * Each time one more is there. A wait that left something behind would come to the limits of a
 * session after some rounds. `look` is called after each round.
 */
static inline void
a_wait_whose_time_is_up_tells_and_leaves_nothing(lode *db, lode *other, const lode_id *ids,
                                                 size_t count, size_t times, void (*look)(size_t))
{
    bool *ready = calloc(count, sizeof *ready);
    for (size_t i = 0; i < times; i++) {
        put_under(other, ids[i * 1000]);
        expect_eq(found_in_time(db, ids, count, ready), i + 1);
        if (look != NULL) {
            look(i);
        }
        expect(ready[i * 1000] && !ready[i * 1000 + 1]);
        must(lode_wait(db, ids, count, i + 1, HANG_MS, NULL, NULL));
    }
    for (size_t i = 0; i < times; i++) {
        lode_drop(other, ids[i * 1000]);
    }
    free(ready);
}

/* More threads than a session may have watches of that kind: the others wait id by id. */
static inline void
threads_beyond_the_limit_wait_all_the_same(lode *db, lode *other, const lode_id *ids, size_t count,
                                           int threads)
{
    struct waiter *waiters = calloc((size_t)threads, sizeof *waiters);
    for (int i = 0; i < threads; i++) {
        start(&waiters[i], db, ids, count, count);
    }
    for (size_t i = 0; i < count; i++) {
        put_under(other, ids[i]);
    }
    for (int i = 0; i < threads; i++) {
        expect_eq(finish(&waiters[i]), count);
    }
    free(waiters);
    lode_drop_many(other, ids, count);
}

#endif
