/*
 * One session, several threads: two each with a wait set of its own, one that waits for many ids at
 * once, and one that asks questions. Which of them reads the socket changes all the time, beside
 * wait sets in which nothing happens. Nobody sleeps while no thread reads (waiters.c asserts that).
 * ctest: ci 3000
 * ctest: timeout 900
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <lode/waitset.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TAKERS = 2, IDLE = 200, BATCH = 8 };

static struct {
    lode *db, *other;
    size_t rounds;
    _Atomic bool over;
} shared;

static void
put(lode_id id)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_put_with(shared.other, "x", 1, &options, LODE_FOREVER, NULL));
}

static void *
take(void *arg)
{
    lode_waitset *set;
    (void)arg;
    for (size_t i = 0; i < shared.rounds; i++) {
        lode_id id, taken;
        size_t count;
        must(lode_waitset_open(shared.db, &set));
        must(lode_reserve(shared.other, 1, &id));
        must(lode_waitset_add(set, &id, 1));
        put(id);
        must(lode_waitset_take(set, LODE_FOREVER, &taken, 1, &count));
        expect(lode_id_equal(id, taken));
        lode_drop(shared.other, id);
        lode_waitset_close(set);
    }
    return NULL;
}

static void *
wait_for_many(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < shared.rounds; i++) {
        lode_id ids[BATCH];
        must(lode_reserve(shared.other, BATCH, ids));
        for (size_t at = 0; at < BATCH / 2; at++) {
            put(ids[at]);
        }
        must(lode_wait(shared.db, ids, BATCH, BATCH / 2, LODE_FOREVER, NULL, NULL));
        fails(lode_wait(shared.db, ids, BATCH, BATCH, 1, NULL, NULL), LODE_ETIMEDOUT);
        lode_drop_many(shared.other, ids, BATCH);
    }
    return NULL;
}

static void *
ask(void *arg)
{
    lode_id id;
    bool there;
    (void)arg;
    must(lode_id_random(&id));
    while (!atomic_load(&shared.over)) {
        must(lode_contains(shared.db, id, &there));
    }
    return NULL;
}

static void
story(int argc, char **argv)
{
    pthread_t threads[TAKERS + 2];
    lode_waitset *idle[IDLE];
    lode_id never;
    shared.rounds = (size_t)count_argument(argc, argv, 1, 300);
    pid_t store = store_start(16 << 20);
    shared.db = store_open();
    shared.other = store_open();
    must(lode_reserve(shared.other, 1, &never));
    for (int i = 0; i < IDLE; i++) {
        must(lode_waitset_open(shared.db, &idle[i]));
        must(lode_waitset_add(idle[i], &never, 1));
    }
    for (int i = 0; i < TAKERS + 2; i++) {
        void *(*run)(void *) = i < TAKERS ? take : i == TAKERS ? wait_for_many : ask;
        expect_eq(pthread_create(&threads[i], NULL, run, NULL), 0);
    }
    for (int i = 0; i < TAKERS + 2; i++) {
        if (i == TAKERS + 1) {
            atomic_store(&shared.over, true);
        }
        pthread_join(threads[i], NULL);
    }
    lode_close(shared.other); /* the idle sets get their id, and end with their session */
    lode_close(shared.db);
    for (int i = 0; i < IDLE; i++) {
        lode_waitset_close(idle[i]);
    }
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
