/*
 * queue.h: what waits for the worker's main thread: tasks to run, libraries to describe. Threads of
 * nng's put items in, and the main thread takes them out. A recall takes out tasks that have not
 * been started.
 *
 * One rule: starting and recalling take the same lock. So a task is either started here or given
 * back, never both.
 *
 * Tasks come in batches of up to a thousand, and the main thread takes one each half microsecond.
 * If each were put in under the lock, the two threads would put each other to sleep. So the thread
 * that brings tasks collects them (queue_add()), and shows them to the main thread a few at a time
 * (queue_publish()). What it has collected is not in the queue yet: it publishes before it recalls
 * or stops a task.
 *
 * Ownership  an item is the queue's. queue_take() lends it to the main thread, whose next
 *            queue_take() gives it back
 * Threads    queue_take(): the main thread. queue_add(), queue_publish(): one thread at a time, the
 *            one that handles the link's records. The others: any
 */
#ifndef WORKER_RUNTIME_QUEUE_H
#define WORKER_RUNTIME_QUEUE_H

#include "api/base/lock.h"

#include <lode/error.h>

enum queue_type { QUEUE_RUN = 1, QUEUE_DESCRIBE = 2, QUEUE_QUIT = 3 };

struct queue_item {
    struct queue_item *next;
    enum queue_type type;
    uint32_t size;     /* of the bytes */
    uint32_t room;     /* for bytes */
    uint64_t task;     /* QUEUE_RUN: the scheduler's number */
    bool cancelled;    /* QUEUE_RUN: it was told to stop before it started … */
    uint32_t limit_ms; /* … because this time limit is over; 0: for another reason */
    _Alignas(8) char bytes[];
};

/* Items in their order. */
struct queue_list {
    struct queue_item *first, **last;
    uint32_t count;
};

struct queue {
    struct lode_mutex mu; /* WORKER_QUEUE */
    struct lode_cond filled;
    struct queue_item *first, **last;
    struct queue_item *spare; /* items of the usual size, for reuse */
    uint32_t spare_count;
    _Atomic uint32_t waiting; /* items in the queue; written under mu */
    bool sleeping;            /* the main thread waits for `filled` */
    _Atomic uint64_t running; /* the task that the main thread has taken; 0: none */

    /* Of the thread that adds. */
    uint32_t publish_most;          /* added ones are shown without queue_publish() */
    struct queue_list added;        /* and not published */
    struct queue_item *added_spare; /* for the next ones */
};

/*
 *   cpus  on how many the process may run. On one, nobody can begin while tasks are added: to wake
 *         the main thread before all are there would only cost a switch
 */
void queue_init(struct queue *queue, uint32_t cpus);
void queue_fini(struct queue *queue);

/*
 * Adds a copy of the bytes at the end, behind all that was published, and wakes the main thread.
 * Errors: LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err queue_put(struct queue *queue, enum queue_type type, uint64_t task,
                                   const void *bytes, uint32_t size);

/*
 * The same without the wake-up: the main thread sees the item after queue_publish(), or soon if
 * many are added.
 */
LODE_MUST_CHECK lode_err queue_add(struct queue *queue, enum queue_type type, uint64_t task,
                                   const void *bytes, uint32_t size);

/* Shows the main thread all that was added. */
void queue_publish(struct queue *queue);

/*
 * The first item, which is running from now on; NULL: there is none, and `wait` is false.
 *
 *   done  the item that was taken before, and is given back; NULL: none
 */
struct queue_item *queue_take(struct queue *queue, struct queue_item *done, bool wait);

/*
 * True if no item waits behind the running one. Read without the lock: the answer may be old when
 * it arrives.
 */
bool queue_is_empty(const struct queue *queue);

/* True if no item waits and no task is running. Without the lock, too. */
bool queue_is_idle(const struct queue *queue);

/*
 * Takes unstarted tasks out: those of `task`, or with count 0 all.
 *
 *   recalled_out  malloc'ed: the numbers of those that were there; the caller's
 *
 * Errors: LODE_ENOMEM, nothing was recalled.
 */
LODE_MUST_CHECK lode_err queue_recall(struct queue *queue, const uint64_t *task, uint32_t count,
                                      uint64_t **recalled_out, uint32_t *recalled_count_out);

/*
 * Marks a task that is to stop, because this time limit is over (0: for another reason). True: it
 * is the running one, whom nobody has told yet; false: it was marked in the queue, or is not here.
 */
bool queue_stop(struct queue *queue, uint64_t task, uint32_t limit_ms);

#endif
