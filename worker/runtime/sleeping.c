#include "worker/runtime/sleeping.h"

/* Of this thread, which is not the main one: the task as part of whose `others` it was counted,
 * and whether as one that waits for room. */
static _Thread_local uint64_t counted_for;
static _Thread_local bool counted_for_room;

/* The last call that this thread was told to give up. */
static _Thread_local uint64_t gave_up;

void
sleeping_init(struct sleeping *sleeping, sleeping_tell_fn tell, void *arg)
{
    *sleeping = (struct sleeping){.tell = tell, .arg = arg};
    lode_mutex_init(&sleeping->mu, LODE_LOCK_WORKER_SLEEPING);
}

void
sleeping_fini(struct sleeping *sleeping)
{
    lode_mutex_fini(&sleeping->mu);
}

static uint64_t
task_of(const struct sleeping *sleeping)
{
    return atomic_load_explicit(&sleeping->task, memory_order_relaxed);
}

/* ---- what is told ---------------------------------------------------------------------------- */

static bool
others_sleep_locked(const struct sleeping *sleeping)
{
    return sleeping->others > 0 && sleeping->others_task == task_of(sleeping) &&
           task_of(sleeping) != 0;
}

static enum lode_sleep
kind_locked(const struct sleeping *sleeping)
{
    bool is_for_room = atomic_load(&sleeping->main_sleeps)
                           ? sleeping->main_for_room
                           : sleeping->others_for_room == sleeping->others;
    return is_for_room ? LODE_SLEEPS_FOR_ROOM : LODE_SLEEPS;
}

static void
tell_locked(struct sleeping *sleeping)
{
    uint64_t task = task_of(sleeping);
    bool was = task != 0 && atomic_load(&sleeping->told_task) == task;
    bool is = task != 0 &&
              (atomic_load(&sleeping->main_sleeps) ||
               (sleeping->main_is_idle && sleeping->woken == 0 && others_sleep_locked(sleeping)));
    if (is == was) {
        return;
    }
    sleeping->calls += is;
    atomic_store(&sleeping->call, is ? sleeping->calls : 0);
    atomic_store(&sleeping->told_task, is ? task : 0);
    sleeping->tell(sleeping->arg, is ? kind_locked(sleeping) : LODE_AWAKE, task, sleeping->calls);
}

static bool
begins_to_watch_locked(struct sleeping *sleeping)
{
    bool wanted = others_sleep_locked(sleeping) && !atomic_load(&sleeping->main_sleeps);
    bool begins = wanted && !sleeping->watches;
    sleeping->watches = sleeping->watches || wanted;
    return begins;
}

/* ---- the main thread ------------------------------------------------------------------------- */

void
sleeping_begin(struct sleeping *sleeping, uint64_t task)
{
    atomic_store_explicit(&sleeping->task, task, memory_order_relaxed);
}

/*
 * A look may tell at this very moment that the task sleeps. That ends with the task, for the
 * scheduler as for the next task here: both go by its number.
 */
void
sleeping_end(struct sleeping *sleeping)
{
    if (atomic_load_explicit(&sleeping->told_task, memory_order_relaxed) == task_of(sleeping)) {
        (void)sleeping_main(sleeping, LODE_AWAKE);
    }
    atomic_store_explicit(&sleeping->task, 0, memory_order_relaxed);
}

bool
sleeping_main(struct sleeping *sleeping, enum lode_sleep sleep)
{
    lode_mutex_lock(&sleeping->mu);
    atomic_store(&sleeping->main_sleeps, sleep != LODE_AWAKE);
    sleeping->main_for_room = sleep == LODE_SLEEPS_FOR_ROOM;
    sleeping->main_is_idle = false;
    tell_locked(sleeping);
    bool watch = begins_to_watch_locked(sleeping);
    lode_mutex_unlock(&sleeping->mu);
    return watch;
}

/* ---- other threads --------------------------------------------------------------------------- */

/* A thread that has outlived its task counts for no other. */
static void
count_locked(struct sleeping *sleeping, bool for_room)
{
    uint64_t task = task_of(sleeping);
    if (sleeping->others_task != task) {
        sleeping->others_task = task;
        sleeping->others = sleeping->others_for_room = sleeping->woken = 0;
        sleeping->main_is_idle = false;
    }
    sleeping->others++;
    sleeping->others_for_room += for_room;
    sleeping->woken -= sleeping->woken > 0;
    counted_for = task;
    counted_for_room = for_room;
}

/* The thread runs now, and needs the CPU. */
static void
discount_locked(struct sleeping *sleeping)
{
    if (counted_for == sleeping->others_task && sleeping->others > 0) {
        sleeping->others--;
        sleeping->others_for_room -= counted_for_room;
        sleeping->woken++;
    }
    counted_for = 0;
}

bool
sleeping_asks_for_main(struct sleeping *sleeping)
{
    lode_mutex_lock(&sleeping->mu);
    bool asks = sleeping->main_is_idle;
    lode_mutex_unlock(&sleeping->mu);
    return asks;
}

bool
sleeping_other(struct sleeping *sleeping, enum lode_sleep sleep, bool main_has_run)
{
    lode_mutex_lock(&sleeping->mu);
    sleeping->main_is_idle = sleeping->main_is_idle && !main_has_run;
    if (sleep != LODE_AWAKE && counted_for == 0 && task_of(sleeping) != 0) {
        count_locked(sleeping, sleep == LODE_SLEEPS_FOR_ROOM);
    } else if (sleep == LODE_AWAKE && counted_for != 0) {
        discount_locked(sleeping);
    }
    tell_locked(sleeping);
    bool watch = begins_to_watch_locked(sleeping);
    lode_mutex_unlock(&sleeping->mu);
    return watch;
}

bool
sleeping_look(struct sleeping *sleeping, bool main_has_slept)
{
    lode_mutex_lock(&sleeping->mu);
    sleeping->main_is_idle = main_has_slept;
    sleeping->woken = 0;
    tell_locked(sleeping);
    sleeping->watches = false;
    bool again = begins_to_watch_locked(sleeping);
    lode_mutex_unlock(&sleeping->mu);
    return again;
}

/* ---- giving up ------------------------------------------------------------------------------- */

void
sleeping_give_up(struct sleeping *sleeping, uint64_t call, uint32_t workers)
{
    atomic_store_explicit(&sleeping->workers, workers, memory_order_relaxed);
    atomic_store_explicit(&sleeping->told, call, memory_order_release);
}

bool
sleeping_gives_up(struct sleeping *sleeping, bool is_main, uint32_t *workers_out)
{
    uint64_t call = atomic_load_explicit(&sleeping->call, memory_order_relaxed);
    bool is_meant = is_main || !atomic_load_explicit(&sleeping->main_sleeps, memory_order_relaxed);
    uint64_t told = call;
    if (call == 0 || !is_meant ||
        (call != gave_up && !atomic_compare_exchange_strong(&sleeping->told, &told, 0))) {
        return false;
    }
    gave_up = call;
    *workers_out = atomic_load_explicit(&sleeping->workers, memory_order_relaxed);
    return true;
}
