#include "scheduler/drive/drive.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/system/cpus.h"
#include "scheduler/core/parts/pool.h"
#include "scheduler/drive/session.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOLD_FIRST = 32, /* records stepped in a row before others get their turn, and answers … */
    HOLD_MAX = 256,  /* … twice as many each time, if more have come together */
    FLUSH_MAX = 64   /* links flushed after one unlocking */
};

/* A record that waits for the core; its bytes follow. */
struct waiting {
    STAILQ_ENTRY(waiting) entry;
    struct core_event event;
    uint64_t bytes[];
};
STAILQ_HEAD(waiting_list, waiting);

struct drive {
    struct lode_mutex mu; /* the core's */
    struct core *core;    /* drive.mu */
    struct drive_hooks hooks;
    struct drive_session *dirty; /* drive.mu; got something since the last flush */
    struct drive_session *open;  /* drive.mu; its link is locked, see open_link_locked() */
    int64_t timer;               /* drive.mu; what the timer is set to */
    int64_t now;                 /* drive.mu; the time of the events that are stepped */
    int64_t taken_ns;            /* drive.mu; when it was taken; `now` may be later */
    int64_t longest_ns;          /* drive.mu; how long it was held at worst */

    uint32_t hold_first; /* HOLD_FIRST; on one CPU nobody can begin with the answers meanwhile */

    struct lode_mutex queue_mu;
    struct waiting_list queue;  /* queue_mu */
    struct errand_list errands; /* queue_mu */
    _Atomic uint32_t queued;    /* how many are in the queue */
    _Atomic uint64_t spilled;   /* how many spills there were */
    uint32_t spilling;          /* mu; bytes of those that wait */
    uint64_t spill_missing;     /* mu; lines that were lost since the last that was written */
};

lode_err
drive_create(const struct core_options *options, const struct drive_hooks *hooks,
             struct drive **drive_out)
{
    struct drive *drive = calloc(1, sizeof *drive);
    if (drive == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the scheduler's core");
    }
    lode_mutex_init(&drive->mu, LODE_LOCK_SCHEDULER_CORE);
    lode_mutex_init(&drive->queue_mu, LODE_LOCK_SCHEDULER_QUEUE);
    STAILQ_INIT(&drive->queue);
    STAILQ_INIT(&drive->errands);
    drive->hooks = *hooks;
    drive->hold_first = lode_cpus_count(0) > 1 ? HOLD_FIRST : HOLD_MAX;
    drive->core = core_create(options, lode_now_ns());
    *drive_out = drive;
    return LODE_OK;
}

void
drive_destroy(struct drive *drive)
{
    struct waiting *waiting;
    struct errand *errand;
    if (drive == NULL) {
        return;
    }
    while ((waiting = STAILQ_FIRST(&drive->queue)) != NULL) {
        STAILQ_REMOVE_HEAD(&drive->queue, entry);
        free(waiting);
    }
    while ((errand = STAILQ_FIRST(&drive->errands)) != NULL) {
        STAILQ_REMOVE_HEAD(&drive->errands, entry);
        free(errand);
    }
    core_destroy(drive->core);
    lode_mutex_fini(&drive->queue_mu);
    lode_mutex_fini(&drive->mu);
    free(drive);
}

/* ---- errands ------------------------------------------------------------------------------ */

void
drive_add_errand(struct drive *drive, const struct core_action *action)
{
    drive_add_errand_as(drive, action, action->type);
}

void
drive_add_errand_as(struct drive *drive, const struct core_action *action, uint16_t type)
{
    struct errand *errand = core_alloc(sizeof *errand + action->size);
    memcpy(&errand->action, action, sizeof *action + action->size);
    errand->action.type = type;
    lode_mutex_lock(&drive->queue_mu);
    bool first = STAILQ_EMPTY(&drive->errands);
    STAILQ_INSERT_TAIL(&drive->errands, errand, entry);
    lode_mutex_unlock(&drive->queue_mu);
    if (first) {
        drive->hooks.wake_main(drive->hooks.arg);
    }
}

void
drive_ask_cut(struct drive *drive, uint64_t session, lode_err why, const char *text)
{
    struct {
        struct core_action action;
        char text[256];
    } cut = {
        .action = {
            .type = CORE_CUT, .size = sizeof cut.text, .target = session, .value = (int64_t)why}};
    strncpy(cut.text, text, sizeof cut.text - 1);
    drive_add_errand(drive, &cut.action);
}

void
drive_take_errands(struct drive *drive, struct errand_list *list_out)
{
    STAILQ_INIT(list_out);
    lode_mutex_lock(&drive->queue_mu);
    STAILQ_CONCAT(list_out, &drive->errands);
    lode_mutex_unlock(&drive->queue_mu);
}

/* ---- carrying out ------------------------------------------------------------------------- */

static void
mark_dirty_locked(struct drive *drive, struct drive_session *session)
{
    if (!session->dirty) {
        session->dirty = true;
        session->next_dirty = drive->dirty;
        drive->dirty = session;
        session_keep(session);
    }
}

