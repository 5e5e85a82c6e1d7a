/*
 * lode_wait() of many ids of users' choice, which the store watches by a filter: it ends when
 * enough of them are there or were given up, whoever puts them, and whatever else is put meanwhile.
 * When its time is up it says which are there. It takes little memory of the store, and leaves
 * nothing.
 */
#include "api/client/store/many.h"
#include "tests/support/many_waits.h"

#include <stdio.h>

enum { MANY = 3 * LODE_FILTER_LEAST, THREADS = 12 };

static void
draw(lode_id *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        must(lode_id_random(&ids[i]));
    }
}

/* Some twice, and with them a row of a session's ids, and one of these by itself. */
static void
of_the_mixed_the_last_one_ends_the_wait(lode *db, lode *other, bool backwards)
{
    enum { COUNT = 2 * MANY + 1 };
    static lode_id ids[COUNT], mixed[2 * COUNT];
    size_t count = 0;
    draw(ids, MANY);
    must(lode_reserve(other, MANY + 1, ids + MANY));
    mixed[count++] = ids[COUNT - 1];
    for (size_t i = 0; i < COUNT - 1; i++) {
        mixed[count++] = ids[i];
        if (i % 3 == 0 && i < MANY) {
            mixed[count++] = ids[i / 2];
        }
    }
    the_last_one_ends_the_wait(db, other, ids, COUNT, mixed, count, backwards);
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
    (void)finish(&waiter);
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
    (void)finish(&waiter);
    lode_drop_many(other, ids, LODE_FILTER_LEAST);
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

enum { COUNT = 100000, TIMES = 12, PEAK_KIB = COUNT * 48 / 1024 };

static pid_t store;
static long before_kib;

/*
 * Watched one by one the ids would take some 100 bytes each. An address sanitizer keeps what is
 * freed: so it is only the first wait after which the store's memory is looked at.
 */
static void
look_at_memory(size_t round)
{
    expect(round > 0 || peak_kib(store) - before_kib < PEAK_KIB);
}

static void
a_wait_whose_time_is_up_takes_little_memory(lode *db, lode *other)
{
    lode_id *ids = calloc(COUNT, sizeof *ids);
    draw(ids, COUNT);
    before_kib = peak_kib(store);
    a_wait_whose_time_is_up_tells_and_leaves_nothing(db, other, ids, COUNT, TIMES, look_at_memory);
    free(ids);
}

static void
threads_beyond_the_limit_of_filters_wait_all_the_same(lode *db, lode *other)
{
    static lode_id ids[MANY];
    draw(ids, MANY);
    threads_beyond_the_limit_wait_all_the_same(db, other, ids, MANY, THREADS);
}

static void
story(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    store = store_start(64 << 20);
    lode *db = store_open(), *other = store_open();
    a_wait_whose_time_is_up_takes_little_memory(db, other);
    of_the_mixed_the_last_one_ends_the_wait(db, other, false);
    of_the_mixed_the_last_one_ends_the_wait(db, other, true);
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
