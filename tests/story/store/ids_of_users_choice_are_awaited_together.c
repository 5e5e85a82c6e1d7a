/*
 * lode_wait() of many ids of users' choice, which the store watches by a filter: it ends when
 * enough of them are there or were given up, whoever puts them, and whatever else is put meanwhile.
 * When its time is up it says which are there. It takes little memory of the store, and leaves
 * nothing.
 */
#include "api/base/clock.h"
#include "api/client/store/many.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANG_MS = 50000, MANY = 3 * LODE_FILTER_LEAST, THREADS = 12, GRACE_NS = 1000000000 };

static void
draw(lode_id *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        must(lode_id_random(&ids[i]));
    }
}

static void
put_under(lode *db, lode_id id)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_put_with(db, "x", 1, &options, LODE_FOREVER, NULL));
}

static void
drop_all(lode *db, const lode_id *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lode_drop(db, ids[i]);
    }
}

/* A thread that waits for `want` of `ids`. */
struct waiter {
    lode *db;
    const lode_id *ids;
    size_t count, want, found;
    lode_err err;
    _Atomic bool ended;
    pthread_t thread;
};

static void *
wait_for(void *arg)
{
    struct waiter *w = arg;
    w->err = lode_wait(w->db, w->ids, w->count, w->want, LODE_FOREVER, NULL, &w->found);
    atomic_store(&w->ended, true);
    return NULL;
}

static void
start(struct waiter *w, lode *db, const lode_id *ids, size_t count, size_t want)
{
    *w = (struct waiter){.db = db, .ids = ids, .count = count, .want = want};
    expect_eq(pthread_create(&w->thread, NULL, wait_for, w), 0);
}

static void
finish(struct waiter *w)
{
    pthread_join(w->thread, NULL);
    must(w->err);
    expect(w->found >= w->want);
}

/* Some twice, and with them a row of a session's ids, and one of these by itself. */
static void
the_last_one_ends_the_wait(lode *db, lode *other, bool backwards)
{
    enum { COUNT = 2 * MANY + 1 };
    static lode_id ids[COUNT], mixed[2 * COUNT];
    size_t count = 0;
    struct waiter waiter;
    draw(ids, MANY);
    must(lode_reserve(other, MANY + 1, ids + MANY));
    mixed[count++] = ids[COUNT - 1];
    for (size_t i = 0; i < COUNT - 1; i++) {
        mixed[count++] = ids[i];
        if (i % 3 == 0 && i < MANY) {
            mixed[count++] = ids[i / 2];
        }
    }
    put_under(other, ids[0]);
    start(&waiter, db, mixed, count, count);
    for (size_t i = 1; i < COUNT; i++) {
        put_under(other, ids[backwards ? COUNT - i : i]);
    }
    finish(&waiter);
    drop_all(other, ids, COUNT);
}

/* An abort from before the wait does not count: so there are more of them until it ends. */
static void
what_is_given_up_counts(lode *db, lode *other)
{
    static lode_id ids[MANY];
    struct waiter waiter;
    lode_draft draft;
    draw(ids, MANY);
    lode_create_options options = {.struct_size = sizeof options, .id = ids[MANY - 1]};
    start(&waiter, db, ids, MANY, 1);
    while (!atomic_load(&waiter.ended)) {
        must(lode_create(other, 10, &options, HANG_MS, &draft));
        lode_abort(&draft);
    }
    finish(&waiter);
}

/* So many others are put that the filter takes hundreds for its own. */
static void
others_that_are_put_end_no_wait(lode *db, lode *other)
{
    enum { OTHERS = 20 };
    static lode_id ids[LODE_FILTER_LEAST];
    struct waiter waiter;
    draw(ids, LODE_FILTER_LEAST);
    start(&waiter, db, ids, LODE_FILTER_LEAST, LODE_FILTER_LEAST);
    for (size_t i = 0; i < LODE_FILTER_LEAST; i++) {
        for (int j = 0; j < OTHERS; j++) {
            lode_id id;
            draw(&id, 1);
            put_under(other, id);
            lode_drop(other, id);
        }
        put_under(other, ids[i]);
    }
    finish(&waiter);
    drop_all(other, ids, LODE_FILTER_LEAST);
}

/*
 * What is there, all of it; unless the store had no CPU to answer for the second that a call gives
 * it beyond its time.
 */
static size_t
found_in_time(lode *db, const lode_id *ids, size_t count, bool *ready)
{
    size_t found = 0;
    int64_t start_ns, took_ns;
    do {
        start_ns = lode_now_ns();
        fails(lode_wait(db, ids, count, count, 1, ready, &found), LODE_ETIMEDOUT);
        took_ns = lode_now_ns() - start_ns;
    } while (took_ns > GRACE_NS);
    return found;
}

/* The most memory that the process ever had. */
static long
peak_kib(int64_t pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);
    FILE *file = fopen(path, "re");
    expect(file != NULL);
    while (kib == 0 && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "VmHWM: %ld", &kib);
    }
    fclose(file);
    expect_lt(0, kib);
    return kib;
}

/*
 * Watched one by one the ids would take some 100 bytes each. An address sanitizer keeps what is
 * freed: so it is only the first wait after which the store's memory is looked at.
 */
static void
a_wait_whose_time_is_up_tells_and_leaves_nothing(lode *db, lode *other, int64_t store_pid)
{
    enum { COUNT = 100000, TIMES = 12, PEAK_KIB = COUNT * 48 / 1024 };
    lode_id *ids = calloc(COUNT, sizeof *ids);
    bool *ready = calloc(COUNT, sizeof *ready);
    draw(ids, COUNT);
    long before_kib = peak_kib(store_pid);
    for (size_t i = 0; i < TIMES; i++) {
        put_under(other, ids[i * 1000]);
        expect_eq(found_in_time(db, ids, COUNT, ready), i + 1);
        expect(i > 0 || peak_kib(store_pid) - before_kib < PEAK_KIB);
        expect(ready[i * 1000] && !ready[i * 1000 + 1]);
        must(lode_wait(db, ids, COUNT, i + 1, HANG_MS, NULL, NULL));
    }
    for (size_t i = 0; i < TIMES; i++) {
        lode_drop(other, ids[i * 1000]);
    }
    free(ready);
    free(ids);
}

/* More threads than a session may have filters: the others wait id by id. */
static void
threads_beyond_the_limit_of_filters_wait_all_the_same(lode *db, lode *other)
{
    static lode_id ids[MANY];
    struct waiter waiters[THREADS];
    draw(ids, MANY);
    for (int i = 0; i < THREADS; i++) {
        start(&waiters[i], db, ids, MANY, MANY);
    }
    for (size_t i = 0; i < MANY; i++) {
        put_under(other, ids[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        finish(&waiters[i]);
    }
    drop_all(other, ids, MANY);
}

static void
story(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    pid_t store = store_start(64 << 20);
    lode *db = store_open(), *other = store_open();
    a_wait_whose_time_is_up_tells_and_leaves_nothing(db, other, store);
    the_last_one_ends_the_wait(db, other, false);
    the_last_one_ends_the_wait(db, other, true);
    what_is_given_up_counts(db, other);
    others_that_are_put_end_no_wait(db, other);
    threads_beyond_the_limit_of_filters_wait_all_the_same(db, other);
    lode_close(other);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