static void
count_spilled_locked(struct drive *drive, const struct core_action *action, bool written)
{
    struct drive_session *session = drive->hooks.find_session(drive->hooks.arg, action->target);
    uint32_t lines = session_count_lines(action);
    drive->spill_missing += written ? 0 : lines;
    if (session != NULL) {
        session->output_dropped += lines;
        session->output_lost += written ? 0 : lines;
    }
}

static void
spill_locked(struct drive *drive, const struct core_action *action)
{
    atomic_fetch_add_explicit(&drive->spilled, 1, memory_order_relaxed);
    if (drive->spilling < DRIVE_SPILL_MAX) {
        drive->spilling += action->size;
        drive_add_errand_as(drive, action, CORE_SPILL);
    } else {
        count_spilled_locked(drive, action, false);
    }
}

uint64_t
drive_spilled(const struct drive *drive)
{
    return atomic_load_explicit(&drive->spilled, memory_order_relaxed);
}

uint64_t
drive_spill_missing(struct drive *drive)
{
    lode_mutex_lock(&drive->mu);
    uint64_t missing = drive->spill_missing;
    lode_mutex_unlock(&drive->mu);
    return missing;
}

void
drive_spill_done(struct drive *drive, const struct core_action *spill, bool written)
{
    lode_mutex_lock(&drive->mu);
    drive->spilling -= spill->size;
    if (written) {
        drive->spill_missing = 0;
    }
    count_spilled_locked(drive, spill, written);
    lode_mutex_unlock(&drive->mu);
}

/* Before anything else is done than to append to that link. */
static void
close_link_locked(struct drive *drive)
{
    if (drive->open != NULL) {
        lode_link_unlock(drive->open->link);
        drive->open = NULL;
    }
}

/* Many records in a row are one worker's: its session is sought, and its link locked, once. */
static struct drive_session *
open_link_locked(struct drive *drive, uint64_t number)
{
    if (drive->open == NULL || drive->open->number != number) {
        close_link_locked(drive);
        drive->open = drive->hooks.find_session(drive->hooks.arg, number);
        if (drive->open != NULL) {
            lode_link_lock(drive->open->link);
        }
    }
    return drive->open;
}

static void
failed_locked(struct drive *drive, struct drive_session *session, lode_err err)
{
    if (err != LODE_OK && !session->leaving) {
        session->leaving = true;
        drive_ask_cut(drive, session->number, err, lode_last_error());
    }
}

static void
send_run_locked(struct drive *drive, const struct core_action *action)
{
    struct drive_session *session = open_link_locked(drive, action->target);
    if (session == NULL) {
        return;
    }
    lode_err err = lode_link_append_locked(session->link, action->message,
                                           core_action_bytes(action), action->size, NULL, 0);
    if (err != LODE_OK) {
        close_link_locked(drive);
        failed_locked(drive, session, err);
    }
    mark_dirty_locked(drive, session);
}

static void
send_locked(struct drive *drive, const struct core_action *action)
{
    if (action->message == LODE_TASK_RUN) {
        send_run_locked(drive, action);
        return;
    }
    close_link_locked(drive);
    struct drive_session *session = drive->hooks.find_session(drive->hooks.arg, action->target);
    bool is_output = action->message == LODE_TASK_OUTPUT;
    if (is_output && (session == NULL || session_is_swamped_locked(session))) {
        spill_locked(drive, action);
        return;
    }
    if (session == NULL) {
        return;
    }
    lode_err err = action->message == LODE_TASK_STATS_ARE
                       ? session_send_stats_locked(
                             session, action, drive->hooks.count_repeats(drive->hooks.arg),
                             (uint64_t)drive->longest_ns, drive->hooks.output_log)
                       : session_send_locked(session, action, drive->hooks.output_log);
    failed_locked(drive, session, err);
    mark_dirty_locked(drive, session);
}

static void
carry_out_locked(struct drive *drive, const struct core_action *action)
{
    if (action->type != CORE_SEND) {
        close_link_locked(drive);
    }
    switch (action->type) {
    case CORE_SEND:
        send_locked(drive, action);
        break;
    case CORE_WATCH:
    case CORE_UNWATCH:
    case CORE_SETTLE:
    case CORE_RESULTS:
        drive->hooks.store_action(drive->hooks.arg, action);
        break;
    case CORE_SPILL:
        spill_locked(drive, action);
        break;
    case CORE_ARM_TIMER:
        if (drive->timer != action->value) {
            drive->timer = action->value;
            drive->hooks.arm_timer(drive->hooks.arg, action->value);
        }
        break;
    default:
        drive_add_errand(drive, action);
    }
}

static void
step_locked(struct drive *drive, struct core_event *event)
{
    event->now_ns = drive->now;
    if (event->type == CORE_TIMER) {
        event->now_ns = drive->now = lode_now_ns();
        drive->timer = 0; /* it has gone off: the same time may be asked for again */
    }
    core_step(drive->core, event);
}

/*
 * A thread that has taken the lock begins with this. The clock is read once for all that it does.
 */
