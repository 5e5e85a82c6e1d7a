#include "api/wire/link_private.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/wire/task_msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- sending ------------------------------------------------------------------------------ */

/* What the pipe's next batch is; false: there is nothing to say on it. */
bool
lode_link_plan_batch_locked(struct lode_link *link, struct lode_link_pipe *pipe,
                            struct lode_link_batch *batch_out)
{
    uint32_t count = 0, flags = link->asks > 0 ? LODE_LINK_ASK_ACK : 0;
    size_t bytes = 0;
    if (link->closing || link->broken) {
        return false;
    }
    if (!pipe->told) {
        flags |= LODE_LINK_HELLO;
    } else if (pipe == link->open) {
        bytes = lode_link_queue_next(&link->queue, &count);
        if (count == 0 && !link->say_ack) {
            return false;
        }
    } else {
        return false;
    }
    *batch_out = (struct lode_link_batch){.magic = LODE_LINK_MAGIC,
                                          .count = count,
                                          .first = link->queue.sent + 1,
                                          .acked = link->received,
                                          .flags = flags,
                                          .bytes = (uint32_t)bytes};
    return true;
}

/* The open pipe, if a message is to be started on it by the caller, after unlocking. */
static struct lode_link_pipe *
ready_pipe_locked(struct lode_link *link)
{
    struct lode_link_pipe *pipe = link->open;
    return pipe != NULL && lode_link_start_locked(link, pipe) ? pipe : NULL;
}

/* Sends what there is, unless a message is under way: its completion sends the rest. */
void
lode_link_pump(struct lode_link *link)
{
    lode_mutex_lock(&link->mu);
    struct lode_link_pipe *pipe = ready_pipe_locked(link);
    lode_mutex_unlock(&link->mu);
    if (pipe != NULL) {
        lode_link_start(pipe);
    }
}

lode_err
lode_link_send(struct lode_link *link, uint16_t type, const void *head, uint32_t head_size,
               const void *rest, uint32_t rest_size, bool hold)
{
    struct lode_link_pipe *pipe = NULL;
    lode_err err;
    if (head_size > LODE_TASK_RECORD_MAX || rest_size > LODE_TASK_RECORD_MAX - head_size) {
        return lode_fail_with(LODE_ETOOBIG, "a message of %u + %u bytes; at most %d can be sent",
                              head_size, rest_size, LODE_TASK_RECORD_MAX);
    }
    lode_mutex_lock(&link->mu);
    if (link->closing || link->broken) {
        err = lode_fail_with(LODE_ECLOSED, "the link is closed");
    } else {
        err = lode_link_queue_append(&link->queue, type, head, head_size, rest, rest_size);
        if (err == LODE_OK && !hold) {
            pipe = ready_pipe_locked(link);
        }
    }
    lode_mutex_unlock(&link->mu);
    if (pipe != NULL) {
        lode_link_start(pipe);
    }
    return err;
}

void
lode_link_flush(struct lode_link *link)
{
    lode_link_pump(link);
}

lode_err
lode_link_drain(struct lode_link *link, int64_t timeout_ms)
{
    int64_t deadline = lode_deadline(timeout_ms);
    bool woken = true, over, done;
    lode_mutex_lock(&link->mu);
    uint64_t last = link->queue.last;
    link->asks++;
    link->say_ack = true;
    lode_mutex_unlock(&link->mu);
    lode_link_pump(link);
    lode_mutex_lock(&link->mu);
    for (;;) {
        done = link->queue.acked >= last;
        over = link->closing || link->broken;
        if (done || over || !woken) {
            break;
        }
        woken = lode_cond_wait(&link->changed, &link->mu, deadline);
    }
    uint64_t missing = last - link->queue.acked;
    link->asks--;
    lode_mutex_unlock(&link->mu);
    if (done) {
        return LODE_OK;
    }
    return over ? lode_fail_with(LODE_ECLOSED, "the link is closed")
                : lode_fail_with(LODE_ETIMEDOUT, "%llu messages are not acknowledged",
                                 (unsigned long long)missing);
}

/* ---- receiving ---------------------------------------------------------------------------- */

static void
break_link(struct lode_link *link, lode_err why)
{
    bool first;
    lode_mutex_lock(&link->mu);
    first = !link->broken;
    link->broken = true;
    lode_cond_broadcast(&link->changed);
    lode_mutex_unlock(&link->mu);
    if (first && link->events.broken != NULL) {
        link->events.broken(link->events.arg, why);
    }
}

