/*
 * While the store is stopped, each call comes back: one with a timeout a second after its time is
 * up at the latest, one without within five seconds. It says that the store does not answer, and
 * which process that is. Once the store runs on, the same sessions work, and nothing that those
 * calls had asked for is left.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_MS = 200, GRACE_MS = 1000, ANSWER_MS = 5000 };
enum { LARGE = 1 << 20, SMALL = 100, RING_MAX = 1 << 20, DRAFTS = 3 };

static char bytes[LARGE];
static pid_t store;

/* What the calls are made with. */
struct calls {
    lode *db, *putter, *full, *last;
    lode *maps; /* has mapped no segment yet */
    lode_id there, missing[2], reserved;
    lode_draft draft, drafts[DRAFTS]; /* of db; of full */
    lode_view view;                   /* of last */
    lode_id ids[RING_MAX];            /* that putter has put */
    int puts;
    lode_waitset *set; /* of db; awaits the first that is missing */
};

static void
expect_late(lode_err err, int64_t began, int64_t most_ms, const char *what)
{
    char process[32];
    int64_t took = now_ms() - began;
    if (err != LODE_ETIMEDOUT || took > most_ms + bound_ms(1000)) {
        give_up("%s: %s after %lld ms", what, lode_err_name(err), (long long)took);
    }
    snprintf(process, sizeof process, "process %d", (int)store);
    expect_text(lode_last_error(), process);
    expect_text(lode_last_error(), "stopped");
}

