#include "api/wire/link_private.h"

#include "api/base/clock.h"
#include "api/base/fail.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* ---- the end of a pipe -------------------------------------------------------------------- */

/* True if it was alive until now: then lode_link_retired() must follow, after unlocking. */
bool
lode_link_retire_locked(struct lode_link *link, struct lode_link_pipe *pipe)
{
    lode_mutex_assert_held(&link->mu);
    if (pipe->retired) {
        return false;
    }
    pipe->retired = true;
    TAILQ_REMOVE(&link->pipes, pipe, entry);
    TAILQ_INSERT_TAIL(&link->retired, pipe, entry);
    link->pipe_count--;
    if (link->open == pipe) {
        link->open = NULL;
    }
    return true;
}

void
lode_link_retired(struct lode_link *link, bool redial)
{
    nng_duration wait;
    lode_reaper_add(&link->bury_job);
    if (!redial || link->listens) {
        return;
    }
    lode_mutex_lock(&link->mu);
    wait = link->closing || link->broken ? 0 : (nng_duration)link->redial_ms;
    link->redial_ms = link->redial_ms * 2 < LODE_LINK_REDIAL_LAST_MS ? link->redial_ms * 2
                                                                     : LODE_LINK_REDIAL_LAST_MS;
    lode_mutex_unlock(&link->mu);
    if (wait > 0) {
        nng_sleep_aio(wait, link->pause_aio);
    }
}

static void
retire(struct lode_link_pipe *pipe)
{
    struct lode_link *link = pipe->link;
    lode_mutex_lock(&link->mu);
    bool was_alive = lode_link_retire_locked(link, pipe);
    lode_mutex_unlock(&link->mu);
    if (was_alive) {
        lode_link_retired(link, true);
    }
}

static void
free_pipe(struct lode_link_pipe *pipe)
{
    nng_stream_free(pipe->stream); /* nng's reaper does the rest */
    nng_aio_free(pipe->send_aio);
    nng_aio_free(pipe->quick_aio);
    nng_aio_free(pipe->receive_aio);
    free(pipe->out);
    free(pipe->in);
    free(pipe);
}

static void
bury(struct lode_link_pipe *pipe)
{
    nng_stream_close(pipe->stream);
    while (atomic_load_explicit(&pipe->users, memory_order_acquire) != 0) {
        sched_yield(); /* somebody is inside nng_stream_send(), which does not block */
    }
    nng_aio_stop(pipe->receive_aio);
    nng_aio_stop(pipe->send_aio);
    nng_aio_stop(pipe->quick_aio);
    free_pipe(pipe);
}

void
lode_link_bury_all(struct lode_link *link)
{
    for (;;) {
        lode_mutex_lock(&link->mu);
        struct lode_link_pipe *pipe = TAILQ_FIRST(&link->retired);
        if (pipe != NULL) {
            TAILQ_REMOVE(&link->retired, pipe, entry);
        }
        lode_mutex_unlock(&link->mu);
        if (pipe == NULL) {
            return;
        }
        bury(pipe);
    }
}

void
lode_link_run_bury(struct lode_reaper_job *job)
{
    lode_link_bury_all((struct lode_link *)((char *)job - offsetof(struct lode_link, bury_job)));
}

/* ---- sending ------------------------------------------------------------------------------ */

/*
 * Makes the next message of the pipe, if there is one and none is under way. True: the caller
 * starts it with lode_link_start() after unlocking.
 */
bool
lode_link_start_locked(struct lode_link *link, struct lode_link_pipe *pipe)
{
    struct lode_link_batch batch;
    lode_mutex_assert_held(&link->mu);
    if (pipe->busy || pipe->retired || !lode_link_plan_batch_locked(link, pipe, &batch)) {
        return false;
    }
    size_t size = sizeof batch + batch.bytes;
    if (size > pipe->out_room) {
        char *out = malloc(size);
        if (out == NULL) {
            return false; /* the next record, or acknowledgement, tries again */
        }
        free(pipe->out);
        pipe->out = out;
        pipe->out_room = size;
    }
    memcpy(pipe->out, &batch, sizeof batch);
    lode_link_queue_take(&link->queue, batch.bytes, pipe->out + sizeof batch);
    pipe->told = true;
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
 * Starts the message that lode_link_start_locked() made. In a burst its completion is a callback
 * on another thread: what queues up until then goes as one message.
 */
void
lode_link_start(struct lode_link_pipe *pipe)
{
    int64_t now = lode_now_ns();
    bool quiet = now - pipe->out_begun_ns >= LODE_LINK_QUIET_NS;
    pipe->out_begun_ns = now;
    if (quiet && !send_at_once(pipe)) {
        retire(pipe);
    } else if (pipe->out_sent < pipe->out_size) {
        send_rest(pipe);
    } else if (start_next(pipe)) {
        send_rest(pipe);
        end_use(pipe);
    }
    end_use(pipe);
}

static void
send_done(void *arg)
{
    struct lode_link_pipe *pipe = arg;
    if (nng_aio_result(pipe->send_aio) != 0) {
        retire(pipe);
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

/* ---- receiving ---------------------------------------------------------------------------- */

static lode_err
resize_in(struct lode_link_pipe *pipe, size_t room)
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
    return room == pipe->in_room ? LODE_OK : resize_in(pipe, room);
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
        LODE_TRY(lode_link_take_batch(pipe->link, pipe, &batch, pipe->in + at + sizeof batch));
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

static void
receive_done(void *arg)
{
    struct lode_link_pipe *pipe = arg;
    struct lode_link *link = pipe->link;
    size_t wanted;
    if (nng_aio_result(pipe->receive_aio) != 0) {
        retire(pipe);
        return;
    }
    pipe->in_size += nng_aio_count(pipe->receive_aio);
    bool was_full = pipe->in_size == pipe->in_room;
    lode_mutex_lock(&link->delivery);
    lode_err err = take_batches(pipe, &wanted);
    lode_link_batches_taken(link);
    lode_mutex_unlock(&link->delivery);
    if (err == LODE_OK) {
        err = make_room(pipe, wanted, was_full);
    }
    if (err != LODE_OK) {
        retire(pipe);
        return;
    }
    lode_link_receive(pipe);
}

/* ---- the beginning of a pipe -------------------------------------------------------------- */

struct lode_link_pipe *
lode_link_new_pipe(struct lode_link *link, nng_stream *stream)
{
    struct lode_link_pipe *pipe = calloc(1, sizeof *pipe);
    if (pipe == NULL) {
        nng_stream_free(stream);
        return NULL;
    }
    pipe->link = link;
    pipe->stream = stream;
    if (nng_aio_alloc(&pipe->send_aio, send_done, pipe) != 0 ||
        nng_aio_alloc(&pipe->receive_aio, receive_done, pipe) != 0 ||
        nng_aio_alloc(&pipe->quick_aio, NULL, NULL) != 0 ||
        resize_in(pipe, LODE_LINK_BUFFER) != LODE_OK) {
        free_pipe(pipe);
        return NULL;
    }
    nng_aio_set_timeout(pipe->send_aio, NNG_DURATION_INFINITE);
    nng_aio_set_timeout(pipe->receive_aio, NNG_DURATION_INFINITE);
    return pipe;
}
