/*
 * A wait for many ids of the user's choice that the store watches by a filter, when not all goes
 * well. The test plays the store.
 */
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/client/store/many.h"
#include "api/client/store/wait.h"
#include "tests/unit/api/await_fixture.h"

#include <poll.h>
#include <pthread.h>

TestSuite(wait_filter, .init = await_setup, .fini = await_teardown, .timeout = 60);

enum { COUNT = LODE_FILTER_LEAST, SHORT_MS = 50, LOOKS_MS = 10 };

static lode_id ids[COUNT + 1];

static void
make_ids(void)
{
    for (size_t i = 0; i <= COUNT; i++) {
        ids[i] = lode_id_make(LODE_ID_USER, 0, i + 1);
    }
}

static void
put(size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        fake_index_add(&fake, (uint32_t)i + 1, ids[i], LODE_ENTRY_SEALED);
    }
}

/* ---- the store ---- */

static union {
    struct lode_msg_head head;
    struct lode_msg_watch watch;
    struct lode_msg_watch_filter filter;
    uint8_t bytes[1 << 16];
} packet;

static void
receive_packet(enum lode_store_msg type)
{
    cr_assert_lt(0, recv(store, &packet, sizeof packet, 0));
    cr_assert_eq(packet.head.type, type);
}

static void
answer_ok(void)
{
    struct lode_msg_head ok = {.type = LODE_MSG_OK, .tag = packet.head.tag};
    cr_assert_eq(send(store, &ok, sizeof ok, 0), (ssize_t)sizeof ok);
}

/* The filter is armed by it. Returns the cookie. */
static uint64_t
receive_filter(void)
{
    receive_packet(LODE_MSG_WATCH_FILTER);
    cr_assert_eq(packet.filter.count, COUNT);
    return packet.filter.cookie;
}

static void
tell(uint64_t cookie, const lode_id *told, uint32_t count, enum lode_found status)
{
    static struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[COUNT];
    } notify;
    notify.head =
        (struct lode_msg_watch){.head.type = LODE_MSG_NOTIFY, .cookie = cookie, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        notify.ready[i] = (struct lode_msg_ready){.id = told[i], .status = status};
    }
    size_t size = sizeof notify.head + count * sizeof notify.ready[0];
    cr_assert_eq(send(store, &notify, size, 0), (ssize_t)size);
}

static void
tell_nothing(uint64_t cookie, enum lode_found status)
{
    tell(cookie, &(lode_id){{0}}, 1, status);
}

/* ---- the wait ---- */

static pthread_t thread;

static void
be_store(void *(*plays)(void *arg), void *arg)
{
    make_ids();
    db.row = &fake.rows[db.number];
    cr_assert_eq(pthread_create(&thread, NULL, plays, arg), 0);
}

static lode_err
wait_for(size_t count, int64_t timeout_ms)
{
    lode_err err = lode_wait(&db, ids, count, count, timeout_ms, NULL, NULL);
    pthread_join(thread, NULL);
    return err;
}

static lode_err
interrupted_from_the_second_time_on(void *arg)
{
    int *times = arg;
    return ++*times < 2 ? LODE_OK : lode_fail_with(LODE_ECANCELLED, "the task was cancelled");
}

static void *
say_look_again_and_again(void *arg)
{
    uint64_t cookie = receive_filter();
    struct pollfd at = {.fd = store, .events = POLLIN};
    int *looks = arg;
    answer_ok();
    while (poll(&at, 1, LOOKS_MS) == 0) {
        tell_nothing(cookie, LODE_FOUND_LOOK);
        ++*looks;
    }
    receive_packet(LODE_MSG_UNWATCH);
    answer_ok();
    return NULL;
}

Test(wait_filter, ends_when_it_is_cancelled_however_often_the_store_says_look)
{
    int times = 0, looks = 0;
    const struct lode_session_hooks table = {.arg = &times,
                                             .interrupted = interrupted_from_the_second_time_on};
    lode_hooks_install(&db.hooks, LODE_HOOKS_WORKER, &table);
    be_store(say_look_again_and_again, &looks);
    cr_assert_eq(wait_for(COUNT, LODE_FOREVER), LODE_ECANCELLED);
    cr_assert_eq(times, 2);
    cr_assert_lt(0, looks);
}

static void *
end_the_filter_when_so_many_are_there(void *arg)
{
    const size_t *there = arg;
    uint64_t cookie = receive_filter();
    answer_ok();
    tell(cookie, ids, COUNT / 2, LODE_FOUND_SEALED);
    tell_nothing(cookie, LODE_FOUND_STARVED);
    receive_packet(LODE_MSG_UNWATCH); /* the look at what was before the filter is over */
    cr_assert_eq(packet.watch.drain, 0);
    put(COUNT / 2, *there);
    answer_ok();
    return NULL;
}

Test(wait_filter, that_has_gone_fails_for_want_of_reading_if_not_all_is_there)
{
    size_t there = COUNT - 1;
    be_store(end_the_filter_when_so_many_are_there, &there);
    cr_assert_eq(wait_for(COUNT, LODE_FOREVER), LODE_ENOMEM);
    cr_assert_not_null(strstr(lode_last_error(), "did not read"));
}

