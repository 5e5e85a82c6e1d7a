#include "worker/runtime/queue.h"

#include "api/base/clock.h"
#include "api/base/fail.h"

#include <stdlib.h>
#include <string.h>

/*
 * PUBLISH_MAX: an idle main thread does not wait for the rest of a large batch, and takes the lock
 * far less often than it is taken for its own tasks.
 */
enum { USUAL_BYTES = 192, SPARE_MAX = 1024, PUBLISH_MAX = 32 };

void
queue_init(struct queue *queue, uint32_t cpus)
{
    *queue = (struct queue){.publish_most = cpus > 1 ? PUBLISH_MAX : UINT32_MAX};
    queue->last = &queue->first;
    queue->added.last = &queue->added.first;
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
    free_list(queue->added.first);
    free_list(queue->added_spare);
    lode_cond_fini(&queue->filled);
    lode_mutex_fini(&queue->mu);
}

static struct queue_item *
new_item(uint32_t size)
{
    uint32_t room = size > USUAL_BYTES ? size : USUAL_BYTES;
    struct queue_item *item = malloc(sizeof *item + room);
    if (item == NULL) {
        (void)lode_fail_with(LODE_ENOMEM, "no room for a task of %u bytes", size);
        return NULL;
    }
    item->room = room;
    return item;
}

static void
fill(struct queue_item *item, enum queue_type type, uint64_t task, const void *bytes, uint32_t size)
{
    item->next = NULL;
    item->type = type;
    item->task = task;
    item->size = size;
    item->cancelled = false;
    if (size > 0) {
        memcpy(item->bytes, bytes, size);
    }
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

/* Puts the items at the end. True: the main thread sleeps, and must be woken. */
static bool
append_locked(struct queue *queue, const struct queue_list *list)
{
    lode_mutex_assert_held(&queue->mu);
    *queue->last = list->first;
    queue->last = list->last;
    count_locked(queue, (int)list->count);
    bool wake = queue->sleeping;
    queue->sleeping = false;
    return wake;
}

lode_err
queue_put(struct queue *queue, enum queue_type type, uint64_t task, const void *bytes,
          uint32_t size)
{
    struct queue_item *item = new_item(size);
    if (item == NULL) {
        return LODE_ENOMEM;
    }
    fill(item, type, task, bytes, size);
    const struct queue_list one = {.first = item, .last = &item->next, .count = 1};
    lode_mutex_lock(&queue->mu);
    bool wake = append_locked(queue, &one);
    lode_mutex_unlock(&queue->mu);
    if (wake) {
        lode_cond_signal(&queue->filled);
    }
    return LODE_OK;
}

lode_err
queue_add(struct queue *queue, enum queue_type type, uint64_t task, const void *bytes,
          uint32_t size)
{
    struct queue_item *item = queue->added_spare;
    if (size <= USUAL_BYTES && item != NULL) {
        queue->added_spare = item->next;
    } else if ((item = new_item(size)) == NULL) {
        return LODE_ENOMEM;
    }
    fill(item, type, task, bytes, size);
    *queue->added.last = item;
    queue->added.last = &item->next;
    if (++queue->added.count >= queue->publish_most) {
        queue_publish(queue);
    }
    return LODE_OK;
}

/* Takes the spare items along: so the next ones need no lock. */
void
queue_publish(struct queue *queue)
{
    if (queue->added.count == 0) {
        return;
    }
    lode_mutex_lock(&queue->mu);
    bool wake = append_locked(queue, &queue->added);
    if (queue->added_spare == NULL) {
        queue->added_spare = queue->spare;
        queue->spare = NULL;
        queue->spare_count = 0;
    }
    lode_mutex_unlock(&queue->mu);
    queue->added = (struct queue_list){.last = &queue->added.first};
    if (wake) {
        lode_cond_signal(&queue->filled);
    }
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
