#include "api/wire/link_receive.h"

#include "api/base/fail.h"
#include "api/wire/link_retire.h"
#include "api/wire/link_send.h"
#include "api/wire/task_msg.h"

#include <stdlib.h>
#include <string.h>

/* ---- one batch ---------------------------------------------------------------------------- */

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

/*
 * A stranger's batch, or one behind a lost one, costs its pipe; too many of the peer's, the link.
 */
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

/* The peer is there: it gets what it has not received. A peer that was there before goes. */
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
        link->asked |= (batch->flags & LODE_LINK_ASK_ACK) != 0;
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
static lode_err
take_batch(struct lode_link *link, struct lode_link_pipe *pipe, const struct lode_link_batch *batch,
           const char *records)
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

/*
 * After all that came together: what follows acknowledges it, with records or without. The peer's
 * question is answered from here on. A message that somebody sends while the records are handed
 * over does not count them yet, and would pass for the answer: the peer would wait in vain.
 */
static void
batches_taken(struct lode_link *link)
{
    if (link->delivered && link->events.batch_end != NULL) {
        link->events.batch_end(link->events.arg);
    }
    link->delivered = false;
    lode_mutex_lock(&link->mu);
    uint64_t unacked = link->received - link->ack_said;
    link->say_ack |= link->asked || unacked >= LODE_LINK_ACK_RECORDS ||
                     (unacked > 0 && link->unacked_bytes >= LODE_LINK_ACK_BYTES);
    link->asked = false;
    struct lode_link_pipe *pipe = lode_link_ready_pipe_locked(link);
    lode_mutex_unlock(&link->mu);
    if (pipe != NULL) {
        lode_link_start(pipe);
    }
}

/* ---- the bytes of a pipe ------------------------------------------------------------------ */

lode_err
lode_link_room_to_receive(struct lode_link_pipe *pipe, size_t room)
{
    char *in = realloc(pipe->in, room);
    if (in == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for %zu bytes of messages", room);
    }
    pipe->in = in;
    pipe->in_room = room;
    return LODE_OK;
}

/*
 * Makes room behind what is there: for the rest of the batch that it begins, or for much if much
 * comes. The room shrinks only after a row of small messages: not between two large ones.
 */
static lode_err
make_room(struct lode_link_pipe *pipe, size_t wanted, bool was_full)
{
    size_t room = pipe->in_room;
    bool small = !was_full && pipe->in_size == 0;
    pipe->in_small = small ? pipe->in_small + 1 : 0;
    if (was_full && room < LODE_LINK_BUFFER_BUSY) {
        room *= 2;
    } else if (pipe->in_small > LODE_LINK_SMALL_IN_A_ROW) {
        room = LODE_LINK_BUFFER;
    } else if (room > LODE_LINK_BUFFER_BUSY) {
        room = LODE_LINK_BUFFER_BUSY;
    }
    room = room < wanted ? wanted : room;
    return room == pipe->in_room ? LODE_OK : lode_link_room_to_receive(pipe, room);
}

/*
 * Handles every whole batch. Batches are multiples of 8, so that each begins aligned; what is left
 * moves to the front. wanted_out: the bytes of the batch that has only begun, 0 if unknown.
 */
static lode_err
take_batches(struct lode_link_pipe *pipe, size_t *wanted_out)
{
    struct lode_link_batch batch;
    size_t at = 0;
    *wanted_out = 0;
    while (pipe->in_size - at >= sizeof batch) {
        memcpy(&batch, pipe->in + at, sizeof batch);
        if (batch.magic != LODE_LINK_MAGIC || batch.bytes > LODE_LINK_BATCH_MAX ||
            batch.bytes % 8 != 0) {
            return lode_fail_with(LODE_EPROTO, "what came is no batch");
        }
        if (pipe->in_size - at < sizeof batch + batch.bytes) {
            *wanted_out = sizeof batch + batch.bytes;
            break;
        }
        LODE_TRY(take_batch(pipe->link, pipe, &batch, pipe->in + at + sizeof batch));
        at += sizeof batch + batch.bytes;
    }
    memmove(pipe->in, pipe->in + at, pipe->in_size - at);
    pipe->in_size -= at;
    return LODE_OK;
}

void
lode_link_receive(struct lode_link_pipe *pipe)
{
    nng_iov room = {pipe->in + pipe->in_size, pipe->in_room - pipe->in_size};
    nng_aio_set_iov(pipe->receive_aio, 1, &room);
    nng_stream_recv(pipe->stream, pipe->receive_aio);
}

void
lode_link_receive_done(void *arg)
{
    struct lode_link_pipe *pipe = arg;
    struct lode_link *link = pipe->link;
    size_t wanted;
    if (nng_aio_result(pipe->receive_aio) != 0) {
        lode_link_retire(pipe);
        return;
    }
    pipe->in_size += nng_aio_count(pipe->receive_aio);
    bool was_full = pipe->in_size == pipe->in_room;
    lode_mutex_lock(&link->delivery);
    lode_err err = take_batches(pipe, &wanted);
    batches_taken(link);
    lode_mutex_unlock(&link->delivery);
    if (err == LODE_OK) {
        err = make_room(pipe, wanted, was_full);
    }
    if (err != LODE_OK) {
        lode_link_retire(pipe);
        return;
    }
    lode_link_receive(pipe);
}