/* Every record lies within the batch, and nothing is left over. */
static bool
records_are_whole(const struct lode_link_batch *batch, const char *records)
{
    uint32_t at = 0;
    if (batch->first == 0 || batch->first > UINT64_MAX - batch->count) {
        return false;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        struct lode_link_record record;
        if (batch->bytes - at < sizeof record) {
            return false;
        }
        memcpy(&record, records + at, sizeof record);
        if (record.size > LODE_TASK_RECORD_MAX ||
            lode_link_record_bytes(record.size) > batch->bytes - at) {
            return false;
        }
        at += lode_link_record_bytes(record.size);
    }
    return at == batch->bytes;
}

/* A stranger's batch, or one behind a lost one, costs its pipe; too many of the peer's, the link. */
static lode_err
refuse(struct lode_link *link, struct lode_link_pipe *pipe)
{
    bool enough;
    lode_mutex_lock(&link->mu);
    link->counters.refused++;
    link->refused_in_row += pipe == link->open;
    enough = link->refused_in_row > LODE_LINK_REFUSED_MAX;
    lode_mutex_unlock(&link->mu);
    if (enough) {
        break_link(link, lode_fail_with(LODE_EPROTO, "%d batches in a row broke a rule",
                                        LODE_LINK_REFUSED_MAX));
    }
    return lode_fail_with(LODE_EPROTO, "a batch broke a rule");
}

/* The peer is there: it gets what it has not received, and who was the peer before goes. */
static void
say_welcome_locked(struct lode_link *link, struct lode_link_pipe *pipe, bool *replaced_out)
{
    if (link->open != NULL && link->open != pipe) {
        *replaced_out = lode_link_retire_locked(link, link->open);
    }
    lode_link_queue_rewind(&link->queue);
    link->open = pipe;
    link->redial_ms = LODE_LINK_REDIAL_FIRST_MS;
    link->counters.pipes++;
}

enum verdict { BATCH_TAKEN, BATCH_IGNORED, BATCH_REFUSED };

/* What the batch's head says; decides whether its records are for us. */
static enum verdict
head_arrived(struct lode_link *link, struct lode_link_pipe *pipe,
             const struct lode_link_batch *batch)
{
    enum verdict verdict = BATCH_REFUSED;
    bool replaced = false;
    lode_mutex_lock(&link->mu);
    bool hello = batch->flags & LODE_LINK_HELLO, gone = pipe->retired || link->closing;
    if (batch->acked <= link->queue.highest && (hello || gone || pipe == link->open)) {
        lode_link_queue_acknowledge(&link->queue, batch->acked);
        if (hello && !gone) {
            say_welcome_locked(link, pipe, &replaced);
        }
        link->say_ack |= (batch->flags & LODE_LINK_ASK_ACK) != 0;
        if (link->asks > 0) {
            lode_cond_broadcast(&link->changed);
        }
        bool gap = batch->count > 0 && batch->first > link->received + 1;
        verdict = gone || link->broken ? BATCH_IGNORED : gap ? BATCH_REFUSED : BATCH_TAKEN;
    }
    lode_mutex_unlock(&link->mu);
    if (replaced) {
        lode_link_retired(link, false);
    }
    return verdict;
}

/* Hands the records over that have not come before. */
static lode_err
deliver(struct lode_link *link, const struct lode_link_batch *batch, const char *records)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct lode_link_record record;
        memcpy(&record, records, sizeof record);
        if (batch->first + i > link->received) {
            LODE_TRY(link->events.record(link->events.arg, record.type, records + sizeof record,
                                         record.size));
        }
        records += lode_link_record_bytes(record.size);
    }
    return LODE_OK;
}

static void
note_delivered(struct lode_link *link, const struct lode_link_batch *batch)
{
    uint64_t end = batch->first + batch->count; /* the number after the last one */
    lode_mutex_lock(&link->mu);
    uint64_t fresh = batch->count > 0 && end > link->received + 1 ? end - 1 - link->received : 0;
    link->counters.repeats += batch->count - fresh;
    link->counters.records_received += fresh;
    link->counters.messages_received++;
    link->received += fresh;
    link->unacked_bytes += batch->bytes;
    link->refused_in_row = 0;
    lode_mutex_unlock(&link->mu);
}

/* One batch that a pipe brought; an error costs the pipe. */
lode_err
lode_link_take_batch(struct lode_link *link, struct lode_link_pipe *pipe,
                     const struct lode_link_batch *batch, const char *records)
{
    lode_err err;
    lode_mutex_assert_held(&link->delivery);
    if (!records_are_whole(batch, records)) {
        return refuse(link, pipe);
    }
    switch (head_arrived(link, pipe, batch)) {
    case BATCH_REFUSED:
        return refuse(link, pipe);
    case BATCH_IGNORED:
        return LODE_OK;
    case BATCH_TAKEN:
        break;
    }
    err = deliver(link, batch, records);
    if (err != LODE_OK) {
        break_link(link, err);
        return err;
    }
    note_delivered(link, batch);
    link->delivered |= batch->count > 0;
    return LODE_OK;
}

