/*
 * The store cuts a session whose ring is broken. Its process lives, and the store goes on. Whatever
 * sleeps in the session, and whatever is called after, gets LODE_EDOWN within a bound; a small put
 * gets it at once. What was mapped stays readable. Other sessions notice nothing.
 */
#include "api/layout/id.h"
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/cut.h"
#include "tests/support/story.h"

#include <string.h>

enum { LARGE = 300000, CAPACITY = 16 << 20 };

static uint64_t
session_of(lode *db)
{
    lode_id id;
    must(lode_put(db, "x", 1, LODE_FOREVER, &id));
    lode_drop(db, id);
    return lode_id_session(id);
}

/* Every call, of an id that is there and of one that is not. */
static void
expect_down(lode *db, lode_id there)
{
    static char bytes[LARGE];
    lode_id ids[2] = {there}, id;
    lode_view view;
    lode_draft draft;
    lode_store_stats stats;
    must(lode_id_random(&ids[1]));
    fails(lode_put(db, "x", 1, LODE_FOREVER, &id), LODE_EDOWN);
    fails(lode_put(db, bytes, 20000, LODE_FOREVER, &id), LODE_EDOWN);
    fails(lode_put(db, bytes, LARGE, LODE_FOREVER, &id), LODE_EDOWN);
    fails(lode_create(db, LARGE, NULL, LODE_FOREVER, &draft), LODE_EDOWN);
    for (int i = 0; i < 2; i++) {
        fails(lode_get(db, ids[i], 0, &view), LODE_EDOWN);
        fails(lode_get(db, ids[i], LODE_FOREVER, &view), LODE_EDOWN);
        fails(lode_keep(db, ids[i]), LODE_EDOWN);
        lode_drop(db, ids[i]);
    }
    fails(lode_wait(db, ids, 2, 2, LODE_FOREVER, NULL, NULL), LODE_EDOWN);
    fails(lode_name_set(db, NULL, "name", there, 0), LODE_EDOWN);
    fails(lode_name_lookup(db, NULL, "name", LODE_FOREVER, &id), LODE_EDOWN);
    fails(lode_name_remove(db, NULL, "name"), LODE_EDOWN);
    fails(lode_get_store_stats(db, &stats), LODE_EDOWN);
}

/* The first call after the cut, of each kind: each in a session of its own. */
static void
first_calls_are_told(lode *db, lode_id there)
{
    enum { KINDS = 7 };
    static char bytes[LARGE];
    for (int kind = 0; kind < KINDS; kind++) {
        lode *victim = store_open();
        lode_id id;
        lode_view view;
        lode_draft draft;
        cut_session(db, session_of(victim));
        lode_err err = kind == 0   ? lode_put(victim, "x", 1, 0, &id)
                       : kind == 1 ? lode_put(victim, bytes, LARGE, 0, &id)
                       : kind == 2 ? lode_get(victim, there, 0, &view)
                       : kind == 3 ? lode_keep(victim, there)
                       : kind == 4 ? lode_wait(victim, &there, 1, 1, 0, NULL, NULL)
                       : kind == 5 ? lode_create(victim, LARGE, NULL, 0, &draft)
                                   : lode_name_lookup(victim, NULL, "name", 0, &id);
        expect_eq(err, LODE_EDOWN);
        lode_close(victim);
    }
}

/*
 * What it has goes on as far as it can, and its end is no wait. In a process of its own: the store
 * keeps for a process that runs what it may still use.
 */
static void
what_is_open_ends(struct child *parent, void *arg)
{
    (void)parent;
    lode_id there = *(lode_id *)arg;
    lode *db = store_open(), *victim = store_open();
    lode_view view;
    lode_draft sealed, aborted, left;
    lode_id id;
    must(lode_get(victim, there, 0, &view));
    must(lode_create(victim, LARGE, NULL, 0, &sealed));
    must(lode_create(victim, LARGE, NULL, 0, &aborted));
    must(lode_create(victim, LARGE, NULL, 0, &left));
    cut_session(db, session_of(victim));
    memset(sealed.data, 1, LARGE);
    fails(lode_seal(&sealed, &id), LODE_EDOWN);
    lode_abort(&aborted);
    expect_down(victim, there);
    expect_eq(((const char *)view.data)[LARGE - 1], 5);
    lode_close(victim);
    expect_eq(((const char *)view.data)[LARGE - 1], 5);
    lode_release(&view);
    lode_close(db);
}

/* ---- sleepers ---- */

static void
sleep_in_get(lode *db)
{
    lode_id never;
    lode_view view;
    must(lode_id_random(&never));
    fails(lode_get(db, never, LODE_FOREVER, &view), LODE_EDOWN);
}

static void
sleep_in_wait(lode *db)
{
    lode_id never[3];
    for (int i = 0; i < 3; i++) {
        must(lode_id_random(&never[i]));
    }
    fails(lode_wait(db, never, 3, 2, LODE_FOREVER, NULL, NULL), LODE_EDOWN);
}

static void
sleep_in_create(lode *db)
{
    lode_draft draft;
    fails(lode_create(db, CAPACITY - LARGE, NULL, LODE_FOREVER, &draft), LODE_EDOWN);
}

static void
sleep_in_name_lookup(lode *db)
{
    lode_id id;
    fails(lode_name_lookup(db, NULL, "never", LODE_FOREVER, &id), LODE_EDOWN);
}

static void (*const sleeps[])(lode *db) = {sleep_in_get, sleep_in_wait, sleep_in_create,
                                           sleep_in_name_lookup};
enum { SLEEPERS = sizeof sleeps / sizeof sleeps[0] };

static void
sleeper(struct child *parent, void *arg)
{
    lode *db = store_open();
    uint64_t session = session_of(db);
    child_say(parent, &session, sizeof session);
    sleeps[*(int *)arg](db);
    lode_close(db);
}

static void
sleepers_are_woken(lode *db)
{
    struct child children[SLEEPERS];
    uint64_t session[SLEEPERS];
    for (int i = 0; i < SLEEPERS; i++) {
        child_start(&children[i], sleeper, &i);
        child_hear(&children[i], &session[i], sizeof session[i]);
    }
    await_stat(db, waits, 2); /* asleep in the get and the look-up, not just before it */
    int64_t start = now_ms();
    for (int i = 0; i < SLEEPERS; i++) {
        cut_session(db, session[i]);
    }
    for (int i = 0; i < SLEEPERS; i++) {
        child_must_end(&children[i]);
    }
    expect_lt(now_ms() - start, bound_ms(3000));
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    static char bytes[LARGE];
    pid_t store = store_start(CAPACITY);
    lode *db = store_open();
    lode_id there;
    lode_view view;
    struct child child;
    memset(bytes, 5, sizeof bytes);
    must(lode_put(db, bytes, sizeof bytes, 0, &there));
    sleepers_are_woken(db);
    first_calls_are_told(db, there);
    child_start(&child, what_is_open_ends, &there);
    child_must_end(&child);
    must(lode_get(db, there, 0, &view));
    lode_release(&view);
    lode_drop(db, there);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
