/*
 * threads.h: what each thread of this process keeps for itself: a few free pin slots, and which
 * session it is in the middle of releasing a view of.
 *
 * A release clears its pin and then reads the session once more. Another thread may close the
 * session between the two, see no pin left, and free it. So the releasing thread writes the session
 * into `busy` before it clears the pin. The thread that frees a session first waits until no `busy`
 * names it.
 */
#ifndef LODE_CLIENT_THREADS_H
#define LODE_CLIENT_THREADS_H

#include <lode/cluster.h>
#include <stdatomic.h>

enum { LODE_THREAD_SLOTS = 13, LODE_THREAD_CACHES = 2 };

struct lode_thread_cache {
    uint64_t serial; /* of the session; 0: none */
    uint32_t count;
    uint32_t slot[LODE_THREAD_SLOTS];
};

struct lode_thread {
    struct lode_thread_cache cache[LODE_THREAD_CACHES]; /* by serial */
    _Atomic(const lode *) busy;
    bool in_call_refs; /* call_refs.h: takes or drops references of a call */
    struct lode_thread
        *next; /* all there ever were; a thread that ends leaves its own for others */
    _Atomic bool taken;
};

extern _Thread_local struct lode_thread *lode_thread_self
    __attribute__((tls_model("initial-exec")));

/* Makes this thread's record. NULL: no memory, or no pthread key is left to free it by. */
struct lode_thread *lode_thread_make(void);

static inline struct lode_thread *
lode_thread_get(void)
{
    struct lode_thread *self = lode_thread_self;
    return __builtin_expect(self != NULL, 1) ? self : lode_thread_make();
}

/*
 * A pin slot of the session.
 *
 *   answer_by  how long the store's answer is waited for where more slots must be asked for. 0: the
 *              store is not asked
 *
 * Errors  LODE_EAGAIN (no sentence) with answer_by 0: more must be asked for; LODE_ELIMIT too many
 *         views; LODE_ENOMEM; LODE_EDOWN, LODE_ETIMEDOUT when more had to be asked for
 */
LODE_MUST_CHECK lode_err lode_slot_take_slowly(lode *db, struct lode_thread *self,
                                               int64_t answer_by, uint32_t *slot_out);
void lode_slot_give_slowly(lode *db, struct lode_thread *self, uint32_t slot);

/* Waits until no thread is in a release of this session. The caller is in none. */
void lode_threads_leave(const lode *db);

#endif