/* After all that came together: what follows acknowledges it, with records or without. */
void
lode_link_batches_taken(struct lode_link *link)
{
    if (link->delivered && link->events.batch_end != NULL) {
        link->events.batch_end(link->events.arg);
    }
    link->delivered = false;
    lode_mutex_lock(&link->mu);
    uint64_t unacked = link->received - link->ack_said;
    link->say_ack |= unacked >= LODE_LINK_ACK_RECORDS ||
                     (unacked > 0 && link->unacked_bytes >= LODE_LINK_ACK_BYTES);
    struct lode_link_pipe *pipe = ready_pipe_locked(link);
    lode_mutex_unlock(&link->mu);
    if (pipe != NULL) {
        lode_link_start(pipe);
    }
}

/* ---- life --------------------------------------------------------------------------------- */

/*
 * nng aborts a process that uses it after a fork, if the parent had used it before. The first link
 * notes whose nng it is.
 */
static lode_err
check_process(void)
{
    static _Atomic pid_t owner;
    pid_t first = 0;
    pid_t me = getpid();
    if (atomic_compare_exchange_strong(&owner, &first, me) || first == me) {
        return LODE_OK;
    }
    return lode_fail_with(LODE_EFORKED,
                          "this process is a fork of process %d, which has called tasks: only "
                          "objects can be used here; to call tasks, exec a program, or fork before "
                          "the first call",
                          (int)first);
}

static lode_err
open_link(const char *path, bool listens, const struct lode_link_events *events,
          struct lode_link **link_out)
{
    LODE_TRY(check_process());
    struct lode_link *link = calloc(1, sizeof *link);
    lode_err err;
    if (link == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a link");
    }
    if (strlen(path) >= 108 - 1 || path[0] != '/') {
        err = lode_fail_with(LODE_EINVAL,
                             "'%s' cannot be an endpoint: give an absolute path of at most 106 "
                             "bytes",
                             path);
        goto free_link;
    }
    snprintf(link->url, sizeof link->url, "ipc://%s", path);
    link->events = *events;
    link->listens = listens;
    lode_mutex_init(&link->delivery, LODE_LOCK_LINK_DELIVERY);
    lode_mutex_init(&link->mu, LODE_LOCK_LINK);
    lode_cond_init(&link->changed);
    lode_link_queue_init(&link->queue);
    err = lode_link_open_pipes(link);
    if (err != LODE_OK) {
        lode_link_close(link);
        return err;
    }
    *link_out = link;
    return LODE_OK;

free_link:
    free(link);
    return err;
}

lode_err
lode_link_listen(const char *path, const struct lode_link_events *events,
                 struct lode_link **link_out)
{
    return open_link(path, true, events, link_out);
}

lode_err
lode_link_dial(const char *path, const struct lode_link_events *events, struct lode_link **link_out)
{
    return open_link(path, false, events, link_out);
}

void
lode_link_close(struct lode_link *link)
{
    if (link == NULL) {
        return;
    }
    lode_link_close_pipes(link);
    lode_link_queue_fini(&link->queue);
    lode_cond_fini(&link->changed);
    lode_mutex_fini(&link->mu);
    lode_mutex_fini(&link->delivery);
    free(link);
}

static void
run_close(struct lode_reaper_job *job)
{
    struct lode_link *link =
        (struct lode_link *)((char *)job - offsetof(struct lode_link, close_job));
    void (*closed)(void *arg) = link->closed;
    void *arg = link->closed_arg;
    lode_link_close(link);
    if (closed != NULL) {
        closed(arg);
    }
}

void
lode_link_reap(struct lode_link *link, void (*done)(void *arg), void *arg)
{
    link->closed = done;
    link->closed_arg = arg;
    link->close_job.run = run_close;
    lode_reaper_add(&link->close_job);
}

void
lode_link_count(struct lode_link *link, struct lode_link_counters *counters_out)
{
    lode_mutex_lock(&link->mu);
    *counters_out = link->counters;
    counters_out->records_acked = link->queue.acked;
    counters_out->backlog_bytes = link->queue.backlog_bytes;
    lode_mutex_unlock(&link->mu);
}

void
lode_link_drop_pipe(struct lode_link *link)
{
    lode_mutex_lock(&link->mu);
    bool dropped = link->open != NULL && lode_link_retire_locked(link, link->open);
    lode_mutex_unlock(&link->mu);
    if (dropped) {
        lode_link_retired(link, true);
    }
}
