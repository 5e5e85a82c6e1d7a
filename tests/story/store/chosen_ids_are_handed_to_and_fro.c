/*
 * Two processes hand each other objects under ids that they have chosen. The store holds the answer
 * to a put that wakes the other side: each put is answered all the same, in good order, alone on
 * the machine and beside others that put.
 * ctest: ci 20000
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/handoff.h"
#include "tests/support/story.h"

#include <poll.h>
#include <stdlib.h>

enum { BESIDE = 2 };

static lode_err
put_under(lode *db, lode_id id, int64_t number)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    return lode_put_with(db, &number, sizeof number, &options, LODE_FOREVER, NULL);
}

static lode_id *
exchange_ids(struct child *other, long count, lode_id *others)
{
    lode_id *own = calloc((size_t)count, sizeof *own);
    for (long i = 0; i < count; i++) {
        must(lode_id_random(&own[i]));
    }
    handoff_exchange(other, own, others, count);
    return own;
}

static void
far_side(struct child *parent, void *arg)
{
    long count = *(long *)arg;
    lode *db = store_open();
    lode_id *others = calloc((size_t)count, sizeof *others);
    lode_id *own = exchange_ids(parent, count, others);
    for (long i = 0; i < count; i++) {
        int64_t number = handoff_take(db, others[i]) + 1;
        fails(put_under(db, others[i], 0), LODE_EEXIST); /* its putter may still wait for its OK */
        must(put_under(db, own[i], number));
        if (i > 0) {
            lode_drop(db, own[i - 1]);
        }
    }
    child_await(parent); /* the last answer was taken */
    lode_close(db);
    free(others);
    free(own);
}

static void
each_answer_follows_from_the_question(lode *db, long count)
{
    struct child other;
    child_start(&other, far_side, &count);
    lode_id *others = calloc((size_t)count, sizeof *others);
    lode_id *own = exchange_ids(&other, count, others);
    for (int64_t i = 0; i < count; i++) {
        must(put_under(db, own[i], i));
        if (i % 16 == 0) {
            fails(put_under(db, own[i], i), LODE_EEXIST);
        }
        expect_eq(handoff_take(db, others[i]), i + 1);
        lode_drop(db, own[i]);
    }
    child_signal(&other);
    child_must_end(&other);
    free(others);
    free(own);
}

/* Puts under ids of its own, for which nobody waits, until it is told to end. */
static void
putter(struct child *parent, void *arg)
{
    lode *db = store_open();
    bool goes_on = true;
    struct pollfd word = {.fd = parent->from, .events = POLLIN};
    (void)arg;
    child_signal(parent);
    while (goes_on) {
        lode_id id;
        must(lode_id_random(&id));
        must(put_under(db, id, 1));
        lode_drop(db, id);
        goes_on = poll(&word, 1, 0) == 0;
    }
    child_await(parent);
    lode_close(db);
}

static void
beside_others_it_is_the_same(lode *db, long count)
{
    struct child others[BESIDE];
    for (int i = 0; i < BESIDE; i++) {
        child_start(&others[i], putter, NULL);
        child_await(&others[i]);
    }
    each_answer_follows_from_the_question(db, count);
    for (int i = 0; i < BESIDE; i++) {
        child_signal(&others[i]);
        child_must_end(&others[i]);
    }
}

/* ---- one that waits, and does not put ---- */

/* The answer to its question comes when the store has counted all that it said of its wait. */
static void
waiter(struct child *parent, void *arg)
{
    lode_store_stats stats;
    lode *db = store_open();
    lode_id id;
    (void)arg;
    for (;;) {
        child_hear(parent, &id, sizeof id);
        if (lode_id_is_zero(id)) {
            break;
        }
        expect_eq(handoff_take(db, id), 7);
        must(lode_get_store_stats(db, &stats));
        child_signal(parent);
    }
    lode_close(db);
}

/* Nothing else happens in the store: nobody but itself sends the answer. */
static void
a_put_is_answered_though_nothing_follows(lode *db)
{
    enum { TIMES = 100 };
    struct child other;
    lode_id none = {{0}};
    child_start(&other, waiter, NULL);
    for (int i = 0; i < TIMES; i++) {
        lode_store_stats stats;
        lode_id id;
        must(lode_id_random(&id));
        must(lode_get_store_stats(db, &stats));
        child_say(&other, &id, sizeof id);
        await_stat(db, waits, stats.waits + 1); /* the store has heard that it waits */
        must(put_under(db, id, 7));
        child_await(&other);
        lode_drop(db, id);
    }
    child_say(&other, &none, sizeof none);
    child_must_end(&other);
}

static void
story(int argc, char **argv)
{
    long count = count_argument(argc, argv, 1, 2000);
    pid_t store = store_start(16 << 20);
    lode *db = store_open();
    a_put_is_answered_though_nothing_follows(db);
    each_answer_follows_from_the_question(db, count);
    beside_others_it_is_the_same(db, count);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
