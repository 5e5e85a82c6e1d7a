/*
 * kill -9 strikes the store. Whoever waits, creates or puts gets LODE_EDOWN within a bound. What is
 * mapped stays readable, and nobody dies of SIGBUS. The supervisor starts a new generation, and new
 * sessions work.
 *
 * ctest: ci 50
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { LARGE = 4 << 20 };

static void
sleeper(struct child *parent, void *arg)
{
    (void)arg;
    lode *db = store_open();
    lode_id never;
    lode_view view;
    must(lode_id_random(&never));
    child_signal(parent);
    fails(lode_get(db, never, LODE_FOREVER, &view), LODE_EDOWN);
    fails(lode_wait(db, &never, 1, 1, LODE_FOREVER, NULL, NULL), LODE_EDOWN);
    lode_close(db);
}

static void
writer(struct child *parent, void *arg)
{
    (void)arg;
    lode *db = store_open();
    lode_err err = LODE_OK;
    child_signal(parent);
    for (int i = 0; err == LODE_OK; i++) {
        static char bytes[LARGE];
        lode_id id;
        err = lode_put(db, bytes, i % 3 == 0 ? LARGE : 100 << (i % 7), LODE_FOREVER, &id);
        if (err == LODE_OK) {
            lode_drop(db, id);
        }
    }
    expect_eq(err, LODE_EDOWN);
    lode_close(db);
}

static void
reader(struct child *parent, void *arg)
{
    lode *db = store_open();
    lode_view view;
    lode_id id = *(lode_id *)arg;
    must(lode_get(db, id, 0, &view));
    child_signal(parent);
    child_await(parent); /* the store is dead */
    for (size_t i = 0; i < view.size; i += 4096) {
        expect_eq(((const char *)view.data)[i], 5);
    }
    lode_release(&view);
    lode_close(db);
}

static void
kill_the_store(pid_t store)
{
    kill(store, SIGKILL);
    expect(story_wait_end(store, bound_ms(1000)));
}

static void
clients_see_the_end(pid_t store, lode *db)
{
    static char bytes[LARGE];
    struct child children[3];
    lode_id id;
    lode_draft draft;
    memset(bytes, 5, sizeof bytes);
    must(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &id));
    must(lode_create(db, LARGE, NULL, LODE_FOREVER, &draft));
    child_start(&children[0], sleeper, NULL);
    child_start(&children[1], writer, NULL);
    child_start(&children[2], reader, &id);
    for (int i = 0; i < 3; i++) {
        child_await(&children[i]);
    }
    int64_t killed = now_ms();
    kill_the_store(store);
    child_signal(&children[2]);
    memset(draft.data, 1, LARGE); /* the memory is there as long as it is mapped */
    fails(lode_seal(&draft, &id), LODE_EDOWN);
    fails(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &id), LODE_EDOWN);
    for (int i = 0; i < 3; i++) {
        child_must_end(&children[i]);
    }
    expect_lt(now_ms() - killed, bound_ms(5000));
}

/* `lode start`: a new store, a new generation, and the old session is over. */
static void
the_supervisor_starts_a_new_generation(long rounds)
{
    pid_t supervisor = cluster_start(1, 64 << 20);
    uint64_t generation = 0;
    for (long i = 0; i < rounds; i++) {
        lode_store_stats stats;
        lode *db = NULL;
        lode_open_options options = {.struct_size = sizeof options, .flags = LODE_OPEN_ATTACH};
        int64_t end = now_ms() + bound_ms(10000);
        lode_err err;
        do { /* a new store may be up, or not yet, or its predecessor not yet gone */
            err = lode_open(NULL, &options, &db);
            if (err == LODE_OK) {
                err = lode_get_store_stats(db, &stats);
                if (err == LODE_OK && stats.generation != generation) {
                    err = lode_load(db, story_tasks("play")); /* the scheduler follows the store */
                } else {
                    err = LODE_EDOWN;
                }
                if (err == LODE_EDOWN) {
                    lode_close(db);
                }
            }
        } while (err == LODE_EDOWN && now_ms() < end);
        must(err);
        generation = stats.generation;
        lode_id result;
        int64_t value;
        must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &result));
        must(lode_get_i64(db, result, LODE_FOREVER, &value));
        expect_eq(value, 2);
        kill_the_store((pid_t)stats.store_pid);
        lode_err after = lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &result);
        if (after == LODE_OK) {
            after = lode_get_i64(db, result, LODE_FOREVER, &value);
        }
        expect_eq(after, LODE_EDOWN);
        lode_close(db);
    }
    cluster_stop(supervisor);
}

static void
story(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 3);
    pid_t store = store_start(64 << 20);
    lode *db = store_open();
    clients_see_the_end(store, db);
    daemon_kill(store); /* reaps it */
    lode_close(db);
    daemon_stop(store_start(64 << 20)); /* sweeps what it left */
    the_supervisor_starts_a_new_generation(rounds);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
