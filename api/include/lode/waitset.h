/*
 * waitset.h: wait sets. A program adds ids once, and takes those that are ready as they come, in
 * one thread or several, or in an event loop. Stable.
 *
 * An id is ready if a get of it would not wait: its object is sealed, failed, was given up, or will
 * never come. lode_get() then says which. A set is one-shot: an id that was added is handed out
 * once, and is in the set no more. It may be added again.
 *
 * A set belongs to its session. When that is closed, every call from then on but
 * lode_waitset_close() gives LODE_ECLOSED; in a task that is when the task returns (what is left of
 * it in the worker, some 300 bytes, stays). No thread may be in a call with the set while its
 * session is closed: one that waits in lode_waitset_take() returns with LODE_ENOTFOUND when
 * lode_waitset_remove() has taken the last id out. A child after fork() has no set, as it has no
 * session: LODE_EFORKED.
 *
 * Threads, and the errors of every call: see `lode` in cluster.h.
 */
#ifndef LODE_WAITSET_H
#define LODE_WAITSET_H

#include "object.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lode_waitset lode_waitset;

enum { LODE_WAITSET_IDS_MAX = 1 << 18 }; /* in one set at a time */

/*
 * Makes an empty set. It takes nothing in the store until ids are added.
 *
 * Ownership  the caller ends it with lode_waitset_close(), before or after lode_close()
 * Blocking   never; no message
 * Errors     LODE_ENOMEM
 */
LODE_API LODE_MUST_CHECK lode_err lode_waitset_open(lode *db, lode_waitset **set_out);

/*
 * Ends a set. The objects stay as they are. NULL: nothing. No other thread may be in a call with
 * the set. Waits for no answer of the store, but 5 s at most for one that reads no messages.
 */
LODE_API void lode_waitset_close(lode_waitset *set);

/*
 * Adds ids. One that is in the set already, given twice, or added before and not taken yet, counts
 * once. After a failure some of them may be in the set: lode_waitset_remove() takes them out.
 *
 *   ids  any number of them, of objects that are there or still to come
 *
 * Ownership  the set takes no references: what nobody refers to may be gone when it is handed out
 * Blocking   a message and its answer for up to 2,048 ids each; no message for ids whose objects
 *            are there
 * Errors     LODE_EINVAL  a zero id; then none was added
 *            LODE_ELIMIT  more than LODE_WAITSET_IDS_MAX ids would be in the set, or the session
 *                         would wait for more than 1,048,576 objects, or with 8,192 sets and
 *                         threads for one object
 *            LODE_ENOMEM  this process or the store has no memory for so many
 *            LODE_ETIMEDOUT  the store does not answer (cluster.h)
 */
LODE_API LODE_MUST_CHECK lode_err lode_waitset_add(lode_waitset *set, const lode_id *ids,
                                                   size_t count);

/*
 * Takes ids out again, also while other threads wait. When this returns, none of them is handed out
 * any more. Ids that are not in the set: nothing.
 *
 * Blocking  a message and its answer for up to 2,048 ids each
 * Errors    LODE_ETIMEDOUT  the store does not answer (cluster.h). The ids are out of the set
 */
LODE_API LODE_MUST_CHECK lode_err lode_waitset_remove(lode_waitset *set, const lode_id *ids,
                                                      size_t count);

/*
 * Takes ids that are ready, in the order in which they became so: as many as there are, up to
 * `room`, and at least one. Of several threads that take, one gets each id.
 *
 *   ids_out    room for `room` ids
 *   count_out  how many were taken; set only on LODE_OK
 *
 * Blocking  until one is ready, up to timeout_ms. With 0: what the store has told until now; no
 *           message
 * Errors    LODE_ETIMEDOUT  none was ready
 *           LODE_ENOTFOUND  the set is empty, so none would come; also where another thread has
 *                           taken or removed the last one meanwhile
 *           LODE_EINVAL     room is 0
 *           LODE_EDOWN      the store has died; or the scheduler, and only results of tasks are
 *                           awaited. Where other ids are awaited, too, the results are ready then
 *           LODE_ECANCELLED the call would sleep in a task that was cancelled
 */
LODE_API LODE_MUST_CHECK lode_err lode_waitset_take(lode_waitset *set, int64_t timeout_ms,
                                                    lode_id *ids_out, size_t room,
                                                    size_t *count_out);

/*
 * A descriptor for poll() and epoll, which is readable as long as there may be something to take,
 * and when the store has died. It may be readable for nothing, while other threads of the session
 * ask the store: lode_waitset_take() with timeout 0 then says LODE_ETIMEDOUT. The scheduler's death
 * does not make it readable: a loop that waits for results of tasks takes with timeout 0 now and
 * then, once a second say, and is told LODE_EDOWN.
 *
 * Ownership  the set's: it is closed with the set, or its session. Do not read, write or close it
 * Blocking   never
 * Errors     LODE_ELIMIT, LODE_ESYS  no descriptor is left
 */
LODE_API LODE_MUST_CHECK lode_err lode_waitset_fd(lode_waitset *set, int *fd_out);

#ifdef __cplusplus
}
#endif
#endif
