/*
 * The worker's queue under four threads: one puts, one adds in batches, one recalls and stops, one
 * takes. Every task is
 * started or recalled, none is both, and no word is raced for.
 */
#include "worker/runtime/queue.h"

#include "tests/support/check.h"

#include <stdlib.h>

enum { TASKS = 20000, PUTTERS = 2 };

static struct queue queue;
static _Atomic int putting = PUTTERS;
static char seen[PUTTERS * TASKS + 1]; /* of the taker */
static char back[PUTTERS * TASKS + 1]; /* of the recaller */

static void *
put_many(void *arg)
{
    uint64_t first = (uint64_t)(uintptr_t)arg;
    for (uint64_t i = 0; i < TASKS; i++) {
        uint64_t task = first + i;
        must(queue_put(&queue, QUEUE_RUN, task, &task, sizeof task));
    }
    atomic_fetch_sub(&putting, 1);
    return NULL;
}

static void *
add_many(void *arg)
{
    uint64_t first = (uint64_t)(uintptr_t)arg;
    for (uint64_t i = 0; i < TASKS; i++) {
        uint64_t task = first + i;
        must(queue_add(&queue, QUEUE_RUN, task, &task, sizeof task));
        if (i % 7 == 0) {
            queue_publish(&queue);
        }
    }
    queue_publish(&queue);
    atomic_fetch_sub(&putting, 1);
    return NULL;
}

static void
recall(const uint64_t *task, uint32_t count)
{
    uint64_t *recalled;
    uint32_t found;
    must(queue_recall(&queue, task, count, &recalled, &found));
    for (uint32_t i = 0; i < found; i++) {
        expect_eq(back[recalled[i]]++, 0);
    }
    free(recalled);
}

static void *
recall_many(void *arg)
{
    (void)arg;
    for (uint64_t i = 1; atomic_load(&putting) > 0; i = i % TASKS + 1) {
        uint64_t some[3] = {i, i + TASKS, 2 * i};
        recall(some, i % 64 == 0 ? 0 : 3);
        queue_stop(&queue, i, 0);
        (void)queue_is_idle(&queue);
    }
    must(queue_put(&queue, QUEUE_QUIT, 0, NULL, 0));
    return NULL;
}

static void
take_all(void)
{
    struct queue_item *item = NULL;
    bool quit = false;
    while (!quit) {
        item = queue_take(&queue, item, true);
        quit = item->type == QUEUE_QUIT;
        if (!quit) {
            expect_eq(seen[item->task]++, 0);
        }
    }
    expect(queue_take(&queue, item, false) == NULL); /* QUIT was put last of all */
}

int
main(void)
{
    pthread_t threads[PUTTERS + 1];
    queue_init(&queue, 2);
    for (uintptr_t i = 0; i < PUTTERS; i++) {
        pthread_create(&threads[i], NULL, i == 0 ? add_many : put_many, (void *)(1 + i * TASKS));
    }
    pthread_create(&threads[PUTTERS], NULL, recall_many, NULL);
    take_all();
    for (int i = 0; i <= PUTTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 1; i <= PUTTERS * TASKS; i++) {
        expect_eq(seen[i] + back[i], 1);
    }
    queue_fini(&queue);
    return 0;
}
