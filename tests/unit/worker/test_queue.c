#include "worker/runtime/queue.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

static struct queue queue;

static void
setup(void)
{
    queue_init(&queue, 2);
}

static void
teardown(void)
{
    queue_fini(&queue);
}

TestSuite(queue, .init = setup, .fini = teardown);

static void
put(uint64_t task)
{
    must(queue_put(&queue, QUEUE_RUN, task, &task, sizeof task));
}

static void
expect_next(uint64_t task)
{
    struct queue_item *item = queue_take(&queue, NULL, false);
    expect(item != NULL);
    expect_eq(item->task, task);
    expect(memcmp(item->bytes, &task, sizeof task) == 0);
    queue_take(&queue, item, false);
}

Test(queue, items_come_out_in_order_with_their_bytes)
{
    static char large[10000];
    memset(large, 'x', sizeof large);
    must(queue_put(&queue, QUEUE_DESCRIBE, 0, large, sizeof large));
    put(1);
    must(queue_put(&queue, QUEUE_QUIT, 0, NULL, 0));
    struct queue_item *item = queue_take(&queue, NULL, false);
    expect(item->type == QUEUE_DESCRIBE && item->size == sizeof large);
    expect(memcmp(item->bytes, large, sizeof large) == 0);
    item = queue_take(&queue, item, false);
    expect(item->type == QUEUE_RUN && item->task == 1);
    item = queue_take(&queue, item, false);
    expect(item->type == QUEUE_QUIT);
    expect(queue_take(&queue, item, false) == NULL);
    expect(queue_is_empty(&queue));
}

Test(queue, a_recall_of_all_takes_what_has_not_started)
{
    uint64_t *recalled;
    uint32_t count;
    put(1);
    put(2);
    must(queue_put(&queue, QUEUE_DESCRIBE, 0, NULL, 0));
    put(3);
    struct queue_item *running = queue_take(&queue, NULL, false);
    must(queue_recall(&queue, NULL, 0, &recalled, &count));
    expect_eq(count, 2);
    expect(recalled[0] == 2 && recalled[1] == 3);
    free(recalled);
    running = queue_take(&queue, running, false);
    expect(running->type == QUEUE_DESCRIBE); /* no task: stays */
    expect(queue_take(&queue, running, false) == NULL);
    put(4); /* the list's end is in order after the last item was taken out */
    expect_next(4);
}

Test(queue, a_recall_by_number_takes_those_alone)
{
    uint64_t *recalled;
    uint32_t count;
    for (uint64_t i = 1; i <= 5; i++) {
        put(i);
    }
    must(queue_recall(&queue, (const uint64_t[]){5, 2, 99}, 3, &recalled, &count));
    expect_eq(count, 2);
    expect(recalled[0] == 2 && recalled[1] == 5);
    free(recalled);
    expect_eq(atomic_load(&queue.waiting), 3);
    struct queue_item *item = NULL;
    for (uint64_t i = 1; i <= 4; i += i == 1 ? 2 : 1) {
        item = queue_take(&queue, item, false);
        expect_eq(item->task, i);
    }
    expect(queue_take(&queue, item, false) == NULL);
}

Test(queue, a_stop_reaches_the_running_task_or_marks_a_waiting_one)
{
    put(1);
    put(2);
    expect(!queue_stop(&queue, 1, 0)); /* waits: marked */
    struct queue_item *item = queue_take(&queue, NULL, false);
    expect(item->cancelled);
    expect(queue_stop(&queue, 1, 0)); /* runs */
    expect(!queue_stop(&queue, 3, 0));
    expect(!queue_stop(&queue, 0, 0));
    item = queue_take(&queue, item, false);
    expect(!item->cancelled);
    expect(!queue_stop(&queue, 1, 0)); /* is over */
    expect(queue_take(&queue, item, false) == NULL);
    expect(!queue_stop(&queue, 2, 0));
    expect(queue_is_idle(&queue));
}

enum { TASKS = 20000 };

static void *
fill(void *arg)
{
    (void)arg;
    for (uint64_t i = 1; i <= TASKS; i++) {
        put(i);
    }
    return NULL;
}

static void *
recall_some(void *arg)
{
    uint64_t *sum = arg;
    for (int i = 0; i < 200; i++) {
        uint64_t *recalled;
        uint32_t count;
        must(queue_recall(&queue, NULL, 0, &recalled, &count));
        for (uint32_t j = 0; j < count; j++) {
            *sum += recalled[j];
        }
        free(recalled);
    }
    must(queue_put(&queue, QUEUE_QUIT, 0, NULL, 0));
    return NULL;
}

/* Every task is started or recalled, and none is both. */
Test(queue, nothing_is_lost_or_doubled_between_starting_and_recalling)
{
    pthread_t filler, recaller;
    uint64_t recalled = 0, started = 0;
    struct queue_item *item = NULL;
    bool quit = false;
    pthread_create(&filler, NULL, fill, NULL);
    pthread_create(&recaller, NULL, recall_some, &recalled);
    while (!quit) {
        item = queue_take(&queue, item, true);
        started += item->task;
        quit = item->type == QUEUE_QUIT;
    }
    pthread_join(filler, NULL);
    pthread_join(recaller, NULL);
    while ((item = queue_take(&queue, item, false)) != NULL) {
        started += item->task;
    }
    expect_eq(started + recalled, (uint64_t)TASKS * (TASKS + 1) / 2);
}

static void
add(uint64_t task)
{
    must(queue_add(&queue, QUEUE_RUN, task, &task, sizeof task));
}

/* The tasks 1 to `last`, and nothing else. */
static void
expect_all(uint64_t last)
{
    struct queue_item *item = NULL;
    for (uint64_t i = 1; i <= last; i++) {
        item = queue_take(&queue, item, false);
        expect(item != NULL);
        expect_eq(item->task, i);
    }
    expect(queue_take(&queue, item, false) == NULL);
}

Test(queue, what_is_added_is_there_when_it_is_published)
{
    add(1);
    add(2);
    expect(queue_is_empty(&queue));
    expect(queue_take(&queue, NULL, false) == NULL);
    queue_publish(&queue);
    put(3);
    queue_publish(&queue); /* nothing */
    expect_all(3);
}

Test(queue, of_many_that_are_added_the_first_are_published_soon)
{
    for (uint64_t i = 1; i <= 100; i++) {
        add(i);
    }
    expect(atomic_load(&queue.waiting) > 50);
    queue_publish(&queue);
    expect_all(100);
}

Test(queue, on_one_cpu_nobody_sees_a_part_of_what_is_added)
{
    struct queue one;
    queue_init(&one, 1);
    for (uint64_t task = 1; task <= 1000; task++) {
        must(queue_add(&one, QUEUE_RUN, task, &task, sizeof task));
        expect(queue_is_empty(&one));
    }
    queue_publish(&one);
    expect(!queue_is_empty(&one));
    queue_fini(&one);
}

Test(queue, what_is_added_and_not_published_is_freed_with_the_queue)
{
    add(1);
}
