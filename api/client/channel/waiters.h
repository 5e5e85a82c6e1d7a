/*
 * waiters.h: the threads that wait at the store's socket, and the leader, which is the one of them
 * that reads it (store_calls.h). Part of store_calls.c. Functions in `_locked` are called with
 * calls->mu held.
 */
#ifndef LODE_CLIENT_WAITERS_H
#define LODE_CLIENT_WAITERS_H

#include <lode/lode.h>
#include <stdint.h>

struct lode_store_calls;
struct lode_waiter;

enum { LODE_SLICE_NS = 1000000000 }; /* a sleep at the socket ends after it, to look around */

/* A thread that has a question under way: its answer is brought to it. */
void lode_waiter_link_locked(struct lode_store_calls *calls, struct lode_waiter *waiter);
void lode_waiter_unlink_locked(struct lode_store_calls *calls, struct lode_waiter *waiter);

/*
 * Sleeps until the waiter's answer has come, or its watch is done; leads if no thread does.
 * Errors: LODE_EDOWN, LODE_ETIMEDOUT (no sentences)
 */
LODE_MUST_CHECK lode_err lode_waiter_await_locked(struct lode_store_calls *calls,
                                                  struct lode_waiter *waiter, int64_t deadline);

/* Reads what has come, without sleeping, unless another thread reads. */
void lode_waiters_read_locked(struct lode_store_calls *calls);

/*
 * The caller has been in lode_waiter_await_locked() and waits no more, or not now. Calls a thread
 * that sleeps: it must read the socket from now on.
 */
void lode_waiters_hand_over_locked(struct lode_store_calls *calls);

/* Ends what came with answers to questions that were given up. Waits for nothing. */
void lode_waiters_undo_lates(struct lode_store_calls *calls);

#endif
