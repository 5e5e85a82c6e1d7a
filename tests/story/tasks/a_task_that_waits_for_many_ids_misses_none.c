/*
 * A task waits for hundreds of ids of users' choice, and the store tells it of more than it has
 * asked for: of one of them again and again, and of others. Nothing that becomes of an id once the
 * task sleeps is missed: not an abort, nor an object that is dropped at once. And if it is
 * cancelled amid all that, the wait ends.
 */
#include "api/client/store/many.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MANY = 3 * LODE_FILTER_LEAST, AGAIN = MANY - 20, OTHERS = 1000 };

static lode_id ids[MANY];

static void
put_under(lode *db, lode_id id)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_put_with(db, "x", 1, &options, LODE_FOREVER, NULL));
}

static void
put_and_drop(lode *db, lode_id id)
{
    put_under(db, id);
    lode_drop(db, id);
}

static void
make_and_abort(lode *db, lode_id id)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    lode_draft draft;
    must(lode_create(db, 10, &options, LODE_FOREVER, &draft));
    lode_abort(&draft);
}

static void
put_others(lode *db)
{
    for (int i = 0; i < OTHERS; i++) {
        lode_id id;
        must(lode_id_random(&id));
        put_and_drop(db, id);
    }
    for (int i = 0; i < AGAIN - OTHERS / 20; i++) {
        make_and_abort(db, ids[0]);
    }
}

/* A thread that puts others until it is told to end. */
struct putter {
    lode *db;
    _Atomic bool ends;
    pthread_t thread;
};

static void *
put_until_it_ends(void *arg)
{
    struct putter *putter = arg;
    while (!atomic_load(&putter->ends)) {
        put_others(putter->db);
    }
    return NULL;
}

static lode_id
start(lode *db)
{
    lode_id list, done;
    for (size_t i = 0; i < MANY; i++) {
        must(lode_id_random(&ids[i]));
    }
    must(lode_put(db, ids, sizeof ids, 0, &list));
    must(lode_call(db, "nest.await_all", LODE_ARGS(lode_ref(list)), NULL, &done));
    lode_drop(db, list);
    await_sleeping(db, 1);
    return done;
}

/* All but the last `left`. The first have no others between them: the store has told MANY then. */
static void
decide(lode *db, size_t left)
{
    put_others(db);
    for (size_t i = 0; i < MANY - left; i++) {
        if (i % 3 == 0) {
            make_and_abort(db, ids[i]);
        } else if (i % 3 == 1) {
            put_and_drop(db, ids[i]);
        } else {
            put_under(db, ids[i]);
        }
    }
}

static void
end(lode *db, lode_id done, size_t left)
{
    for (size_t i = 2; i < MANY - left; i += 3) {
        lode_drop(db, ids[i]);
    }
    lode_drop(db, done);
    await_sleeping(db, 0);
}

static void
story(int argc, char **argv)
{
    lode_view view;
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 16 << 20);
    lode *db = cluster_open_with("nest");
    lode_id done = start(db);
    decide(db, 0);
    must(lode_wait(db, &done, 1, 1, LODE_FOREVER, NULL, NULL));
    must(lode_get(db, done, 0, &view));
    lode_release(&view);
    end(db, done, 0);
    done = start(db);
    decide(db, 20);
    struct putter putter = {.db = db};
    expect_eq(pthread_create(&putter.thread, NULL, put_until_it_ends, &putter), 0);
    must(lode_cancel(db, done, 0));
    fails(lode_get(db, done, LODE_FOREVER, &view), LODE_ECANCELLED);
    atomic_store(&putter.ends, true);
    pthread_join(putter.thread, NULL);
    end(db, done, 20);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
