/*
 * One session, four threads, everything at once: puts by ring and by socket, gets, waits on each
 * other's objects, names, references. What one thread made, every other one finds.
 * ctest: ci 3000
 * ctest: timeout 900
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4, LARGE = 100000 };

struct part {
    lode *db;
    int number;
    long rounds;
    struct part *next; /* whose objects this one reads */
    pthread_barrier_t *barrier;
    lode_id small, large, chosen;
};

static void
fill(unsigned char *bytes, size_t size, const struct part *part, long round)
{
    memset(bytes, (int)((part->number * 50 + round) & 0xff), size);
}

static void
expect_filled(lode *db, lode_id id, size_t size, const struct part *maker, long round)
{
    lode_view view;
    unsigned char want;
    fill(&want, 1, maker, round);
    must(lode_get(db, id, LODE_FOREVER, &view));
    expect_eq(view.size, size);
    expect_eq(((const unsigned char *)view.data)[0], want);
    expect_eq(((const unsigned char *)view.data)[size - 1], want);
    lode_release(&view);
}

static void
make(struct part *part, long round)
{
    unsigned char bytes[1000];
    lode_draft draft;
    lode_id sealed;
    fill(bytes, sizeof bytes, part, round);
    must(lode_put(part->db, bytes, sizeof bytes, LODE_FOREVER, &part->small));
    must(lode_create(part->db, LARGE, NULL, LODE_FOREVER, &draft));
    fill(draft.data, LARGE, part, round);
    must(lode_seal(&draft, &part->large));
    must(lode_id_random(&part->chosen));
    pthread_barrier_wait(part->barrier);
    /* The next thread may wait for this one already. */
    lode_create_options options = {.struct_size = sizeof options, .id = part->chosen};
    must(lode_put_with(part->db, bytes, 10, &options, LODE_FOREVER, &sealed));
}

static void
read_the_next_ones(struct part *part, long round)
{
    struct part *next = part->next;
    lode_id ids[3] = {next->small, next->large, next->chosen};
    size_t ready = 0;
    bool there = false;
    expect_filled(part->db, next->chosen, 10, next, round);
    must(lode_wait(part->db, ids, 3, 3, LODE_FOREVER, NULL, &ready));
    expect_eq(ready, 3);
    must(lode_contains(part->db, next->small, &there));
    expect(there);
    must(lode_keep(part->db, next->large));
    expect_filled(part->db, next->small, 1000, next, round);
    expect_filled(part->db, next->large, LARGE, next, round);
    lode_drop(part->db, next->large);
}

static void
bind_a_name(struct part *part)
{
    char name[32];
    lode_id got;
    snprintf(name, sizeof name, "thread-%d", part->number);
    must(lode_name_set(part->db, NULL, name, part->small, LODE_NAME_REPLACE));
    must(lode_name_lookup(part->db, NULL, name, LODE_FOREVER, &got));
    expect(lode_id_equal(got, part->small));
    lode_drop(part->db, got);
}

static void *
run(void *arg)
{
    struct part *part = arg;
    for (long round = 0; round < part->rounds; round++) {
        make(part, round);
        read_the_next_ones(part, round);
        bind_a_name(part);
        pthread_barrier_wait(part->barrier); /* all have read mine */
        lode_drop(part->db, part->small);
        lode_drop(part->db, part->large);
        lode_drop(part->db, part->chosen);
    }
    return NULL;
}

static void
story(int argc, char **argv)
{
    struct part parts[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;
    long rounds = count_argument(argc, argv, 1, 50);
    pid_t store = store_start(32 << 20);
    lode *db = store_open();
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        parts[i] = (struct part){.db = db,
                                 .number = i,
                                 .rounds = rounds,
                                 .next = &parts[(i + 1) % THREADS],
                                 .barrier = &barrier};
    }
    for (int i = 0; i < THREADS; i++) {
        expect_eq(pthread_create(&threads[i], NULL, run, &parts[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    await_stat(db, objects, THREADS); /* the names keep the last small ones */
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