static void
drain_locked(struct drive *drive)
{
    struct waiting_list list = STAILQ_HEAD_INITIALIZER(list);
    struct waiting *waiting;
    drive->now = drive->taken_ns = lode_now_ns();
    if (atomic_load(&drive->queued) == 0) {
        return;
    }
    lode_mutex_lock(&drive->queue_mu);
    STAILQ_CONCAT(&list, &drive->queue);
    atomic_store(&drive->queued, 0);
    lode_mutex_unlock(&drive->queue_mu);
    while ((waiting = STAILQ_FIRST(&list)) != NULL) {
        STAILQ_REMOVE_HEAD(&list, entry);
        waiting->event.u.record.bytes = waiting->bytes;
        step_locked(drive, &waiting->event);
        free(waiting);
    }
}

/* Takes the links to flush out of the drive. Each was kept when it was marked. */
static int
take_dirty_locked(struct drive *drive, struct drive_session *flush[FLUSH_MAX])
{
    int count = 0;
    while (drive->dirty != NULL && count < FLUSH_MAX) {
        struct drive_session *session = drive->dirty;
        drive->dirty = session->next_dirty;
        session->dirty = false;
        flush[count++] = session;
    }
    return count;
}

/* Carries out the actions, unlocks and flushes. True: there is more to flush than was taken. */
static bool
let_go(struct drive *drive)
{
    struct drive_session *flush[FLUSH_MAX];
    const struct core_action *action;
    while ((action = core_next_action(drive->core)) != NULL) {
        carry_out_locked(drive, action);
    }
    close_link_locked(drive);
    int count = take_dirty_locked(drive, flush);
    bool more = drive->dirty != NULL;
    int64_t held_ns = lode_now_ns() - drive->taken_ns;
    drive->longest_ns = held_ns > drive->longest_ns ? held_ns : drive->longest_ns;
    lode_mutex_unlock(&drive->mu);
    for (int i = 0; i < count; i++) {
        session_flush(flush[i]);
        session_drop(flush[i]);
    }
    return more;
}

static void
settle(struct drive *drive, bool more)
{
    atomic_thread_fence(memory_order_seq_cst);
    while (more || atomic_load(&drive->queued) != 0) {
        if (!lode_mutex_try_lock(&drive->mu)) {
            return; /* its holder flushes, and looks at the queue, after unlocking */
        }
        drain_locked(drive);
        more = let_go(drive);
        atomic_thread_fence(memory_order_seq_cst);
    }
}

/* ---- events ------------------------------------------------------------------------------- */

static void
push_record(struct drive *drive, const struct core_event *event)
{
    struct waiting *waiting = core_alloc(sizeof *waiting + event->u.record.size);
    waiting->event = *event;
    memcpy(waiting->bytes, event->u.record.bytes, event->u.record.size);
    lode_mutex_lock(&drive->queue_mu);
    STAILQ_INSERT_TAIL(&drive->queue, waiting, entry);
    atomic_fetch_add(&drive->queued, 1);
    lode_mutex_unlock(&drive->queue_mu);
}

static void
end_turn(struct drive *drive, struct drive_hold *hold)
{
    bool more = hold->records > 0 && let_go(drive);
    hold->records = 0;
    settle(drive, more);
}

void
drive_record(struct drive *drive, uint64_t session, uint16_t type, const void *bytes, uint32_t size,
             struct drive_hold *hold)
{
    struct core_event event = {
        .type = CORE_RECORD,
        .u.record = {.session = session, .bytes = bytes, .size = size, .type = type}};
    if (hold->records == 0) {
        if (!lode_mutex_try_lock(&drive->mu)) {
            push_record(drive, &event);
            return;
        }
        drain_locked(drive);
    }
    step_locked(drive, &event);
    uint32_t most = drive->hold_first << hold->turns;
    if (++hold->records >= most) {
        end_turn(drive, hold);
        hold->turns += most < HOLD_MAX;
    }
}

void
drive_records_end(struct drive *drive, struct drive_hold *hold)
{
    end_turn(drive, hold);
    hold->turns = 0;
}

void
drive_step(struct drive *drive, struct core_event *event)
{
    lode_mutex_lock(&drive->mu);
    drain_locked(drive);
    step_locked(drive, event);
    settle(drive, let_go(drive));
}

void
drive_send(struct drive *drive, const struct core_action *action)
{
    lode_mutex_lock(&drive->mu);
    drain_locked(drive);
    send_locked(drive, action);
    settle(drive, let_go(drive));
}

uint64_t
drive_printed_records(struct drive *drive, uint32_t worker)
{
    lode_mutex_lock(&drive->mu);
    drain_locked(drive);
    uint64_t records = core_printed_records(drive->core, worker);
    settle(drive, let_go(drive));
    return records;
}

void
drive_lock(struct drive *drive)
{
    lode_mutex_lock(&drive->mu);
    drive->taken_ns = lode_now_ns();
}

void
drive_unlock(struct drive *drive)
{
    settle(drive, let_go(drive));
}
