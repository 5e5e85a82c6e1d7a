#include "worker/runtime/queue.h"

#include "api/base/clock.h"
#include "api/base/fail.h"

#include <stdlib.h>
#include <string.h>

enum { USUAL_BYTES = 192, SPARE_MAX = 1024 };

void
queue_init(struct queue *queue)
{
    *queue = (struct queue){0};
    queue->last = &queue->first;
    lode_mutex_init(&queue->mu, LODE_LOCK_WORKER_QUEUE);
    lode_cond_init(&queue->filled);
}

static void
free_list(struct queue_item *item)
{
    while (item != NULL) {
        struct queue_item *next = item->next;
        free(item);
        item = next;
    }
}

void
queue_fini(struct queue *queue)
{
    free_list(queue->first);
    free_list(queue->spare);
    lode_cond_fini(&queue->filled);
    lode_mutex_fini(&queue->mu);
}

static struct queue_item *
item_locked(struct queue *queue, uint32_t size)
{
    lode_mutex_assert_held(&queue->mu);
    struct queue_item *item = queue->spare;
    if (size <= USUAL_BYTES && item != NULL) {
        queue->spare = item->next;
        queue->spare_count--;
        return item;
    }
    uint32_t room = size > USUAL_BYTES ? size : USUAL_BYTES;
    item = malloc(sizeof *item + room);
    if (item != NULL) {
        item->room = room;
    }
    return item;
}

static void
give_back_locked(struct queue *queue, struct queue_item *item)
{
    lode_mutex_assert_held(&queue->mu);
    if (item->room == USUAL_BYTES && queue->spare_count < SPARE_MAX) {
        item->next = queue->spare;
        queue->spare = item;
        queue->spare_count++;
    } else {
        free(item);
    }
}

static void
count_locked(struct queue *queue, int change)
{
    uint32_t waiting = atomic_load_explicit(&queue->waiting, memory_order_relaxed);
    atomic_store_explicit(&queue->waiting, waiting + (uint32_t)change, memory_order_relaxed);
}

lode_err
queue_put(struct queue *queue, enum queue_type type, uint64_t task, const void *bytes,
          uint32_t size)
{
    lode_mutex_lock(&queue->mu);
    struct queue_item *item = item_locked(queue, size);
    if (item == NULL) {
        lode_mutex_unlock(&queue->mu);
        return lode_fail_with(LODE_ENOMEM, "no room for a task of %u bytes", size);
    }
    item->next = NULL;
    item->type = type;
    item->task = task;
    item->size = size;
    item->cancelled = false;
    if (size > 0) {
        memcpy(item->bytes, bytes, size);
    }
    *queue->last = item;
    queue->last = &item->next;
    count_locked(queue, 1);
    bool wake = queue->sleeping;
    queue->sleeping = false;
    lode_mutex_unlock(&queue->mu);
    if (wake) {
        lode_cond_signal(&queue->filled);
    }
    return LODE_OK;
}

static struct queue_item *
unlink_locked(struct queue *queue, struct queue_item **at)
{
    lode_mutex_assert_held(&queue->mu);
    struct queue_item *item = *at;
    *at = item->next;
    if (queue->last == &item->next) {
        queue->last = at;
    }
    count_locked(queue, -1);
    return item;
}

struct queue_item *
queue_take(struct queue *queue, struct queue_item *done, bool wait)
{
    struct queue_item *item = NULL;
    lode_mutex_lock(&queue->mu);
    if (done != NULL) {
        give_back_locked(queue, done);
        atomic_store_explicit(&queue->running, 0, memory_order_relaxed);
    }
    while (wait && queue->first == NULL) {
        queue->sleeping = true;
        lode_cond_wait(&queue->filled, &queue->mu, LODE_NEVER);
    }
    queue->sleeping = false;
    if (queue->first != NULL) {
        item = unlink_locked(queue, &queue->first);
        atomic_store_explicit(&queue->running, item->type == QUEUE_RUN ? item->task : 0,
                              memory_order_relaxed);
    }
    lode_mutex_unlock(&queue->mu);
    return item;
}

bool
queue_is_empty(const struct queue *queue)
{
    return atomic_load_explicit(&queue->waiting, memory_order_relaxed) == 0;
}

bool
queue_is_idle(const struct queue *queue)
{
    return queue_is_empty(queue) &&
           atomic_load_explicit(&queue->running, memory_order_relaxed) == 0;
}

static bool
is_named(uint64_t task, const uint64_t *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (names[i] == task) {
            return true;
        }
    }
    return count == 0;
}

static uint32_t
count_runs_locked(const struct queue *queue)
{
    uint32_t count = 0;
    for (const struct queue_item *item = queue->first; item != NULL; item = item->next) {
        count += item->type == QUEUE_RUN;
    }
    return count;
}

lode_err
queue_recall(struct queue *queue, const uint64_t *task, uint32_t count, uint64_t **recalled_out,
             uint32_t *recalled_count_out)
{
    uint32_t recalled = 0;
    lode_mutex_lock(&queue->mu);
    uint32_t most = count_runs_locked(queue);
    uint64_t *numbers = malloc((most + 1) * sizeof *numbers);
    if (numbers == NULL) {
        lode_mutex_unlock(&queue->mu);
        return lode_fail_with(LODE_ENOMEM, "no room to recall %u tasks", most);
    }
    struct queue_item **at = &queue->first;
    while (*at != NULL) {
        if ((*at)->type == QUEUE_RUN && is_named((*at)->task, task, count)) {
            numbers[recalled++] = (*at)->task;
            give_back_locked(queue, unlink_locked(queue, at));
        } else {
            at = &(*at)->next;
        }
    }
    lode_mutex_unlock(&queue->mu);
    *recalled_out = numbers;
    *recalled_count_out = recalled;
    return LODE_OK;
}

bool
queue_stop(struct queue *queue, uint64_t task, uint32_t limit_ms)
{
    lode_mutex_lock(&queue->mu);
    bool running = task != 0 && atomic_load_explicit(&queue->running, memory_order_relaxed) == task;
    for (struct queue_item *item = queue->first; item != NULL && !running; item = item->next) {
        if (item->type == QUEUE_RUN && item->task == task) {
            item->cancelled = true;
            item->limit_ms = limit_ms;
        }
    }
    lode_mutex_unlock(&queue->mu);
    return running;
}
