/*
 * The store sets room aside for each session's small puts. Sessions that do not put keep nobody
 * else waiting: an object of all but the whole capacity is created at once beside 200 of them.
 * They put on afterwards. Nor do sessions that put a small object now and then keep a create
 * waiting, that of the create's own program included. And a session whose credit is recalled while
 * it puts loses no object and makes none twice.
 */
#include "api/system/membarrier.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum {
    CAPACITY = 16 << 20,
    IDLE = 200,
    PUTS = 20000,
    SIZE = 3000,
    KEPT = 64,
    AT_LEAST = 50,
    BUSY = 4,
    BUSY_NS = 5000000 /* between two puts */
};

static lode *idle[IDLE];

/* Each has put and dropped something, and had its credit grown by that. */
static void
be_idle(void)
{
    static const char bytes[SIZE];
    for (int i = 0; i < IDLE; i++) {
        idle[i] = store_open();
        for (int k = 0; k < 20; k++) {
            lode_id id;
            must(lode_put(idle[i], bytes, sizeof bytes, LODE_FOREVER, &id));
            lode_drop(idle[i], id);
        }
    }
}

static void
expect_size(lode *db, lode_id id, size_t size)
{
    lode_view view;
    must(lode_get(db, id, 0, &view));
    expect_eq(view.size, size);
    lode_release(&view);
}

static void
they_put_on(void)
{
    for (int i = 0; i < IDLE; i++) {
        lode_id id;
        must(lode_put(idle[i], "again", 6, 0, &id));
        expect_size(idle[i], id, 6);
        lode_drop(idle[i], id);
    }
}

/* The store keeps 16 pages for itself, and reckons with the same again for small puts. */
static void
an_object_of_the_whole_store_is_made(void)
{
    lode *db = store_open();
    lode_draft draft;
    int64_t start = now_ms();
    must(lode_create(db, CAPACITY - (32 << 12), NULL, LODE_FOREVER, &draft));
    expect_lt(now_ms() - start, bound_ms(2000));
    lode_abort(&draft);
    lode_close(db);
}

static _Atomic bool done;

static void *
put_now_and_then(void *arg)
{
    static const char bytes[SIZE];
    lode *db = arg;
    while (!atomic_load(&done)) {
        lode_id id;
        must(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &id));
        lode_drop(db, id);
        nanosleep(&(struct timespec){.tv_nsec = BUSY_NS}, NULL);
    }
    return NULL;
}

/* All have had their credit grown, by more puts than one page spent would grow it. */
static void
a_large_object_is_made_beside_sessions_that_put_now_and_then(void)
{
    lode *busy[BUSY];
    pthread_t threads[BUSY];
    lode_draft draft;
    for (int i = 0; i < BUSY; i++) {
        busy[i] = store_open();
        expect_eq(pthread_create(&threads[i], NULL, put_now_and_then, busy[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        int64_t start = now_ms();
        must(lode_create(busy[0], 15 << 20, NULL, LODE_FOREVER, &draft));
        expect_lt(now_ms() - start, bound_ms(4000));
        lode_abort(&draft);
    }
    atomic_store(&done, true);
    for (int i = 0; i < BUSY; i++) {
        pthread_join(threads[i], NULL);
        lode_close(busy[i]);
    }
    atomic_store(&done, false);
}

/* Each of these creates finds no room, and recalls the credit of its own session. */
static void *
ask_for_too_much(void *arg)
{
    lode_draft draft;
    while (!atomic_load(&done)) {
        fails(lode_create(arg, CAPACITY - (48 << 12), NULL, 0, &draft), LODE_EFULL);
    }
    return NULL;
}

static void
expect_content(lode *db, lode_id id, int number)
{
    lode_view view;
    must(lode_get(db, id, 0, &view));
    expect_eq(view.size, SIZE);
    expect_eq(((const uint8_t *)view.data)[0], (uint8_t)number);
    expect_eq(((const uint8_t *)view.data)[SIZE - 1], (uint8_t)number);
    lode_release(&view);
}

/* Puts, with the last few kept; and reads each once before it is dropped. */
static void
put_all(lode *db)
{
    static lode_id ids[KEPT];
    char bytes[SIZE];
    lode_store_stats stats = {0};
    for (int i = 0; i < PUTS || stats.credit_recalls < AT_LEAST; i++) {
        if (i >= KEPT) {
            expect_content(db, ids[i % KEPT], i - KEPT);
            lode_drop(db, ids[i % KEPT]);
        }
        memset(bytes, i, sizeof bytes);
        must(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &ids[i % KEPT]));
        if (i % 1000 == 0) {
            must(lode_get_store_stats(db, &stats));
        }
    }
}

static void
puts_and_recalls_meet(void)
{
    lode *db = store_open();
    pthread_t greedy;
    lode_draft held;
    must(lode_create(db, 1 << 20, NULL, LODE_FOREVER, &held));
    expect_eq(pthread_create(&greedy, NULL, ask_for_too_much, db), 0);
    put_all(db);
    atomic_store(&done, true);
    pthread_join(greedy, NULL);
    lode_abort(&held);
    lode_close(db);
}

static void
story(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (!lode_membarrier_join() || !lode_membarrier()) {
        skip("the system refuses membarrier(2): nothing is recalled here");
    }
    pid_t store = store_start(CAPACITY);
    be_idle();
    an_object_of_the_whole_store_is_made();
    they_put_on();
    a_large_object_is_made_beside_sessions_that_put_now_and_then();
    puts_and_recalls_meet();
    for (int i = 0; i < IDLE; i++) {
        lode_close(idle[i]);
    }
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
