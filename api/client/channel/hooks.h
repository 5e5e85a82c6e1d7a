/*
 * hooks.h: what the task client and the worker's runtime want to hear of a session. The session
 * knows neither of them: each puts a table of functions into a slot of its own.
 *
 * All functions are called without locks of the store side. Any of them may be NULL.
 */
#ifndef LODE_CLIENT_HOOKS_H
#define LODE_CLIENT_HOOKS_H

#include <lode/object.h>
#include <stdatomic.h>

enum lode_sleep {
    LODE_AWAKE = 0,
    LODE_SLEEPS,
    LODE_SLEEPS_FOR_ROOM /* in the store */
};

struct lode_session_hooks {
    void *arg;
    /*
     * This thread is about to sleep, in a get or a wait, or for room in the store; later: it goes
     * on.
     */
    void (*blocked)(void *arg, enum lode_sleep sleep);
    /*
     * Before a thread sleeps, and once a second while it does. Another value than LODE_OK ends the
     * call with that error, whose sentence the function has set: the task was cancelled, say.
     */
    lode_err (*interrupted)(void *arg);
    /* The same of a call that sleeps until the scheduler or a supervisor answers: it is never told
     * to make room for another, since nobody else's end is awaited. */
    lode_err (*stopped)(void *arg);
    /* The task that runs in this process; 0: none does. In the table of lode_hooks_set_host(). */
    uint64_t (*task)(void *arg);
    /* Once a second in a wait for `id`. Another value than LODE_OK ends the wait with that error,
     * whose sentence the function has set: the scheduler has ended, say. */
    lode_err (*pending)(void *arg, lode_id id);
    /* The session's references to `id` have changed: by +1 (put, seal, keep, name lookup) or -1
     * (drop). Not called for results that lode_session_draw() drew. */
    void (*referenced)(void *arg, lode_id id, int change);
    /* A reference to a result is about to be dropped. True: the store need not hear of it. */
    bool (*spares)(void *arg, lode_id id);
    /* The session's pins have changed: a view came out of a get, or is about to be released. */
    void (*pinned)(void *arg, const lode_view *view, bool pinned);
    /* The session's drafts have changed: one was created, or is about to be sealed or aborted. Not
     * called for those of lode_result_draft(). */
    void (*drafted)(void *arg, const lode_draft *draft, bool open);
    /* The session is about to be closed; everything of it still works. */
    void (*close)(void *arg);
    /*
     * In the child after fork: close descriptors. Take no locks, touch no memory of other threads.
     */
    void (*forked)(void *arg);
    /* The handle goes. Never called in a child after fork. */
    void (*destroy)(void *arg);
};

enum lode_hook_slot { LODE_HOOKS_TASKS = 0, LODE_HOOKS_WORKER = 1, LODE_HOOK_SLOTS };

/* Part of the session's handle; zeroed: nothing is installed. */
struct lode_hooks {
    _Atomic(const struct lode_session_hooks *) slot[LODE_HOOK_SLOTS];
};

/*
 * In a worker's process: what the slot LODE_HOOKS_WORKER of each session has that a task opens. A
 * task sleeps, and is cancelled, whichever of its sessions it sleeps in. A child after fork has
 * none. Set before there are tasks, and NULL when the worker ends.
 */
void lode_hooks_set_host(const struct lode_session_hooks *table);
const struct lode_session_hooks *lode_hooks_host(void); /* NULL: this is no worker */

/* As lode_hooks_stopped(), for a call that has no session yet. */
LODE_MUST_CHECK lode_err lode_hooks_host_stopped(void);

/* The task that runs in this process; 0: none does, or this is no worker. Any thread. */
uint64_t lode_hooks_task(void);

/* What is in a slot; NULL: nothing. No lock. */
static inline const struct lode_session_hooks *
lode_hooks_in(const struct lode_hooks *hooks, enum lode_hook_slot slot)
{
    return atomic_load_explicit(&hooks->slot[slot], memory_order_acquire);
}

/*
 * Puts a table into a slot that is empty; it must live until its `destroy` was called.
 * Returns what is in the slot afterwards: another table than `table` if the slot was taken.
 */
const struct lode_session_hooks *lode_hooks_install(struct lode_hooks *hooks,
                                                    enum lode_hook_slot slot,
                                                    const struct lode_session_hooks *table);

/* Each calls the function of that name in every slot that has one. */
void lode_hooks_blocked(const struct lode_hooks *hooks, enum lode_sleep sleep);
LODE_MUST_CHECK lode_err lode_hooks_interrupted(const struct lode_hooks *hooks);
LODE_MUST_CHECK lode_err lode_hooks_stopped(const struct lode_hooks *hooks);
LODE_MUST_CHECK lode_err lode_hooks_pending(const struct lode_hooks *hooks, lode_id id);
void lode_hooks_drafted(const struct lode_hooks *hooks, const lode_draft *draft, bool open);
void lode_hooks_close(const struct lode_hooks *hooks);
void lode_hooks_forked(const struct lode_hooks *hooks);

/* Empties the slots, and calls `destroy` of what was in them. */
void lode_hooks_destroy(struct lode_hooks *hooks);

static inline void
lode_hooks_referenced(const struct lode_hooks *hooks, lode_id id, int change)
{
    for (int i = 0; i < LODE_HOOK_SLOTS; i++) {
        const struct lode_session_hooks *table = lode_hooks_in(hooks, (enum lode_hook_slot)i);
        if (table != NULL && table->referenced != NULL) {
            table->referenced(table->arg, id, change);
        }
    }
}

#endif
