/*
 * Eight programs put small objects as fast as they can. Each of them gets on, and none of its puts
 * waits long; a program beside them opens sessions and asks for objects meanwhile.
 *
 * ctest: serial
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PUTTERS = 8, BURST = 32, SMALL = 1024, PUTS_EACH = 15000, OPENS = 20, LOOKS_AN_OPEN = 50 };

/*
 * Guards, ten times what a quiet machine is to keep; beside other tests it would not be quiet. When
 * the store went on with its work for as long as there was more of it, a put took 8 s, an open 3 s,
 * and a look 4 s.
 */
enum { PUT_MS = 2000, OPEN_MS = 500, LOOK_MS = 200 };

/* Shared by all processes of the story. A putter writes its own row alone. */
static struct {
    atomic_bool stop;
    struct {
        atomic_long puts, worst_ms;
    } putter[PUTTERS];
} * shared;

static void
put_until_told(struct child *parent, void *arg)
{
    static const char bytes[SMALL];
    long me = (long)(intptr_t)arg, worst = 0;
    lode_id ids[BURST];
    lode *db = store_open();
    child_signal(parent);
    while (!atomic_load(&shared->stop)) {
        for (int i = 0; i < BURST; i++) {
            long before = (long)now_ms();
            must(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &ids[i]));
            long took = (long)now_ms() - before;
            worst = took > worst ? took : worst;
        }
        for (int i = 0; i < BURST; i++) {
            lode_drop(db, ids[i]);
        }
        atomic_store(&shared->putter[me].worst_ms, worst);
        atomic_fetch_add(&shared->putter[me].puts, BURST);
    }
    lode_close(db);
}

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The longest that an open took; the looks go into took_ms. */
static int64_t
open_and_look(int64_t took_ms[OPENS * LOOKS_AN_OPEN])
{
    int64_t worst_open = 0;
    for (int i = 0; i < OPENS * LOOKS_AN_OPEN;) {
        int64_t before = now_ms();
        lode *db = store_open();
        int64_t took = now_ms() - before;
        worst_open = took > worst_open ? took : worst_open;
        for (int end = i + LOOKS_AN_OPEN; i < end; i++) {
            lode_id id;
            bool there = true;
            must(lode_id_random(&id));
            before = now_ms();
            must(lode_contains(db, id, &there)); /* a question to the store */
            took_ms[i] = now_ms() - before;
            expect(!there);
        }
        lode_close(db);
    }
    return worst_open;
}

static bool
all_got_on(const long before[PUTTERS])
{
    for (int i = 0; i < PUTTERS; i++) {
        if (atomic_load(&shared->putter[i].puts) < before[i] + PUTS_EACH) {
            return false;
        }
    }
    return true;
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    static int64_t look_ms[OPENS * LOOKS_AN_OPEN];
    struct child putters[PUTTERS];
    long before[PUTTERS];
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(shared != MAP_FAILED);
    pid_t store = store_start(128 << 20); /* large enough for the store to fall far behind */
    for (int i = 0; i < PUTTERS; i++) {
        child_start(&putters[i], put_until_told, (void *)(intptr_t)i);
    }
    for (int i = 0; i < PUTTERS; i++) {
        child_await(&putters[i]);
    }
    for (int i = 0; i < PUTTERS; i++) {
        before[i] = atomic_load(&shared->putter[i].puts);
    }
    int64_t worst_open = open_and_look(look_ms);
    while (!all_got_on(before)) {
        open_and_look(look_ms);
    }
    atomic_store(&shared->stop, true);
    for (int i = 0; i < PUTTERS; i++) {
        child_must_end(&putters[i]);
        expect_le(atomic_load(&shared->putter[i].worst_ms), bound_ms(PUT_MS));
    }
    qsort(look_ms, OPENS * LOOKS_AN_OPEN, sizeof look_ms[0], by_size);
    expect_le(worst_open, bound_ms(OPEN_MS));
    expect_le(look_ms[OPENS * LOOKS_AN_OPEN * 99 / 100], bound_ms(LOOK_MS));
    lode *db = store_open();
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