#define late(call)                                                                                 \
    do {                                                                                           \
        int64_t began_ = now_ms();                                                                 \
        expect_late((call), began_, TIMEOUT_MS + GRACE_MS, #call);                                 \
    } while (0)
#define unanswered(call)                                                                           \
    do {                                                                                           \
        int64_t began_ = now_ms();                                                                 \
        expect_late((call), began_, ANSWER_MS, #call);                                             \
    } while (0)

/* ---- with a timeout ------------------------------------------------------------------------- */

static void *
make(void *arg)
{
    struct calls *c = arg;
    lode_draft draft;
    lode_id id;
    lode_array array = {.dtype = LODE_U8, .ndim = 1, .shape = {LARGE}};
    lode_create_options chosen = {.struct_size = sizeof chosen};
    must(lode_id_random(&chosen.id));
    late(lode_create(c->db, LARGE, NULL, TIMEOUT_MS, &draft));
    late(lode_create_array(c->db, &array, TIMEOUT_MS, &draft));
    late(lode_put(c->db, bytes, LARGE, TIMEOUT_MS, &id));
    late(lode_put_array(c->db, &array, bytes, TIMEOUT_MS, &id));
    late(lode_put_with(c->db, bytes, SMALL, &chosen, TIMEOUT_MS, NULL));
    return NULL;
}

static void *
read_and_wait(void *arg)
{
    struct calls *c = arg;
    lode_view view, views[2];
    lode_id taken;
    bool ready[2];
    size_t count;
    int64_t whole;
    double real;
    late(lode_get(c->db, c->missing[0], TIMEOUT_MS, &view));
    late(lode_get(c->maps, c->there, TIMEOUT_MS, &view));
    late(lode_get_i64(c->db, c->missing[0], TIMEOUT_MS, &whole));
    late(lode_get_f64(c->db, c->missing[0], TIMEOUT_MS, &real));
    late(lode_get_many(c->db, c->missing, 2, TIMEOUT_MS, views));
    late(lode_wait(c->db, c->missing, 2, 1, TIMEOUT_MS, ready, &count));
    late(lode_wait(c->db, c->missing, 1, 1, TIMEOUT_MS, ready, &count));
    late(lode_waitset_take(c->set, TIMEOUT_MS, &taken, 1, &count));
    return NULL;
}

static void *
find_by_name(void *arg)
{
    struct calls *c = arg;
    lode_id id;
    lode_view view;
    late(lode_name_lookup(c->db, NULL, "known", TIMEOUT_MS, &id));
    late(lode_name_lookup(c->db, NULL, "unknown", TIMEOUT_MS, &id));
    late(lode_name_get(c->db, NULL, "unknown", TIMEOUT_MS, &view));
    late(lode_name_wait(c->db, NULL, "unknown", 0, TIMEOUT_MS, &view, NULL));
    late(lode_name_wait(c->db, NULL, "known", 9, TIMEOUT_MS, &view, NULL));
    return NULL;
}

/* ---- without one ---------------------------------------------------------------------------- */

static bool
no_object(const lode_object_info *info, void *arg)
{
    (void)info, (void)arg;
    return true;
}

static bool
no_name(const char *space, const char *name, lode_id id, void *arg)
{
    (void)space, (void)name, (void)id, (void)arg;
    return true;
}

/* One call a thread: each takes its five seconds. */
#define PLAIN(name, call)                                                                          \
    static void *name(void *arg)                                                                   \
    {                                                                                              \
        struct calls *c = arg;                                                                     \
        lode_object_info info;                                                                     \
        lode_store_stats stats;                                                                    \
        lode_view view;                                                                            \
        lode *db;                                                                                  \
        bool there;                                                                                \
        (void)c, (void)info, (void)stats, (void)view, (void)db, (void)there;                       \
        unanswered(call);                                                                          \
        return NULL;                                                                               \
    }
PLAIN(contains, lode_contains(c->db, c->missing[0], &there))
PLAIN(stat_one, lode_stat(c->db, c->there, &info))
PLAIN(delete_one, lode_delete(c->db, c->missing[0]))
PLAIN(list_all, lode_list(c->db, no_object, NULL))
PLAIN(list_names, lode_name_list(c->db, NULL, no_name, NULL))
PLAIN(get_stats, lode_get_store_stats(c->db, &stats))
PLAIN(set_name, lode_name_set(c->db, NULL, "other", c->there, 0))
PLAIN(remove_name, lode_name_remove(c->db, NULL, "nothing"))
PLAIN(seal, lode_seal(&c->draft, NULL))
PLAIN(open_session, lode_open(story_dir(), NULL, &db))
PLAIN(get_at_once, lode_get(c->db, c->missing[0], 0, &view))

/* With timeout 0 the answer alone is waited for. */
static void *
put_at_once(void *arg)
{
    struct calls *c = arg;
    lode_create_options options = {.struct_size = sizeof options, .id = c->reserved};
    unanswered(lode_put_with(c->db, bytes, LARGE, &options, 0, NULL));
    return NULL;
}

/* ---- until the ring and the socket are full ------------------------------------------------- */

/* Small puts need no answer, until the ring is full or the credit is spent. */
static int
put_until_late(lode *db, lode_id *ids)
{
    int count = 0;
    for (;;) {
        int64_t began = now_ms();
        lode_err err = lode_put(db, bytes, SMALL, TIMEOUT_MS, &ids[count]);
        if (err != LODE_OK) {
            expect_late(err, began, TIMEOUT_MS + GRACE_MS, "lode_put() of few bytes");
            return count;
        }
        expect_lt(++count, RING_MAX);
    }
}

/* Drops and keeps fill the rest of the ring. A drop never fails: it is owed. */
static void
refer_until_late(lode *db, lode_id id)
{
    int64_t began;
    lode_err err;
    int kept = -1;
    do {
        began = now_ms();
        err = lode_keep(db, id);
        expect_lt(++kept, RING_MAX);
    } while (err == LODE_OK);
    expect_late(err, began, ANSWER_MS, "lode_keep()");
    began = now_ms();
    for (int i = 0; i < kept; i++) {
        lode_drop(db, id);
    }
    expect_lt(now_ms() - began, ANSWER_MS + bound_ms(1000)); /* the first one waits */
}

struct filler {
    lode *db;
    lode_id ids[2000];
};

/* One packet of 32 KB. */
static void *
fill(void *arg)
{
    struct filler *f = arg;
    for (size_t i = 0; i < sizeof f->ids / sizeof f->ids[0]; i++) {
        must(lode_id_random(&f->ids[i]));
    }
    late(lode_wait(f->db, f->ids, sizeof f->ids / sizeof f->ids[0], 1, TIMEOUT_MS, NULL, NULL));
    return NULL;
}

static void
abort_behind_a_full_socket(lode *db, lode_draft *drafts, int count)
{
    enum { FILLERS = 16 };
    static struct filler fillers[FILLERS];
    pthread_t threads[FILLERS];
    for (int i = 0; i < FILLERS; i++) {
        fillers[i].db = db;
        expect_eq(pthread_create(&threads[i], NULL, fill, &fillers[i]), 0);
    }
    for (int i = 0; i < FILLERS; i++) {
        pthread_join(threads[i], NULL);
    }
    int64_t began = now_ms();
    for (int i = 0; i < count; i++) {
        lode_abort(&drafts[i]);
    }
    expect_lt(now_ms() - began, ANSWER_MS + bound_ms(1000)); /* the first one waits */
}

/* ---- the story ------------------------------------------------------------------------------ */

/* A view is left, so the close asks the store to end the rest. */
static void *
close_with_a_view(void *arg)
{
    struct calls *c = arg;
    int64_t began = now_ms();
    lode_close(c->last);
    expect_lt(now_ms() - began, ANSWER_MS + bound_ms(1000));
    lode_release(&c->view);
    return NULL;
}

static void *
fill_the_ring(void *arg)
{
    struct calls *c = arg;
    c->puts = put_until_late(c->putter, c->ids);
    refer_until_late(c->putter, c->there);
    return NULL;
}

static void *
fill_the_socket(void *arg)
{
    struct calls *c = arg;
    abort_behind_a_full_socket(c->full, c->drafts, DRAFTS);
    return NULL;
}

/* All at once, so that each one's answer could be taken for another's. */
static void
ask_all(struct calls *c)
{
    void *(*const parts[])(void *) = {make,          read_and_wait,   find_by_name,
                                      contains,      stat_one,        delete_one,
                                      list_all,      list_names,      get_stats,
                                      set_name,      remove_name,     seal,
                                      open_session,  get_at_once,     close_with_a_view,
                                      fill_the_ring, fill_the_socket, put_at_once};
    enum { PARTS = sizeof parts / sizeof parts[0] };
    pthread_t threads[PARTS];
    for (int i = 0; i < PARTS; i++) {
        expect_eq(pthread_create(&threads[i], NULL, parts[i], c), 0);
    }
    for (int i = 0; i < PARTS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void
prepare(struct calls *c, lode *maker)
{
    lode_view view;
    c->db = store_open();
    c->maps = store_open();
    c->putter = store_open();
    c->full = store_open();
    c->last = store_open();
    must(lode_id_random(&c->missing[0]));
    must(lode_id_random(&c->missing[1]));
    must(lode_waitset_open(c->db, &c->set));
    must(lode_waitset_add(c->set, c->missing, 1));
    must(lode_put(maker, bytes, LARGE, 0, &c->there));
    must(lode_name_set(maker, NULL, "known", c->there, 0));
    must(lode_reserve(c->db, 1, &c->reserved));
    must(lode_create(c->db, SMALL, NULL, 0, &c->draft));
    must(lode_get(c->db, c->there, 0, &view)); /* maps the segment */
    lode_release(&view);
    must(lode_get(c->last, c->there, 0, &c->view));
    for (int i = 0; i < DRAFTS; i++) {
        must(lode_create(c->full, SMALL, NULL, 0, &c->drafts[i]));
    }
}

/* What the unanswered calls had made goes, and the same sessions go on. */
static void
expect_nothing_left(struct calls *c, lode *maker)
{
    lode_view view;
    lode_object_info info;
    lode_id found;
    await_stat(c->db, unsealed_objects, 0);
    await_stat(c->db, objects, 1);
    must(lode_get(c->maps, c->there, LODE_FOREVER, &view));
    expect(memcmp(view.data, bytes, LARGE) == 0);
    lode_release(&view);
    must(lode_name_lookup(c->db, NULL, "known", LODE_FOREVER, &found));
    expect(lode_id_equal(found, c->there));
    lode_drop(c->db, found);
    must(lode_name_remove(maker, NULL, "other")); /* it was set late, as was asked */
    must(lode_stat(c->db, c->there, &info));
    expect_eq(info.references, 2); /* its maker's, and its name's */
    expect_eq(info.pins, 0);
    must(lode_name_remove(maker, NULL, "known"));
    lode_drop(maker, c->there);
    lode_drop(c->db, c->reserved);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    static struct calls c;
    store = store_start(64 << 20);
    lode *maker = store_open();
    prepare(&c, maker);
    story_stop_process(store);
    ask_all(&c);
    kill(store, SIGCONT);
    for (int i = 0; i < c.puts; i++) {
        lode_drop(c.putter, c.ids[i]);
    }
    await_stat(c.putter, sessions, 5);
    await_stat(c.full, sessions, 5); /* sends what it owes */
    expect_nothing_left(&c, maker);
    lode_close(c.putter);
    lode_close(c.full);
    lode_close(c.maps);
    lode_close(maker);
    expect_empty_store(c.db);
    lode_close(c.db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
