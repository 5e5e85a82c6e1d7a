/*
 * drive.h: the one place where the core runs. Threads bring events. The thread that holds the
 * core's lock steps the core for all of them, and carries out what the core asks for.
 *
 *   receive callback:  try the lock --got--> step each record in place --> let go
 *                                  --busy--> queue a copy --> settle
 *   let go:  carry out the actions, unlock, flush the links that got something, settle
 *   settle:  while the queue is not empty: try the lock (busy: its holder will settle), drain, let
 *            go
 *
 * A thread that has queued a record tries the lock. A thread that has unlocked looks at the queue.
 * Both are sequentially consistent, so no record is stranded. A queued event is always stepped
 * before a later one of the same thread, since the thread that gets the lock drains first.
 *
 * Under the core's lock: no nng call (records are appended to links, and flushed after unlocking),
 * nothing that waits. What may take time goes to the main thread's list (errands), or the copier.
 *
 * Locks: core 60 > queue 65 > link 80. Sessions are found and changed under the core's lock.
 */
#ifndef LODE_SCHEDULER_DRIVE_H
#define LODE_SCHEDULER_DRIVE_H

#include "api/base/lock.h"
#include "scheduler/core/core.h"

#include <sys/queue.h>

struct drive_session;
struct drive;

/* An action that the main thread carries out; the action's bytes follow it. */
struct errand {
    STAILQ_ENTRY(errand) entry;
    struct core_action action; /* and its bytes */
};
STAILQ_HEAD(errand_list, errand);

/*
 * Errands of the daemon's own, beside the core's actions: a record of the session `target` that is
 * to be stepped when all has been sent that tasks have said, and what they failed of. `message` is
 * the record's type. One errand follows the other.
 */
enum {
    ERRAND_RECORD_AFTER_OUTPUT =
        100,                      /* reads all output, then awaits the store: deaths are settled */
    ERRAND_RECORD_AFTER_DEATHS,   /* waits until failures are read that are to be passed on */
    ERRAND_RECORD_AFTER_FAILURES, /* awaits the store once more: error objects are put */
    ERRAND_RECORD_LAST            /* steps the record */
};

/*
 * What the drive needs from the rest of the daemon; called under the core's lock, never blocking.
 */
struct drive_hooks {
    void *arg;
    /* The session of that number, or NULL. */
    struct drive_session *(*find_session)(void *arg, uint64_t number);
    /* Records that the links of all sessions have dropped because they came twice. */
    uint64_t (*count_repeats)(void *arg);
    /* WATCH, UNWATCH, SETTLE, RESULTS. */
    void (*store_action)(void *arg, const struct core_action *action);
    void (*arm_timer)(void *arg, int64_t deadline_ns);
    /* Wakes the main thread; without the lock, too. */
    void (*wake_main)(void *arg);
    const char *output_log; /* the path of the log for lines that find no room */
};

LODE_MUST_CHECK lode_err drive_create(const struct core_options *options,
                                      const struct drive_hooks *hooks, struct drive **drive_out);
void drive_destroy(struct drive *drive);

/*
 * Of a receive callback; zero between batches. `records`: so many it has stepped since it took the
 * core's lock; 0: it does not hold it. `turns`: how often it has let go of it. Each turn is twice
 * as long as the one before, up to a limit. So the first tasks of a burst go out soon, and later
 * ones cost few locks, flushes and wake-ups of workers. On one CPU nobody can begin meanwhile, and
 * the first turn is as long as the last.
 */
struct drive_hold {
    uint32_t records, turns;
};

/*
 * A receive callback's records, in order; `hold` is the caller's. After the last record:
 * drive_records_end().
 */
void drive_record(struct drive *drive, uint64_t session, uint16_t type, const void *bytes,
                  uint32_t size, struct drive_hold *hold);
void drive_records_end(struct drive *drive, struct drive_hold *hold);

/* Steps one event of the daemon's own, at once; its now_ns is filled in. Waits for the lock. */
void drive_step(struct drive *drive, struct core_event *event);

/* Sends a record that is not the core's (a SEND action); main thread, no lock. */
void drive_send(struct drive *drive, const struct core_action *action);

/* core_printed_records(). Waits for the lock. */
uint64_t drive_printed_records(struct drive *drive, uint32_t worker);

/*
 * Output that no program takes: errands CORE_SPILL, which drive_spill_done() ends. At most
 * DRIVE_SPILL_MAX bytes of them wait; what is beyond that is lost.
 *
 * drive_spilled()        how many there were
 * drive_spill_missing()  lines that were lost since the last one that was written
 * drive_spill_done()     `written`: the log has it. Its program, if it lives, is told how many of
 *                        its lines were left out, and how many of them the log lacks. Takes the
 *                        core's lock
 *
 * Main thread.
 */
enum { DRIVE_SPILL_MAX = 16 << 20 };
uint64_t drive_spilled(const struct drive *drive);
uint64_t drive_spill_missing(struct drive *drive);
void drive_spill_done(struct drive *drive, const struct core_action *spill, bool written);

/* The core's lock, for what the session table shares with the drive. */
void drive_lock(struct drive *drive);
void drive_unlock(struct drive *drive);

/* Any thread, any lock below the queue's: queues an errand for the main thread. */
void drive_add_errand(struct drive *drive, const struct core_action *action);

/* The same, with another type. */
void drive_add_errand_as(struct drive *drive, const struct core_action *action, uint16_t type);

/* Any thread, any lock below the queue's: a CORE_CUT errand of the daemon's own. */
void drive_ask_cut(struct drive *drive, uint64_t session, lode_err why, const char *text);

/* The main thread takes all errands; it frees each with free(). */
void drive_take_errands(struct drive *drive, struct errand_list *list_out);

#endif
