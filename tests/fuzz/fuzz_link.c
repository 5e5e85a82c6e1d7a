/*
 * What a peer writes into the pipes of a link. The link's own receiving and sending, with nothing
 * of nng behind it: what it sends is taken away at once.
 *
 * ctest: replay 100000
 */
#include "api/wire/reaper.h"
#include "tests/fuzz/fuzz.h"

#include <nng/nng.h>

static void fake_send(nng_stream *stream, nng_aio *aio);
static void fake_ignore(nng_stream *stream, nng_aio *aio);
static void fake_bury(void *job);

#define nng_stream_send(stream, aio) fake_send(stream, aio)
#define nng_stream_recv(stream, aio) fake_ignore(stream, aio)
#define nng_aio_set_iov(aio, n, iov) ((void)(aio), (void)(iov))
#define nng_aio_cancel(aio)          ((void)(aio))
#define nng_aio_wait(aio)            ((void)(aio))
#define nng_aio_result(aio)          ((void)(aio), 0)
#define nng_aio_count(aio)           ((void)(aio), fake_count)
#define nng_stream_close(stream)     ((void)(stream))
#define nng_stream_free(stream)      ((void)(stream))
#define nng_aio_stop(aio)            ((void)(aio))
#define nng_aio_free(aio)            ((void)(aio))
#define nng_sleep_aio(duration, aio) ((void)(duration), (void)(aio))
#define lode_reaper_add(job)         fake_bury(job)

static size_t fake_count;

#include "api/wire/link_receive.c"
#include "api/wire/link_retire.c"
#include "api/wire/link_send.c"

enum { PIPES = 3 };

static struct lode_link the_link;
static struct lode_link_pipe *pipes[PIPES];
static uint64_t delivered;
static bool broke;

/* ---- the link's surroundings -------------------------------------------------------------- */

static void
fake_ignore(nng_stream *stream, nng_aio *aio)
{
    (void)stream;
    (void)aio;
}

/* All that was to be sent is written: a whole batch, with what was not acknowledged yet. */
static void
fake_send(nng_stream *stream, nng_aio *aio)
{
    (void)aio;
    struct lode_link_pipe *pipe = (struct lode_link_pipe *)(void *)stream;
    struct lode_link_batch batch;
    fuzz_expect(pipe->out_size >= sizeof batch);
    memcpy(&batch, pipe->out, sizeof batch);
    fuzz_expect(batch.magic == LODE_LINK_MAGIC && batch.bytes == pipe->out_size - sizeof batch);
    fuzz_expect(batch.acked == the_link.received);
    fuzz_expect(batch.count == 0 || records_are_whole(&batch, pipe->out + sizeof batch));
    fake_count = pipe->out_size;
    pipe->out_sent = pipe->out_size;
}

static void
fake_bury(void *job)
{
    (void)job; /* at the end of the input: whoever retired a pipe may still look at it */
}

static lode_err
on_record(void *arg, uint16_t type, const void *bytes, uint32_t size)
{
    uint8_t sum = 0;
    (void)arg;
    fuzz_expect(!broke && (uintptr_t)bytes % 8 == 0 && size <= LODE_TASK_RECORD_MAX);
    for (uint32_t i = 0; i < size; i++) {
        sum ^= ((const uint8_t *)bytes)[i];
    }
    delivered++;
    if (type == 0xdead) {
        return lode_fail_with(LODE_EPROTO, "a record that its taker dislikes (%u)", sum);
    }
    if (type % 4 == 1) { /* a callback may append to its own link */
        lode_mutex_lock(&the_link.mu);
        fuzz_expect(lode_link_queue_append(&the_link.queue, type, bytes, size & 63, NULL, 0) ==
                    LODE_OK);
        lode_mutex_unlock(&the_link.mu);
    }
    return LODE_OK;
}

static void
on_broken(void *arg, lode_err why)
{
    (void)arg;
    fuzz_expect(!broke && why != LODE_OK);
    broke = true;
}

static struct lode_link_pipe *
make_pipe(void)
{
    struct lode_link_pipe *pipe = calloc(1, sizeof *pipe);
    fuzz_expect(pipe != NULL);
    pipe->link = &the_link;
    pipe->stream = (nng_stream *)(void *)pipe;
    fuzz_expect(lode_link_room_to_receive(pipe, 256) == LODE_OK);
    TAILQ_INSERT_TAIL(&the_link.pipes, pipe, entry);
    the_link.pipe_count++;
    return pipe;
}

static void
begin(void)
{
    memset(&the_link, 0, sizeof the_link);
    the_link.listens = true;
    the_link.events = (struct lode_link_events){.record = on_record, .broken = on_broken};
    lode_mutex_init(&the_link.delivery, LODE_LOCK_LINK_DELIVERY);
    lode_mutex_init(&the_link.mu, LODE_LOCK_LINK);
    lode_cond_init(&the_link.changed);
    lode_link_queue_init(&the_link.queue);
    TAILQ_INIT(&the_link.pipes);
    TAILQ_INIT(&the_link.retired);
    delivered = 0;
    broke = false;
    for (int i = 0; i < PIPES; i++) {
        pipes[i] = make_pipe();
    }
}

