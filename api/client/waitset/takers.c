#include "api/client/waitset/takers.h"

#include "api/client/channel/store_calls.h"
#include "api/client/channel/waiters.h"

struct lode_taker {
    struct lode_watch watch; /* its cookie is 0: no notice is for it; done: something is ready */
    struct lode_waiter waiter;
    struct lode_taker *next;
};

void
lode_takers_wake_locked(struct lode_taker *takers, uint32_t most)
{
    for (struct lode_taker *taker = takers; taker != NULL && most > 0; taker = taker->next) {
        if (!taker->watch.done) {
            taker->watch.done = true;
            lode_cond_signal(&taker->waiter.cond);
            most--;
        }
    }
}

static void
leave_locked(struct lode_taker **takers, struct lode_taker *taker)
{
    struct lode_taker **at = takers;
    while (*at != taker) {
        at = &(*at)->next;
    }
    *at = taker->next;
}

lode_err
lode_takers_sleep_locked(struct lode_taker **takers, struct lode_store_calls *calls, bool is_woken,
                         int64_t deadline)
{
    struct lode_taker taker = {.next = *takers}; /* the last one to come is warm */
    taker.waiter.watch = &taker.watch;
    lode_cond_init(&taker.waiter.cond);
    *takers = &taker;
    taker.watch.done = is_woken;
    lode_err err = lode_waiter_await_locked(calls, &taker.waiter, deadline);
    lode_waiters_hand_over_locked(calls);
    leave_locked(takers, &taker);
    lode_cond_fini(&taker.waiter.cond);
    return err;
}
