#include "api/wire/link_send.h"

#include "api/base/fail.h"
#include "api/wire/link_retire.h"

#include <stdlib.h>
#include <string.h>

/* What the pipe's next batch is; false: there is nothing to say on it. */
static bool
plan_batch_locked(struct lode_link *link, struct lode_link_pipe *pipe,
                  struct lode_link_batch *batch_out)
{
    uint32_t count = 0, flags = link->asks > 0 ? LODE_LINK_ASK_ACK : 0;
    size_t bytes = 0;
    if (link->closing || link->broken) {
        return false;
    }
    if (!pipe->said_hello) {
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

static bool
room_for(struct lode_link_pipe *pipe, size_t size)
{
    if (size > pipe->out_room) {
        char *out = malloc(size);
        if (out == NULL) {
            return false;
        }
        free(pipe->out);
        pipe->out = out;
        pipe->out_room = size;
    }
    return true;
}

lode_err
lode_link_room_to_send_locked(struct lode_link *link, uint32_t bytes)
{
    struct lode_link_pipe *pipe = link->open;
    uint32_t count;
    lode_mutex_assert_held(&link->mu);
    if (pipe == NULL || pipe->busy) {
        return LODE_OK;
    }
    size_t size = sizeof(struct lode_link_batch) + lode_link_queue_next(&link->queue, &count) +
                  lode_link_record_bytes(bytes);
    return room_for(pipe, size) ? LODE_OK
                                : lode_fail_with(LODE_ENOMEM, "no memory to send %zu bytes", size);
}

bool
lode_link_start_locked(struct lode_link *link, struct lode_link_pipe *pipe)
{
    struct lode_link_batch batch;
    lode_mutex_assert_held(&link->mu);
    if (pipe->busy || pipe->retired || !plan_batch_locked(link, pipe, &batch)) {
        return false;
    }
    size_t size = sizeof batch + batch.bytes;
    if (!room_for(pipe, size)) {
        lode_link_lose_locked(link, pipe);
        return false;
    }
    memcpy(pipe->out, &batch, sizeof batch);
    lode_link_queue_take(&link->queue, batch.bytes, pipe->out + sizeof batch);
    pipe->said_hello = true;
    link->say_ack = false;
    link->ack_said = batch.acked;
    link->unacked_bytes = 0;
    link->counters.messages_sent++;
    link->counters.records_sent += batch.count;
    pipe->out_size = size;
    pipe->out_sent = 0;
    pipe->busy = true;
    atomic_fetch_add_explicit(&pipe->users, 1, memory_order_relaxed);
    return true;
}

static void
send_rest(struct lode_link_pipe *pipe)
{
    nng_iov rest = {pipe->out + pipe->out_sent, pipe->out_size - pipe->out_sent};
    nng_aio_set_iov(pipe->send_aio, 1, &rest);
    nng_stream_send(pipe->stream, pipe->send_aio);
}

/*
 * A lone message mostly fits into the socket, and is written before nng_stream_send() returns: then
 * no other thread need wake up to hear of it. One that does not fit is taken back, and goes the
 * way of the others. False: the pipe is lost.
 */
static bool
send_at_once(struct lode_link_pipe *pipe)
{
    nng_iov all = {pipe->out, pipe->out_size};
    nng_aio_set_iov(pipe->quick_aio, 1, &all);
    nng_stream_send(pipe->stream, pipe->quick_aio);
    if (nng_aio_count(pipe->quick_aio) == 0) {
        nng_aio_cancel(pipe->quick_aio);
    }
    nng_aio_wait(pipe->quick_aio); /* for what is written, or taken back: does not sleep */
    int code = nng_aio_result(pipe->quick_aio);
    pipe->out_sent = nng_aio_count(pipe->quick_aio);
    return code == 0 || code == NNG_ECANCELED;
}

/* The message is written: the next one, if there is one, is the send aio's. */
static bool
start_next(struct lode_link_pipe *pipe)
{
    struct lode_link *link = pipe->link;
    lode_mutex_lock(&link->mu);
    pipe->busy = false;
    bool more = lode_link_start_locked(link, pipe);
    if (!more && pipe->out_room > LODE_LINK_BUFFER) {
        free(pipe->out);
        pipe->out = NULL;
        pipe->out_room = 0;
    }
    lode_mutex_unlock(&link->mu);
    return more;
}

static void
end_use(struct lode_link_pipe *pipe)
{
    atomic_fetch_sub_explicit(&pipe->users, 1, memory_order_release);
}

/*
 * What others have appended while this thread wrote goes out by the other aio, whose completion is
 * a callback on another thread: so no thread writes for the others without end.
 */
void
lode_link_start(struct lode_link_pipe *pipe)
{
    if (!send_at_once(pipe)) {
        lode_link_retire(pipe);
    } else if (pipe->out_sent < pipe->out_size) {
        send_rest(pipe);
    } else if (start_next(pipe)) {
        send_rest(pipe);
        end_use(pipe);
    }
    end_use(pipe);
}

void
lode_link_send_done(void *arg)
{
    struct lode_link_pipe *pipe = arg;
    if (nng_aio_result(pipe->send_aio) != 0) {
        lode_link_retire(pipe);
        return;
    }
    pipe->out_sent += nng_aio_count(pipe->send_aio);
    if (pipe->out_sent < pipe->out_size) {
        send_rest(pipe);
    } else if (start_next(pipe)) {
        send_rest(pipe);
        end_use(pipe);
    }
}

struct lode_link_pipe *
lode_link_ready_pipe_locked(struct lode_link *link)
{
    struct lode_link_pipe *pipe = link->open;
    return pipe != NULL && lode_link_start_locked(link, pipe) ? pipe : NULL;
}

void
lode_link_pump(struct lode_link *link)
{
    lode_mutex_lock(&link->mu);
    struct lode_link_pipe *pipe = lode_link_ready_pipe_locked(link);
    lode_mutex_unlock(&link->mu);
    if (pipe != NULL) {
        lode_link_start(pipe);
    }
}
