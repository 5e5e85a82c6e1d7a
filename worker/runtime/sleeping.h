/*
 * sleeping.h: whether the running task sleeps, as the scheduler is told (BLOCKED, UNBLOCKED), and
 * what the scheduler has told the call that sleeps (GIVE_UP).
 *
 * A task sleeps while the main thread, which runs it, sleeps in a call of liblode. It also sleeps
 * when the main thread has slept elsewhere for a while, as in pthread_join(), and another thread of
 * the task sleeps in a call of liblode. What that thread waits for may need the CPU that the task
 * holds. So while such a thread waits, a timer looks now and then whether the main thread has run.
 * A main thread that polls, and uses 5 ms of CPU in 100 at most, counts as one that sleeps.
 *
 * The scheduler is also told whether the task waits for room in the store, as the main thread does,
 * or else all such threads. It is told so once, when the task falls asleep.
 *
 * When such a thread goes on, the task is awake. If the thread sleeps again before the main thread
 * has run, the task is asleep at once: it does not take another while each time.
 *
 *   awake --main(sleeps)--------------------------------> told asleep --main(awake)--> awake
 *         '--other(sleeps), then look(main is asleep)--------^  '--other(awake), look(main runs)--^
 *
 * Each time that the task falls asleep has a number. The scheduler repeats it when it tells a call
 * to give up: so the record cannot meet a later call, though the end of the one that was meant
 * crosses it on the way.
 *
 * Threads  begin, end and main: the main thread. The others: any
 */
#ifndef WORKER_RUNTIME_SLEEPING_H
#define WORKER_RUNTIME_SLEEPING_H

#include "api/base/lock.h"
#include "api/client/channel/hooks.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Tells the scheduler. Under the lock: so the scheduler hears all in order. */
typedef void (*sleeping_tell_fn)(void *arg, enum lode_sleep sleep, uint64_t task, uint64_t call);

struct sleeping {
    sleeping_tell_fn tell;
    void *arg;
    struct lode_mutex mu;       /* WORKER_SLEEPING: what is told, and what decides it */
    _Atomic uint64_t task;      /* that runs; 0: none */
    _Atomic uint64_t told_task; /* the one of which the scheduler was told that it sleeps */
    _Atomic bool main_sleeps;   /* in a call of liblode */
    bool main_for_room;         /* it was for room in the store */
    bool main_is_idle;          /* it had slept for a while, wherever, when it was looked at last */
    bool watches;               /* sleeping_look() will be called */
    uint32_t others;            /* other threads that sleep in a call of liblode … */
    uint64_t others_task;       /* … and have begun to while this task ran */
    uint32_t others_for_room;   /* of them, those that wait for room in the store */
    uint32_t woken;             /* others that have gone on since the last look */
    uint64_t calls;             /* times that a task fell asleep */
    _Atomic uint64_t call;      /* that sleeps now; 0: none */
    _Atomic uint64_t told;      /* the last one that was told to give up */
    _Atomic uint32_t workers;   /* that its program had then */
};

void sleeping_init(struct sleeping *sleeping, sleeping_tell_fn tell, void *arg);
void sleeping_fini(struct sleeping *sleeping);

/* A task begins, or is over. */
void sleeping_begin(struct sleeping *sleeping, uint64_t task);
void sleeping_end(struct sleeping *sleeping);

/*
 * The main thread is about to sleep in a call of liblode, or goes on; and the same of another
 * thread. `main_has_run`: since sleeping_look() was called last. True: sleeping_look() must be
 * called in a while.
 */
bool sleeping_main(struct sleeping *sleeping, enum lode_sleep sleep);
bool sleeping_other(struct sleeping *sleeping, enum lode_sleep sleep, bool main_has_run);

/* False: `main_has_run` does not matter, and need not be found out. */
bool sleeping_asks_for_main(struct sleeping *sleeping);

/* Whether the main thread has slept since the last look, or since one was due. True: look again. */
bool sleeping_look(struct sleeping *sleeping, bool main_has_slept);

/* The call of that number is to give up. */
void sleeping_give_up(struct sleeping *sleeping, uint64_t call, uint32_t workers);

/*
 * True: a call of this thread is to give up. One thread hears it, and again as often as it asks
 * while it sleeps: a call that waits at the store asks before it goes there to end, and after.
 */
bool sleeping_gives_up(struct sleeping *sleeping, bool is_main, uint32_t *workers_out);

#endif
