/* The threads that sleep in lode_waitset_take(): which of them is woken, and what ends a sleep. */
#include "api/base/clock.h"
#include "api/client/waitset/takers.h"
#include "tests/unit/api/await_fixture.h"

#include <pthread.h>
#include <sched.h>

TestSuite(takers, .init = await_setup, .fini = await_teardown, .timeout = 120);

static struct lode_taker *takers; /* db.calls.mu */

static lode_err
sleep_as_taker(bool is_woken, int64_t deadline)
{
    lode_mutex_lock(&db.calls.mu);
    lode_err err = lode_takers_sleep_locked(&takers, &db.calls, is_woken, deadline);
    lode_mutex_unlock(&db.calls.mu);
    return err;
}

static void *
run(void *arg)
{
    *(lode_err *)arg = sleep_as_taker(false, INT64_MAX);
    return NULL;
}

/* The taker that came last; waits until it is another one than `last`, and sleeps. */
static struct lode_taker *
await_another(const struct lode_taker *last)
{
    for (;;) {
        lode_mutex_lock(&db.calls.mu);
        struct lode_taker *first = takers;
        bool is_led = db.calls.has_leader;
        lode_mutex_unlock(&db.calls.mu);
        if (first != last && is_led) {
            return first;
        }
        sched_yield();
    }
}

Test(takers, that_are_woken_already_do_not_sleep)
{
    cr_assert_eq(sleep_as_taker(true, INT64_MAX), LODE_OK);
    cr_assert_null(takers);
}

Test(takers, are_none_any_more_when_their_time_is_up)
{
    cr_assert_eq(sleep_as_taker(false, lode_now_ns()), LODE_ETIMEDOUT);
    cr_assert_null(takers);
    lode_takers_wake_locked(takers, UINT32_MAX);
}

/* The first one reads the socket, so it learns of the store's end. */
Test(takers, are_woken_one_for_each_id_and_the_last_to_come_before_the_others)
{
    pthread_t threads[3];
    lode_err errs[3];
    struct lode_taker *last = NULL;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, run, &errs[i]), 0);
        last = await_another(last);
    }
    lode_mutex_lock(&db.calls.mu);
    lode_takers_wake_locked(takers, 1);
    lode_takers_wake_locked(takers, 1); /* not the same one again */
    lode_mutex_unlock(&db.calls.mu);
    pthread_join(threads[2], NULL);
    pthread_join(threads[1], NULL);
    cr_assert_eq(errs[2], LODE_OK);
    cr_assert_eq(errs[1], LODE_OK);
    shutdown(store, SHUT_RDWR);
    pthread_join(threads[0], NULL);
    cr_assert_eq(errs[0], LODE_EDOWN);
    cr_assert_null(takers);
}
