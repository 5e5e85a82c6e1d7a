/*
 * An id that was reserved is known to others before there is anything: they wait for it, and get
 * what is put, or a clear error once it will not come.
 * ctest: ci 100000
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/handoff.h"
#include "tests/support/story.h"

#include <stdlib.h>

enum { LARGE = 1 << 20 };

static lode_err
put_under(lode *db, lode_id id, const void *data, size_t size)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    return lode_put_with(db, data, size, &options, LODE_FOREVER, NULL);
}

static lode_id
reserve_one(lode *db)
{
    lode_id id;
    must(lode_reserve(db, 1, &id));
    return id;
}

/* ---- two processes that hand each other a number, each time larger by one -------------------- */

static lode_id *
exchange_ids(lode *db, struct child *other, long count, lode_id *others)
{
    lode_id *own = calloc((size_t)count, sizeof *own);
    must(lode_reserve(db, (size_t)count, own));
    handoff_exchange(other, own, others, count);
    return own;
}

static void
far_side(struct child *parent, void *arg)
{
    long count = *(long *)arg;
    lode *db = store_open();
    lode_id *others = calloc((size_t)count, sizeof *others);
    lode_id *own = exchange_ids(db, parent, count, others);
    for (long i = 0; i < count; i++) {
        int64_t number = handoff_take(db, others[i]) + 1;
        must(put_under(db, own[i], &number, sizeof number));
        if (i > 0) {
            lode_drop(db, own[i - 1]);
        }
    }
    child_await(parent); /* the last answer was taken */
    lode_close(db);
    free(others);
    free(own);
}

static void
each_answer_follows_from_the_question(lode *db, long count)
{
    struct child other;
    child_start(&other, far_side, &count);
    lode_id *others = calloc((size_t)count, sizeof *others);
    lode_id *own = exchange_ids(db, &other, count, others);
    for (int64_t i = 0; i < count; i++) {
        must(put_under(db, own[i], &i, sizeof i));
        expect_eq(handoff_take(db, others[i]), i + 1);
        lode_drop(db, own[i]);
    }
    child_signal(&other);
    child_must_end(&other);
    free(others);
    free(own);
}

/* ---- one that waits ---------------------------------------------------------------------- */

struct waiting {
    lode_id id;
    lode_err want;
};

/*
 * Waits for what it is told to, and says when it has been. The answer to its question comes when
 * the store has seen all that it said of the wait: so the next wait that is counted is the next.
 */
static void
waiter(struct child *parent, void *arg)
{
    struct waiting job;
    lode_store_stats stats;
    lode *db = store_open();
    (void)arg;
    for (;;) {
        lode_view view;
        child_hear(parent, &job, sizeof job);
        if (lode_id_is_zero(job.id)) {
            break;
        }
        lode_err err = lode_get(db, job.id, LODE_FOREVER, &view);
        /* Given up: who is told so while it waits hears more than who comes later. */
        expect(err == job.want || (job.want == LODE_EGONE && err == LODE_EABORTED));
        if (err == LODE_OK) {
            lode_release(&view);
        }
        must(lode_get_store_stats(db, &stats));
        child_signal(parent);
    }
    lode_close(db);
}

/* Returns when the store has heard that the other process waits. */
static void
let_wait(lode *db, struct child *other, lode_id id, lode_err want)
{
    lode_store_stats stats;
    struct waiting job = {id, want};
    must(lode_get_store_stats(db, &stats));
    child_say(other, &job, sizeof job);
    await_stat(db, waits, stats.waits + 1);
}

/* A session of its own for each: after its first wait, waits for its ids are not told any more. */
static lode *
reserve_in_new_session(lode_id *id_out)
{
    lode *db = store_open();
    *id_out = reserve_one(db);
    return db;
}

static void
a_put_ends_a_wait(struct child *other)
{
    lode_id id;
    lode *db = reserve_in_new_session(&id);
    let_wait(db, other, id, LODE_OK);
    must(put_under(db, id, "small", 5));
    child_await(other);
    lode_drop(db, id);
    lode_close(db);
}

static void
a_seal_ends_a_wait(struct child *other)
{
    lode_draft draft;
    lode_create_options options = {.struct_size = sizeof options};
    lode *db = reserve_in_new_session(&options.id);
    let_wait(db, other, options.id, LODE_OK);
    must(lode_create(db, LARGE, &options, 0, &draft));
    fails(put_under(db, options.id, "x", 1), LODE_EEXIST); /* it is being written */
    must(lode_seal(&draft, NULL));
    child_await(other);
    lode_drop(db, options.id);
    lode_close(db);
}

static void
an_abort_ends_a_wait_and_uses_the_id_up(struct child *other)
{
    lode_view view;
    lode_draft draft;
    lode_create_options options = {.struct_size = sizeof options};
    lode *db = reserve_in_new_session(&options.id);
    let_wait(db, other, options.id, LODE_EABORTED);
    must(lode_create(db, LARGE, &options, 0, &draft));
    lode_abort(&draft);
    child_await(other);
    fails(lode_get(db, options.id, LODE_FOREVER, &view), LODE_EGONE);
    fails(put_under(db, options.id, "x", 1), LODE_EEXIST);
    fails(lode_create(db, LARGE, &options, 0, &draft), LODE_EEXIST);
    lode_close(db);
}

