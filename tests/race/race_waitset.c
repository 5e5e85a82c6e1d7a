/*
 * One wait set, two threads that take, one that adds and removes, one that puts: each id that was
 * not removed is handed out once, to one of the takers.
 * ctest: ci 3000
 * ctest: timeout 900
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <lode/waitset.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { TAKERS = 2, BATCH = 16 };

static struct {
    lode *db, *other;
    lode_waitset *set;
    lode_id *ids;
    size_t count;
    _Atomic unsigned char *times; /* each id was handed out */
    _Atomic size_t taken;
    size_t wanted;
} shared;

/* Among few ids: a search is no more than the rest of the round. */
static size_t
place_of(lode_id id)
{
    size_t at = 0;
    while (!lode_id_equal(shared.ids[at], id)) {
        at++;
    }
    return at;
}

static void *
take(void *arg)
{
    (void)arg;
    while (atomic_load(&shared.taken) < shared.wanted) {
        lode_id ids[BATCH];
        size_t count = 0;
        lode_err err = lode_waitset_take(shared.set, 20, ids, BATCH, &count);
        expect(err == LODE_OK || err == LODE_ETIMEDOUT || err == LODE_ENOTFOUND);
        for (size_t i = 0; i < count; i++) {
            atomic_fetch_add(&shared.times[place_of(ids[i])], 1);
            atomic_fetch_add(&shared.taken, 1);
        }
    }
    return NULL;
}

/* Of each batch the last one is taken out again: it is put by nobody. */
static void *
add(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < shared.count; i += BATCH) {
        must(lode_waitset_add(shared.set, &shared.ids[i], BATCH));
        must(lode_waitset_remove(shared.set, &shared.ids[i + BATCH - 1], 1));
    }
    return NULL;
}

static void *
put(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < shared.count; i++) {
        lode_create_options options = {.struct_size = sizeof options, .id = shared.ids[i]};
        if (i % BATCH != BATCH - 1) {
            must(lode_put_with(shared.other, "x", 1, &options, LODE_FOREVER, NULL));
        }
    }
    return NULL;
}

static void
story(int argc, char **argv)
{
    pthread_t threads[TAKERS + 2];
    shared.count = (size_t)count_argument(argc, argv, 1, 1000) / BATCH * BATCH;
    shared.wanted = shared.count / BATCH * (BATCH - 1);
    shared.ids = calloc(shared.count, sizeof *shared.ids);
    shared.times = calloc(shared.count, sizeof *shared.times);
    pid_t store = store_start(16 << 20);
    shared.db = store_open();
    shared.other = store_open();
    must(lode_reserve(shared.other, shared.count, shared.ids));
    must(lode_waitset_open(shared.db, &shared.set));
    for (int i = 0; i < TAKERS + 2; i++) {
        void *(*run)(void *) = i < TAKERS ? take : i == TAKERS ? add : put;
        expect_eq(pthread_create(&threads[i], NULL, run, NULL), 0);
    }
    for (int i = 0; i < TAKERS + 2; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < shared.count; i++) {
        expect_eq(shared.times[i], i % BATCH != BATCH - 1);
    }
    lode_waitset_close(shared.set);
    lode_close(shared.other);
    lode_close(shared.db);
    daemon_stop(store);
    free(shared.ids);
    free(shared.times);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
