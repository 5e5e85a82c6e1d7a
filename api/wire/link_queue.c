#include "api/wire/link_queue.h"

#include "api/base/assert.h"
#include "api/base/fail.h"

#include <stdlib.h>
#include <string.h>

/* One message carries whole chunks, as many as fit: more would only delay the first of them. */
enum { CHUNK_FIRST = 4 << 10, CHUNK_BYTES = 64 << 10, MESSAGE_BYTES = 256 << 10 };

void
lode_link_queue_init(struct lode_link_queue *queue)
{
    memset(queue, 0, sizeof *queue);
}

void
lode_link_queue_fini(struct lode_link_queue *queue)
{
    while (queue->head != NULL) {
        struct lode_link_chunk *next = queue->head->next;
        free(queue->head);
        queue->head = next;
    }
    queue->tail = queue->at = NULL;
}

static uint64_t
chunk_last(const struct lode_link_chunk *chunk)
{
    return chunk->first + chunk->count - 1;
}

static lode_err
add_chunk(struct lode_link_queue *queue, uint32_t bytes)
{
    uint32_t room = queue->tail == NULL ? CHUNK_FIRST : CHUNK_BYTES;
    struct lode_link_chunk *chunk;
    room = room < bytes ? bytes : room;
    chunk = malloc(sizeof *chunk + room);
    if (chunk == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for %u bytes of messages", room);
    }
    *chunk = (struct lode_link_chunk){.first = queue->last + 1, .room = room};
    if (queue->tail == NULL) {
        queue->head = chunk;
    } else {
        queue->tail->next = chunk;
    }
    queue->tail = chunk;
    if (queue->at == NULL) {
        queue->at = chunk;
        queue->at_offset = 0;
    }
    return LODE_OK;
}

lode_err
lode_link_queue_append(struct lode_link_queue *queue, uint16_t type, const void *head,
                       uint32_t head_size, const void *rest, uint32_t rest_size)
{
    uint32_t size = head_size + rest_size, bytes = lode_link_record_bytes(size);
    if (queue->backlog_bytes + bytes > LODE_LINK_BACKLOG_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "%zu bytes of messages wait for the other side, which does not "
                              "take them",
                              queue->backlog_bytes);
    }
    if (queue->tail == NULL || queue->tail->room - queue->tail->used < bytes) {
        LODE_TRY(add_chunk(queue, bytes));
    }
    struct lode_link_chunk *chunk = queue->tail;
    char *at = (char *)chunk->bytes + chunk->used;
    memcpy(at, &(struct lode_link_record){.size = size, .type = type},
           sizeof(struct lode_link_record));
    if (size % 8 != 0) {
        memset(at + bytes - 8, 0, 8);
    }
    at += sizeof(struct lode_link_record);
    memcpy(at, head, head_size);
    if (rest_size > 0) {
        memcpy(at + head_size, rest, rest_size);
    }
    chunk->used += bytes;
    chunk->count++;
    queue->last++;
    queue->backlog_bytes += bytes;
    return LODE_OK;
}

size_t
lode_link_queue_next(const struct lode_link_queue *queue, uint32_t *count_out)
{
    const struct lode_link_chunk *chunk = queue->at;
    uint32_t offset = queue->at_offset;
    uint64_t sent = queue->sent;
    size_t bytes = 0;
    while (chunk != NULL) {
        size_t more = chunk->used - offset;
        if (bytes > 0 && bytes + more > MESSAGE_BYTES) {
            break;
        }
        bytes += more;
        sent = chunk_last(chunk);
        chunk = chunk->next;
        offset = 0;
    }
    *count_out = (uint32_t)(sent - queue->sent);
    return bytes;
}

void
lode_link_queue_take(struct lode_link_queue *queue, size_t bytes, void *bytes_out)
{
    char *out = bytes_out;
    while (bytes > 0) {
        struct lode_link_chunk *chunk = queue->at;
        size_t more = chunk->used - queue->at_offset;
        LODE_ASSERT(more <= bytes);
        memcpy(out, (char *)chunk->bytes + queue->at_offset, more);
        out += more;
        bytes -= more;
        queue->sent = chunk_last(chunk);
        queue->at_offset = chunk->used;
        if (chunk->next != NULL) {
            queue->at = chunk->next;
            queue->at_offset = 0;
        }
    }
    if (queue->highest < queue->sent) {
        queue->highest = queue->sent;
    }
}

/* The only chunk is emptied for the next records instead of freed: the common case of few. */
static void
drop_head(struct lode_link_queue *queue)
{
    struct lode_link_chunk *chunk = queue->head;
    queue->backlog_bytes -= chunk->used;
    if (chunk == queue->tail && chunk->room <= CHUNK_BYTES) {
        chunk->first = queue->last + 1;
        chunk->count = chunk->used = 0;
        queue->at = chunk;
        queue->at_offset = 0;
        return;
    }
    if (queue->at == chunk) {
        queue->at = chunk->next;
        queue->at_offset = 0;
    }
    queue->head = chunk->next;
    if (queue->tail == chunk) {
        queue->tail = NULL;
    }
    free(chunk);
}

void
lode_link_queue_acknowledge(struct lode_link_queue *queue, uint64_t acked)
{
    LODE_ASSERT(acked <= queue->highest);
    if (acked <= queue->acked) {
        return;
    }
    queue->acked = acked;
    while (queue->head != NULL && chunk_last(queue->head) <= acked &&
           (queue->head->count > 0 || queue->head != queue->tail)) {
        drop_head(queue);
    }
    if (queue->sent < acked) {
        lode_link_queue_rewind(queue); /* what was to be repeated has arrived after all */
    }
}

void
lode_link_queue_rewind(struct lode_link_queue *queue)
{
    struct lode_link_chunk *chunk = queue->head;
    uint32_t offset = 0;
    if (chunk != NULL) {
        for (uint64_t i = chunk->first; i <= queue->acked; i++) {
            struct lode_link_record record;
            memcpy(&record, (char *)chunk->bytes + offset, sizeof record);
            offset += lode_link_record_bytes(record.size);
        }
    }
    queue->at = chunk;
    queue->at_offset = offset;
    queue->sent = queue->acked;
}