/* One after the other, put, aborted and never put, by a session that is awaited all the time. */
static void
many_waits_on_one_session_end_alike(struct child *other)
{
    enum { COUNT = 200 };
    lode_id ids[COUNT];
    lode *db = store_open();
    must(lode_reserve(db, COUNT, ids));
    for (int i = 0; i < COUNT; i++) {
        bool aborts = i > 0 && i % 10 == 0, is_last = i == COUNT - 1;
        struct waiting job = {ids[i], aborts || is_last ? LODE_EGONE : LODE_OK};
        child_say(other, &job, sizeof job);
        if (is_last) {
            lode_close(db);
        } else if (aborts) {
            lode_draft draft;
            lode_create_options options = {.struct_size = sizeof options, .id = ids[i]};
            must(lode_create(db, LARGE, &options, 0, &draft));
            lode_abort(&draft);
        } else {
            must(put_under(db, ids[i], &i, sizeof i));
        }
        child_await(other);
    }
}

static void
what_was_freed_is_gone(lode *db, struct child *other)
{
    lode_id id = reserve_one(db);
    struct waiting job = {id, LODE_EGONE};
    must(put_under(db, id, "x", 1));
    lode_drop(db, id);
    await_stat(db, objects, 0);
    child_say(other, &job, sizeof job);
    child_await(other);
}

static void
a_drop_before_the_put_is_remembered(lode *db)
{
    lode_store_stats stats;
    lode_view view;
    lode_id id = reserve_one(db);
    must(lode_get_store_stats(db, &stats));
    lode_drop(db, id);
    fails(lode_delete(db, id), LODE_EAGAIN); /* nothing is there so far */
    fails(lode_get(db, id, 0, &view), LODE_ETIMEDOUT);
    must(put_under(db, id, "x", 1));
    await_stat(db, freed, stats.freed + 1); /* nobody refers to it */
    fails(lode_get(db, id, LODE_FOREVER, &view), LODE_EGONE);
}

/* ---- misuse ------------------------------------------------------------------------------ */

static void
an_id_is_used_once(lode *db)
{
    lode_id small = reserve_one(db), large = reserve_one(db), freed = reserve_one(db);
    char *bytes = calloc(1, LARGE);
    must(put_under(db, small, "x", 1));
    fails(put_under(db, small, "y", 1), LODE_EEXIST);
    fails(put_under(db, small, bytes, LARGE), LODE_EEXIST);
    must(put_under(db, large, bytes, LARGE));
    fails(put_under(db, large, bytes, LARGE), LODE_EEXIST);
    fails(put_under(db, large, "x", 1), LODE_EEXIST);
    must(put_under(db, freed, bytes, LARGE));
    lode_drop(db, freed);
    await_stat(db, objects, 2);
    fails(put_under(db, freed, "x", 1), LODE_EEXIST);
    fails(put_under(db, freed, bytes, LARGE), LODE_EEXIST);
    lode_drop(db, small);
    lode_drop(db, large);
    await_stat(db, objects, 0);
    free(bytes);
}

static void
it_is_for_its_session_alone(lode *db)
{
    lode *other = store_open();
    lode_id id = reserve_one(db), next = id, drawn;
    fails(put_under(other, id, "x", 1), LODE_EINVAL);
    expect_text(lode_last_error(), "reserved");
    next.byte[15]++; /* the one that would come next */
    fails(put_under(db, next, "x", 1), LODE_EINVAL);
    must(lode_put(db, "x", 1, 0, &drawn));
    fails(put_under(db, drawn, "x", 1), LODE_EINVAL);
    lode_drop(db, drawn);
    lode_close(other);
}

/* ---- the end of its session -------------------------------------------------------------- */

static void
reserver(struct child *parent, void *arg)
{
    bool closes = *(bool *)arg;
    lode *db = store_open();
    lode_id id = reserve_one(db);
    child_say(parent, &id, sizeof id);
    child_await(parent);
    if (closes) {
        lode_close(db);
        child_await(parent);
    }
    child_await(parent); /* to be killed */
}

static void
its_waiters_are_told_when_the_session_ends(lode *db, struct child *other, bool closes)
{
    struct child child;
    lode_id id;
    child_start(&child, reserver, &closes);
    child_hear(&child, &id, sizeof id);
    let_wait(db, other, id, LODE_EGONE);
    if (closes) {
        child_signal(&child);
        child_await(other);
        child_kill(&child);
    } else {
        child_kill(&child);
        child_await(other);
    }
}

static void
story(int argc, char **argv)
{
    long count = count_argument(argc, argv, 1, 3000);
    struct child other;
    struct waiting done = {{{0}}, LODE_OK};
    pid_t store = store_start(16 << 20);
    child_start(&other, waiter, NULL);
    lode *db = store_open();
    each_answer_follows_from_the_question(db, count);
    a_put_ends_a_wait(&other);
    a_seal_ends_a_wait(&other);
    an_abort_ends_a_wait_and_uses_the_id_up(&other);
    many_waits_on_one_session_end_alike(&other);
    what_was_freed_is_gone(db, &other);
    a_drop_before_the_put_is_remembered(db);
    an_id_is_used_once(db);
    it_is_for_its_session_alone(db);
    its_waiters_are_told_when_the_session_ends(db, &other, false);
    its_waiters_are_told_when_the_session_ends(db, &other, true);
    child_say(&other, &done, sizeof done);
    child_must_end(&other);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
