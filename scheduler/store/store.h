/*
 * store.h: the scheduler as a client of the store: what the core asks of it, and its answers as
 * events. Asking is done under the core's lock, on any thread, and never waits; answers and error
 * objects are the main thread's.
 */
#ifndef LODE_SCHEDULER_STORE_H
#define LODE_SCHEDULER_STORE_H

#include "api/cluster/paths.h"
#include "scheduler/drive/drive.h"
#include "scheduler/drive/loop.h"

struct store_client;

/*
 * Attaches, and joins the loop; `lost` is called when the store has died.
 * Errors  LODE_EDOWN no store runs; LODE_ESYS; those of lode_store_async_open()
 */
LODE_MUST_CHECK lode_err store_open(const struct lode_paths *paths, struct loop *loop,
                                    void (*lost)(void *arg), void *arg,
                                    struct store_client **store_out);

/* Before the loop runs: the answers are events of this drive. */
void store_serve(struct store_client *store, struct drive *drive);

/*
 * WATCH, UNWATCH, SETTLE, RESULTS; under the core's lock. What is asked is answered by the store,
 * or the scheduler ends: for lack of memory (core_need()), or because `lost` is called. The core
 * never has to guess an answer: "nobody waits for this result", where somebody does, would let that
 * program wait for ever.
 */
void store_action_locked(struct store_client *store, const struct core_action *action);

/* PUT_ERROR without `copy_from`, likewise; main thread, no lock. */
void store_put_error(struct store_client *store, const struct core_action *action);

/*
 * Queues the action as an errand of that type once the store has answered all SETTLEs, RESULTS and
 * PUT_ERRORs that it was asked until now, and the core has heard of it. Main thread, no lock.
 */
void store_add_errand_after(struct store_client *store, const struct core_action *action,
                            uint16_t type);

#endif
