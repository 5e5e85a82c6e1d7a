/* Mutexes with ranks, condition variables with deadlines, and the clock that they share. */
#include "api/base/clock.h"
#include "api/base/lock.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct lode_mutex low;
static struct lode_mutex high;

static void
setup(void)
{
    lode_mutex_init(&low, LODE_LOCK_RING);
    lode_mutex_init(&high, LODE_LOCK_REAPER);
}

static void
teardown(void)
{
    lode_mutex_fini(&low);
    lode_mutex_fini(&high);
}

TestSuite(lock, .init = setup, .fini = teardown);

Test(lock, rising_ranks_are_fine)
{
    lode_mutex_lock(&low);
    lode_mutex_lock(&high);
    lode_mutex_assert_held(&low);
    lode_mutex_assert_held(&high);
    lode_mutex_unlock(&low);
    lode_mutex_unlock(&high);
    lode_mutex_lock(&low);
    lode_mutex_unlock(&low);
}

#ifndef NDEBUG
Test(lock, a_falling_rank_is_caught, .signal = SIGABRT)
{
    lode_mutex_lock(&high);
    lode_mutex_lock(&low);
}

Test(lock, unlocking_what_is_not_held_is_caught, .signal = SIGABRT)
{
    lode_mutex_unlock(&low);
}
#endif

static void *
try_it(void *arg)
{
    struct lode_mutex *mu = arg;
    bool got = lode_mutex_try_lock(mu);
    if (got) {
        lode_mutex_unlock(mu);
    }
    return got ? mu : NULL;
}

Test(lock, try_lock_never_waits)
{
    pthread_t thread;
    void *got;
    lode_mutex_lock(&low);
    pthread_create(&thread, NULL, try_it, &low);
    pthread_join(thread, &got);
    cr_assert_null(got);
    lode_mutex_unlock(&low);
    pthread_create(&thread, NULL, try_it, &low);
    pthread_join(thread, &got);
    cr_assert_not_null(got);
}

struct turn {
    struct lode_mutex mu;
    struct lode_cond cond;
    bool done;
};

static void *
take_a_turn(void *arg)
{
    struct turn *turn = arg;
    lode_mutex_lock(&turn->mu);
    turn->done = true;
    lode_cond_signal(&turn->cond);
    lode_mutex_unlock(&turn->mu);
    return NULL;
}

Test(lock, a_condition_wakes_or_times_out)
{
    struct turn turn = {.done = false};
    pthread_t thread;
    lode_mutex_init(&turn.mu, LODE_LOCK_RING);
    lode_cond_init(&turn.cond);
    lode_mutex_lock(&turn.mu);
    cr_assert(!lode_cond_wait(&turn.cond, &turn.mu, lode_deadline(1)));
    lode_mutex_assert_held(&turn.mu);
    pthread_create(&thread, NULL, take_a_turn, &turn);
    while (!turn.done) {
        cr_assert(lode_cond_wait(&turn.cond, &turn.mu, LODE_NEVER));
    }
    lode_mutex_unlock(&turn.mu);
    pthread_join(thread, NULL);
    lode_cond_fini(&turn.cond);
    lode_mutex_fini(&turn.mu);
}

Test(lock, deadlines_saturate)
{
    cr_assert(lode_deadline(LODE_FOREVER) == LODE_NEVER);
    cr_assert(lode_deadline(INT64_MAX) == LODE_NEVER);
    cr_assert(lode_remaining_ms(LODE_NEVER) == LODE_FOREVER);
    cr_assert(lode_remaining_ms(0) == 0);
    int64_t left = lode_remaining_ms(lode_deadline(100000));
    cr_assert(left > 90000 && left <= 100000);
}
