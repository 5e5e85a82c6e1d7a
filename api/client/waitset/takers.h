/*
 * takers.h: the threads that sleep in lode_waitset_take() of one set. A taker is a waiter at the
 * store's socket (waiters.h) whose watch gets no notices: the set wakes its takers itself, as many
 * as there are ids to take. Functions in `_locked` are called with calls->mu held.
 */
#ifndef LODE_CLIENT_WAITSET_TAKERS_H
#define LODE_CLIENT_WAITSET_TAKERS_H

#include <lode/error.h>
#include <stdbool.h>
#include <stdint.h>

struct lode_store_calls;
struct lode_taker;

/* Wakes `most` of those that were not woken yet, or all; NULL: there are none. */
void lode_takers_wake_locked(struct lode_taker *takers, uint32_t most);

/*
 * Sleeps as one of the takers until it is woken, which it is already if `is_woken`. It may have
 * been woken for what it does not take: then the caller wakes another one.
 *
 * Errors: LODE_ETIMEDOUT, LODE_EDOWN (no sentences)
 */
LODE_MUST_CHECK lode_err lode_takers_sleep_locked(struct lode_taker **takers,
                                                  struct lode_store_calls *calls, bool is_woken,
                                                  int64_t deadline);

#endif