static void
end(void)
{
    for (int i = 0; i < PIPES; i++) {
        fuzz_expect(atomic_load(&pipes[i]->users) == 0);
        lode_link_free_pipe(pipes[i]);
    }
    lode_link_queue_fini(&the_link.queue);
    lode_cond_fini(&the_link.changed);
    lode_mutex_fini(&the_link.mu);
    lode_mutex_fini(&the_link.delivery);
}

static void
check(void)
{
    const struct lode_link_queue *queue = &the_link.queue;
    fuzz_expect(queue->acked <= queue->sent && queue->sent <= queue->last);
    fuzz_expect(queue->sent <= queue->highest && queue->highest <= queue->last);
    fuzz_expect(the_link.received <= delivered && the_link.counters.records_received <= delivered);
    fuzz_expect(broke || the_link.received == delivered);
    fuzz_expect(the_link.broken == broke);
    fuzz_expect(the_link.open == NULL || !the_link.open->retired);
    fuzz_expect(the_link.received >= the_link.ack_said);
}

/* ---- the input ---------------------------------------------------------------------------- */

/* As lode_link_receive_done() does, in pieces of any size. */
static void
arrive(struct lode_link_pipe *pipe, const uint8_t *bytes, size_t size)
{
    while (size > 0 && !pipe->retired) {
        size_t room = pipe->in_room - pipe->in_size;
        fuzz_expect(room > 0);
        fake_count = size < room ? size : room;
        memcpy(pipe->in + pipe->in_size, bytes, fake_count);
        bytes += fake_count;
        size -= fake_count;
        lode_link_receive_done(pipe);
    }
}

/* A batch that keeps most rules: its records are so long, its numbers near to the right ones. */
static void
say_batch(struct fuzz_input *input, struct lode_link_pipe *pipe)
{
    uint8_t bytes[4096] = {0};
    struct lode_link_batch batch = {.magic = LODE_LINK_MAGIC, .count = fuzz_u8(input) % 16};
    size_t at = sizeof batch;
    batch.first = the_link.received + 1 + (uint64_t)(int64_t)(int8_t)fuzz_u8(input);
    batch.acked = the_link.queue.highest + (uint64_t)(int64_t)(int8_t)fuzz_u8(input);
    batch.flags = fuzz_u8(input);
    for (uint32_t i = 0; i < batch.count; i++) {
        struct lode_link_record record = {.type = fuzz_u16(input), .size = fuzz_u8(input)};
        memcpy(bytes + at, &record, sizeof record);
        fuzz_bytes(input, bytes + at + sizeof record, record.size & 7);
        at += lode_link_record_bytes(record.size);
    }
    batch.bytes = (uint32_t)(at - sizeof batch);
    memcpy(bytes, &batch, sizeof batch);
    arrive(pipe, bytes, at);
}

static void
run(struct fuzz_input *input)
{
    uint8_t op = fuzz_u8(input), bytes[512];
    struct lode_link_pipe *pipe = pipes[op % PIPES];
    size_t size = op / 16;
    switch (op / PIPES % 4) {
    case 0:
        say_batch(input, pipe);
        break;
    case 1:
        size += fuzz_u8(input);
        fuzz_bytes(input, bytes, size);
        arrive(pipe, bytes, size);
        break;
    case 2:
        lode_mutex_lock(&the_link.mu);
        fuzz_expect(lode_link_queue_append(&the_link.queue, op, "0123456789abcdef", size, NULL,
                                           0) == LODE_OK);
        lode_mutex_unlock(&the_link.mu);
        lode_link_pump(&the_link);
        break;
    default:
        lode_link_retire(pipe);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    begin();
    while (input.left > 0) {
        run(&input);
        check();
    }
    end();
    return 0;
}

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    /* HELLO, three records, two of ours, an acknowledgement, a repeat, a new pipe. */
    struct fuzz_text text = {.size = 0};
    fuzz_say(&text, 0, 0, 0, 0, LODE_LINK_HELLO);
    fuzz_say(&text, 0, 3, 0, 0, 0, 1, 0, 8, 4, 0, 64, 5, 0, 3, 1, 2, 3);
    fuzz_say(&text, 6 + 16, 6 + 32, 0, 0, 0, 0, LODE_LINK_ASK_ACK);
    fuzz_say(&text, 0, 3, 0xfd, 0, 0, 1, 0, 8, 4, 0, 64, 5, 0, 3, 1, 2, 3);
    fuzz_say(&text, 1, 0, 0, 0, LODE_LINK_HELLO, 1, 1, 0, 0, 0, 2, 0, 16);
    seed(arg, text.bytes, text.size);
    /* The same in raw bytes, cut. */
    struct lode_link_batch batch = {
        .magic = LODE_LINK_MAGIC, .count = 1, .first = 1, .flags = LODE_LINK_HELLO, .bytes = 16};
    struct lode_link_record record = {.size = 5, .type = 9};
    text.size = 0;
    fuzz_say(&text, 3, sizeof batch);
    fuzz_add(&text, &batch, sizeof batch);
    fuzz_say(&text, 3, 16);
    fuzz_add(&text, &record, sizeof record);
    fuzz_say(&text, 'h', 'e', 'l', 'l', 'o', 0, 0, 0);
    seed(arg, text.bytes, text.size);
}
