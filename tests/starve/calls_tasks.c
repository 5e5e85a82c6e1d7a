/* The calls that open a session, and those that ask the scheduler: see calls.h. */
#include "tests/starve/calls.h"
#include "tests/support/check.h"
#include "tests/support/story.h"

#include <string.h>

/* A result that does not come in that time is a hang. */
enum { RESULT_MS = 20000 };

/* ---- opening -------------------------------------------------------------------------------- */

static lode_err
open_with(uint32_t flags, lode **db_out)
{
    const lode_open_options options = {
        .struct_size = sizeof options, .flags = flags, .num_cpus = 1, .capacity_bytes = 4 << 20};
    return lode_open(NULL, &options, db_out);
}

static lode_err
do_open_store(struct round *r)
{
    lode *db;
    (void)r;
    lode_err err = open_with(LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY, &db);
    if (err == LODE_OK) {
        lode_close(db);
    }
    return err;
}

/* A session, and its first question to the scheduler, which connects them. */
static lode_err
ask_one(uint32_t flags)
{
    lode *db;
    lode_scheduler_stats stats;
    lode_err err = open_with(flags, &db);
    if (err == LODE_OK) {
        err = lode_get_scheduler_stats(db, &stats);
        lode_close(db);
    }
    return err;
}

static lode_err
do_open(struct round *r)
{
    (void)r;
    return ask_one(LODE_OPEN_ATTACH);
}

static lode_err
do_open_private(struct round *r)
{
    (void)r;
    return ask_one(LODE_OPEN_PRIVATE);
}

/* ---- calling -------------------------------------------------------------------------------- */

static lode_err
do_load(struct round *r)
{
    return lode_load(r->db, story_tasks("play"));
}

static lode_err
do_result_count(struct round *r)
{
    size_t count = 0;
    lode_err err = lode_result_count(r->db, "play.halves", &count);
    expect(err != LODE_OK || count == 2);
    return err;
}

/* Nobody waits for it. */
static lode_err
do_call(struct round *r)
{
    return lode_call(r->db, "play.nothing", LODE_NO_ARGS, NULL, &r->made[0]);
}

/* An argument of each kind, to the end of the task. */
static lode_err
do_call_with_all(struct round *r)
{
    lode_view view;
    const lode_call_options options = {.struct_size = sizeof options, .name = "all"};
    lode_err err =
        lode_call(r->db, "play.describe",
                  LODE_ARGS(lode_i64(7), lode_f64(.5), lode_str("text"), lode_ref(r->ids[0])),
                  &options, &r->made[0]);
    if (err == LODE_OK) {
        err = lode_get(r->db, r->made[0], RESULT_MS, &view);
    }
    if (err == LODE_OK) {
        const char *want = "play.describe 4 7 0.5 text";
        expect(view.size > strlen(want) && memcmp(view.data, want, strlen(want)) == 0);
        lode_release(&view);
    }
    return err;
}

/* More bytes than a link's first buffers have. */
static lode_err
do_call_with_much(struct round *r)
{
    static char much[200000];
    lode_view view;
    lode_err err =
        lode_call(r->db, "play.copy", LODE_ARGS(lode_bytes(much, sizeof much)), NULL, &r->made[0]);
    if (err == LODE_OK) {
        err = lode_get(r->db, r->made[0], RESULT_MS, &view);
    }
    if (err == LODE_OK) {
        expect_eq(view.size, sizeof much);
        lode_release(&view);
    }
    return err;
}

/* A task that waits for another one, and several results. */
static lode_err
do_call_chain(struct round *r)
{
    double half;
    lode_err err = lode_call(r->db, "play.halves", LODE_ARGS(lode_f64(8)), NULL, &r->made[0]);
    if (err == LODE_OK) {
        err = lode_call(r->db, "play.halves", LODE_ARGS(lode_ref(r->made[1])), NULL, &r->made[2]);
    }
    if (err == LODE_OK) {
        err = lode_get_f64(r->db, r->made[2], RESULT_MS, &half);
    }
    expect(err != LODE_OK || half == 2);
    return err;
}

/* What failed there is an error here, with its story. */
static lode_err
do_call_failing(struct round *r)
{
    lode_view view;
    lode_failure_info failure;
    lode_err err =
        lode_call(r->db, "play.fail", LODE_ARGS(lode_str("of old age")), NULL, &r->made[0]);
    if (err == LODE_OK) {
        err = lode_get(r->db, r->made[0], RESULT_MS, &view);
        expect_ne(err, LODE_OK);
    }
    if (err == LODE_ETASK) {
        err = lode_failure(r->db, r->made[0], &failure);
    }
    if (err == LODE_OK) {
        expect_text(failure.message, "of old age");
    }
    return err;
}

/* The result is awaited with others. */
static lode_err
do_call_and_wait(struct round *r)
{
    lode_err err = lode_call(r->db, "play.nothing", LODE_NO_ARGS, NULL, &r->made[0]);
    if (err == LODE_OK) {
        lode_id ids[] = {r->ids[0], r->made[0]};
        err = lode_wait(r->db, ids, 2, 2, RESULT_MS, NULL, NULL);
    }
    return err;
}

static lode_err
do_call_and_cancel(struct round *r)
{
    lode_err err = lode_call(r->db, "play.nothing", LODE_NO_ARGS, NULL, &r->made[0]);
    if (err == LODE_OK) {
        err = lode_cancel(r->db, r->made[0], 0);
    }
    return err == LODE_EGONE ? LODE_OK : err;
}

static lode_err
do_scheduler_stats(struct round *r)
{
    lode_scheduler_stats stats;
    return lode_get_scheduler_stats(r->db, &stats);
}

/* After a call: the session has a scheduler. */
static lode_err
do_close_after_call(struct round *r)
{
    lode_err err = do_call(r);
    if (err == LODE_OK) {
        lode_close(r->db);
        r->db = NULL;
    }
    return err;
}

#define CALL(what)                                                                                 \
    {                                                                                              \
#what, do_##what                                                                           \
    }
const struct call open_calls[] = {
    CALL(open_store),
    CALL(open),
    CALL(open_private),
    {NULL, NULL},
};

const struct call task_calls[] = {
    CALL(load),
    CALL(result_count),
    CALL(call),
    CALL(call_with_all),
    CALL(call_with_much),
    CALL(call_chain),
    CALL(call_failing),
    CALL(call_and_wait),
    CALL(call_and_cancel),
    CALL(scheduler_stats),
    CALL(close_after_call),
    {NULL, NULL},
};