Test(wait_filter, that_has_gone_is_over_if_all_is_there)
{
    size_t there = COUNT;
    be_store(end_the_filter_when_so_many_are_there, &there);
    cr_assert_eq(wait_for(COUNT, LODE_FOREVER), LODE_OK);
}

/* ---- promised ids ---- */

/* In no order: no part of them is a row. */
static void
make_promised_ids(void)
{
    for (size_t i = 0; i <= COUNT; i++) {
        ids[i] = lode_id_make(LODE_ID_PUT, db.number + 1, 1 + i * (i + 1) / 2 % (2 * COUNT));
    }
}

static void
answer_check(void)
{
    struct {
        struct lode_msg_check head;
        uint8_t bits[2 * COUNT / 8];
    } none = {.head = {.head = {.type = LODE_MSG_CHECKED, .tag = packet.head.tag}}};
    const struct lode_msg_check *asked = (const void *)&packet;
    size_t size = sizeof none.head + (asked->count + 7) / 8;
    cr_assert(size <= sizeof none);
    none.head.count = asked->count;
    cr_assert_eq(send(store, &none, size, 0), (ssize_t)size);
}

/* `arg`: how many filters there were. The first goes, by the second all are told. */
static void *
end_the_first_filter(void *arg)
{
    int *filters = arg;
    uint64_t cookie = 0;
    bool told = false;
    for (;;) {
        struct pollfd at = {.fd = store, .events = POLLIN};
        if (*filters == 2 && !told && poll(&at, 1, SHORT_MS) == 0) { /* the wait goes on */
            tell(cookie, ids, COUNT, LODE_FOUND_SEALED);
            told = true;
        }
        cr_assert_lt(0, recv(store, &packet, sizeof packet, 0));
        switch (packet.head.type) {
        case LODE_MSG_WATCH_FILTER:
            cookie = packet.filter.cookie;
            cr_assert_eq(packet.filter.count, COUNT + 1); /* and the row of their session */
            answer_ok();
            if (++*filters == 1) {
                tell_nothing(cookie, LODE_FOUND_STARVED);
            }
            break;
        case LODE_MSG_CHECK:
            answer_check();
            break;
        default:
            cr_assert_eq(packet.head.type, LODE_MSG_UNWATCH);
            answer_ok();
            if (*filters == 2) {
                cr_assert(told);
                return NULL;
            }
        }
    }
}

Test(wait_filter, of_promised_ids_that_has_gone_is_armed_anew)
{
    int filters = 0;
    be_store(end_the_first_filter, &filters);
    make_promised_ids();
    cr_assert_eq(wait_for(COUNT, LODE_FOREVER), LODE_OK);
    cr_assert_eq(filters, 2);
}

/* ---- the end of the time ---- */

static void *
say_look_when_the_time_is_up(void *arg)
{
    uint64_t cookie = receive_filter();
    (void)arg;
    answer_ok();
    receive_packet(LODE_MSG_UNWATCH);
    cr_assert_eq(packet.watch.drain, 0, "what a filter watches comes by no ring");
    put(0, COUNT);
    tell_nothing(cookie, LODE_FOUND_LOOK);
    answer_ok();
    return NULL;
}

Test(wait_filter, looks_once_more_if_the_store_said_so_when_the_time_was_up)
{
    be_store(say_look_when_the_time_is_up, NULL);
    cr_assert_eq(wait_for(COUNT, SHORT_MS), LODE_OK);
}

/* The client has waited for the answer: so its time is up by its own clock. */
static void *
tell_all_when_the_time_is_up(void *arg)
{
    int64_t start_ns = lode_now_ns();
    uint64_t cookie = receive_filter();
    (void)arg;
    while (lode_now_ns() < start_ns + 2 * INT64_C(1000000) * SHORT_MS) {
        sched_yield();
    }
    tell(cookie, ids, COUNT, LODE_FOUND_SEALED);
    answer_ok();
    receive_packet(LODE_MSG_UNWATCH);
    cr_assert_eq(packet.watch.drain, 0);
    answer_ok();
    return NULL;
}

static lode_err
never_interrupted(void *arg)
{
    int *times = arg;
    ++*times;
    return LODE_OK;
}

Test(wait_filter, that_was_told_all_when_its_time_was_up_is_not_late)
{
    int times = 0;
    const struct lode_session_hooks table = {.arg = &times, .interrupted = never_interrupted};
    lode_hooks_install(&db.hooks, LODE_HOOKS_WORKER, &table);
    be_store(tell_all_when_the_time_is_up, NULL);
    cr_assert_eq(wait_for(COUNT, SHORT_MS), LODE_OK);
    cr_assert_eq(times, 1, "before it sleeps");
}

static void *
expect_a_drain(void *arg)
{
    (void)arg;
    receive_filter();
    answer_ok();
    receive_packet(LODE_MSG_WATCH);
    cr_assert_eq(packet.watch.count, 1);
    receive_packet(LODE_MSG_UNWATCH);
    cr_assert_eq(packet.watch.drain, 1);
    answer_ok();
    return NULL;
}

Test(wait_filter, has_rings_drained_when_its_time_is_up_if_others_are_watched_too)
{
    be_store(expect_a_drain, NULL);
    ids[COUNT] = lode_id_reserve(1, 1);
    cr_assert_eq(wait_for(COUNT + 1, SHORT_MS), LODE_ETIMEDOUT);
}
