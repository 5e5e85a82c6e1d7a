#include "api/base/lock.h"

#include "api/base/assert.h"
#include "api/base/clock.h"

#include <errno.h>
#include <stdint.h>

/*
 * Ranks that this thread holds, one bit each at most once; ranks are below 128. Only builds with
 * assertions look at them: what is thread-local in a library is scarce (fail.c).
 */
#ifdef NDEBUG
enum { held_ranks = 0 };
#define note_held(mu)
#define note_not_held(mu)
#else
static _Thread_local unsigned __int128 held_ranks;
#define note_held(mu)     (held_ranks |= (unsigned __int128)1 << (mu)->rank)
#define note_not_held(mu) (held_ranks &= ~((unsigned __int128)1 << (mu)->rank))
#endif

void
lode_mutex_init(struct lode_mutex *mu, enum lode_lock_rank rank)
{
    LODE_ASSERT(rank > 0 && rank < 128);
    LODE_ASSERT(pthread_mutex_init(&mu->mutex, NULL) == 0);
    mu->rank = rank;
    mu->held = false;
}

void
lode_mutex_fini(struct lode_mutex *mu)
{
    pthread_mutex_destroy(&mu->mutex);
}

static void
note_locked(struct lode_mutex *mu)
{
    note_held(mu);
    mu->holder = pthread_self();
    atomic_store_explicit(&mu->held, true, memory_order_relaxed);
}

void
lode_mutex_lock(struct lode_mutex *mu)
{
    LODE_DEBUG_ASSERT(held_ranks >> mu->rank == 0); /* rising ranks only */
    LODE_ASSERT(pthread_mutex_lock(&mu->mutex) == 0);
    note_locked(mu);
}

bool
lode_mutex_try_lock(struct lode_mutex *mu)
{
    if (pthread_mutex_trylock(&mu->mutex) != 0) {
        return false;
    }
    note_locked(mu);
    return true;
}

void
lode_mutex_unlock(struct lode_mutex *mu)
{
    lode_mutex_assert_held(mu);
    atomic_store_explicit(&mu->held, false, memory_order_relaxed);
    note_not_held(mu);
    LODE_ASSERT(pthread_mutex_unlock(&mu->mutex) == 0);
}

void
lode_mutex_assert_held(struct lode_mutex *mu)
{
    LODE_DEBUG_ASSERT(atomic_load_explicit(&mu->held, memory_order_relaxed));
    LODE_DEBUG_ASSERT(pthread_equal(mu->holder, pthread_self()));
    (void)mu;
}

void
lode_cond_init(struct lode_cond *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    LODE_ASSERT(pthread_cond_init(&cond->cond, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

void
lode_cond_fini(struct lode_cond *cond)
{
    pthread_cond_destroy(&cond->cond);
}

bool
lode_cond_wait(struct lode_cond *cond, struct lode_mutex *mu, long long deadline_ns)
{
    int result;
    lode_mutex_assert_held(mu);
    atomic_store_explicit(&mu->held, false, memory_order_relaxed);
    note_not_held(mu);
    if (deadline_ns == LODE_NEVER) {
        result = pthread_cond_wait(&cond->cond, &mu->mutex);
    } else {
        struct timespec limit = {deadline_ns / 1000000000, deadline_ns % 1000000000};
        result = pthread_cond_timedwait(&cond->cond, &mu->mutex, &limit);
    }
    note_locked(mu);
    return result != ETIMEDOUT;
}

void
lode_cond_signal(struct lode_cond *cond)
{
    pthread_cond_signal(&cond->cond);
}

void
lode_cond_broadcast(struct lode_cond *cond)
{
    pthread_cond_broadcast(&cond->cond);
}
