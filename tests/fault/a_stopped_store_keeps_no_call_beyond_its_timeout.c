/*
 * A call with a timeout comes back by then, or a little later, also while the store is stopped. The
 * store did hear some of these questions: what it makes for callers that have given up goes again
 * once it runs on, and no answer is taken for that of another question.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum { TIMEOUT_MS = 300, LITTLE_MS = 2000, LARGE = 1 << 20, SMALL = 100, PUTS_MAX = 100000 };

/* Runs the call, which must say that its time is up, and in time. */
#define late(call)                                                                                 \
    do {                                                                                           \
        int64_t began = now_ms();                                                                  \
        fails((call), LODE_ETIMEDOUT);                                                             \
        expect_lt(now_ms() - began, TIMEOUT_MS + LITTLE_MS + bound_ms(2000));                      \
    } while (0)

static char bytes[LARGE];

enum { CALLS = 16 };

struct call {
    lode *db;
    lode_id there, missing, user;
    int which;
};

static void
puts_and_names(const struct call *c)
{
    lode_draft draft;
    lode_view view;
    lode_id id;
    lode_array array = {.dtype = LODE_U8, .ndim = 1, .shape = {LARGE}};
    lode_create_options options = {.struct_size = sizeof options, .id = c->user};
    switch (c->which) {
    case 0:
        late(lode_create(c->db, LARGE, NULL, TIMEOUT_MS, &draft));
        break;
    case 1:
        late(lode_create_array(c->db, &array, TIMEOUT_MS, &draft));
        break;
    case 2:
        late(lode_put(c->db, bytes, LARGE, TIMEOUT_MS, &id));
        break;
    case 3:
        late(lode_put_with(c->db, bytes, SMALL, &options, TIMEOUT_MS, NULL));
        break;
    case 4:
        late(lode_put_array(c->db, &array, bytes, 0, &id));
        break;
    case 5:
        late(lode_name_lookup(c->db, NULL, "known", TIMEOUT_MS, &id));
        break;
    case 6:
        late(lode_name_lookup(c->db, NULL, "unknown", 0, &id));
        break;
    default:
        late(lode_name_get(c->db, NULL, "unknown", TIMEOUT_MS, &view));
    }
}

static void
gets_and_waits(const struct call *c)
{
    lode_view view, views[2];
    lode_id both[2] = {c->missing, c->user};
    bool ready[2];
    size_t count;
    int64_t value;
    double real;
    switch (c->which) {
    case 8:
        late(lode_get(c->db, c->missing, TIMEOUT_MS, &view));
        break;
    case 9:
        late(lode_get(c->db, c->missing, 0, &view));
        break;
    case 10:
        late(lode_get_i64(c->db, c->missing, TIMEOUT_MS, &value));
        break;
    case 11:
        late(lode_get_f64(c->db, c->missing, TIMEOUT_MS, &real));
        break;
    case 12:
        late(lode_get_many(c->db, both, 2, TIMEOUT_MS, views));
        break;
    case 13:
        late(lode_wait(c->db, both, 2, 1, TIMEOUT_MS, ready, &count));
        break;
    case 14:
        late(lode_wait(c->db, both, 1, 1, TIMEOUT_MS, ready, &count));
        break;
    default: /* the first get of its session that needs the segment's map */
        late(lode_get(c->db, c->there, TIMEOUT_MS, &view));
    }
}

static void *
call(void *arg)
{
    const struct call *c = arg;
    if (c->which < 8) {
        puts_and_names(c);
    } else {
        gets_and_waits(c);
    }
    return NULL;
}

/* All at once, so that each one's answer could be taken for another's. */
static void
ask_for_all(lode *db, lode_id there, lode_id missing, lode_id user)
{
    pthread_t threads[CALLS];
    struct call calls[CALLS];
    for (int i = 0; i < CALLS; i++) {
        calls[i] = (struct call){db, there, missing, user, i};
        expect_eq(pthread_create(&threads[i], NULL, call, &calls[i]), 0);
    }
    for (int i = 0; i < CALLS; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* Small puts succeed without the store, until the ring is full or the credit is spent. */
static int
put_until_late(lode *db, lode_id *ids)
{
    int count = 0;
    lode_err err;
    do {
        expect_lt(count, PUTS_MAX);
        int64_t began = now_ms();
        err = lode_put(db, bytes, SMALL, TIMEOUT_MS, &ids[count]);
        expect_lt(now_ms() - began, TIMEOUT_MS + LITTLE_MS + bound_ms(2000));
        count += err == LODE_OK;
    } while (err == LODE_OK);
    fails(err, LODE_ETIMEDOUT);
    return count;
}

static void
stop_for_good(pid_t store)
{
    int status;
    kill(store, SIGSTOP);
    expect_eq(waitpid(store, &status, WUNTRACED), store);
    expect(WIFSTOPPED(status));
}

/* The answers belong to nobody. What they brought goes, some with each later question. */
static void
ask_until_all_is_undone(lode *db, lode *putter, lode_id there)
{
    lode_store_stats stats;
    lode_view view;
    lode_id found;
    do {
        must(lode_name_lookup(db, NULL, "known", LODE_FOREVER, &found));
        expect(lode_id_equal(found, there));
        lode_drop(db, found);
        must(lode_get(db, there, LODE_FOREVER, &view));
        expect(memcmp(view.data, bytes, LARGE) == 0);
        lode_release(&view);
        must(lode_get_store_stats(putter, &stats));
    } while (stats.objects > 1 || stats.unsealed_objects > 0);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    static lode_id ids[PUTS_MAX];
    lode_id there, missing, user;
    must(lode_id_random(&missing));
    must(lode_id_random(&user));
    pid_t store = store_start(64 << 20);
    lode *maker = store_open(), *db = store_open(), *putter = store_open();
    must(lode_put(maker, bytes, LARGE, 0, &there));
    must(lode_name_set(maker, NULL, "known", there, 0));
    stop_for_good(store);
    ask_for_all(db, there, missing, user);
    int count = put_until_late(putter, ids);
    kill(store, SIGCONT);
    for (int i = 0; i < count; i++) {
        lode_drop(putter, ids[i]);
    }
    ask_until_all_is_undone(db, putter, there);
    must(lode_name_remove(maker, NULL, "known"));
    lode_drop(maker, there);
    await_stat(db, objects, 0); /* no reference of a late look-up keeps it */
    lode_close(putter);
    lode_close(maker);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
