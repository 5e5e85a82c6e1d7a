/*
 * Commits of a session that find no room fail, and end their drafts: the closed ones, those that
 * they had not come to, and those that they had made for values. Another thread of the same session
 * commits all the while, and what it commits is there.
 *
 *   race_commit limit     the same where the store has all objects that it can have: there a commit
 *                         waits, and is done once some of them are dropped
 *
 * ctest: ci limit
 * ctest: timeout 700
 */
#include "api/client/context/commit.h"
#include "api/client/session/session.h"
#include "api/layout/index.h"
#include "api/wire/store_msg.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <stdlib.h>

enum { FAILURES = 20, LARGE = 1 << 20, SMALL = 4096, ROOM_MS = 20 };

static lode *submitter, *maker;
static _Atomic bool is_over;

static lode *
open_maker(void)
{
    struct lode_paths paths;
    lode *db;
    must(lode_paths_resolve(NULL, &paths));
    must(lode_session_attach(&paths, LODE_HELLO_MAKER, LODE_OPEN_STORE_ONLY, &db));
    return db;
}

static const int64_t seven = 7;
static const lode_array number = {.dtype = LODE_I64};

static lode_err
commit_number(lode_id id, int64_t timeout_ms)
{
    struct lode_result result = {
        .id = id, .array = &number, .kind = LODE_KIND_ARRAY, .data = &seven, .size = sizeof seven};
    return lode_ring_commit(maker, 1, &result, 1, timeout_ms);
}

static void *
commit_numbers(void *arg)
{
    (void)arg;
    while (!is_over) {
        int64_t value = 0;
        lode_id id = lode_session_draw(submitter, LODE_ID_RESULT, 1);
        must(commit_number(id, LODE_FOREVER));
        must(lode_get_i64(submitter, id, 0, &value));
        expect_eq(value, seven);
        lode_drop(submitter, id);
    }
    return NULL;
}

/* A draft, a value that fits into its draft, one that does not, and a draft behind it. */
static void
commit_too_much(lode_draft drafts[2])
{
    static char bytes[LARGE];
    lode_id first = lode_session_draw(submitter, LODE_ID_RESULT, 3);
    struct lode_result results[3] = {
        {.id = first, .draft = &drafts[0]},
        {.id = lode_id_plus(first, 1), .kind = LODE_KIND_BLOB, .data = bytes, .size = LARGE},
        {.id = lode_id_plus(first, 2), .draft = &drafts[1]}};
    fails(lode_ring_commit(maker, 1, results, 3, ROOM_MS), LODE_EFULL);
    expect(drafts[0].data == NULL && drafts[1].data == NULL);
    for (uint32_t i = 0; i < 3; i++) {
        lode_drop(submitter, lode_id_plus(first, i));
    }
}

static void
commits_without_room_leave_nothing(void)
{
    static lode_draft drafts[FAILURES][2];
    pthread_t thread;
    lode *filler = store_open();
    for (int i = 0; i < FAILURES; i++) {
        must(lode_create(maker, SMALL, NULL, 0, &drafts[i][0]));
        must(lode_create(maker, SMALL, NULL, 0, &drafts[i][1]));
    }
    store_fill(filler);
    await_stat(filler, unsealed_objects, 2 * FAILURES);
    expect_eq(pthread_create(&thread, NULL, commit_numbers, NULL), 0);
    for (int i = 0; i < FAILURES; i++) {
        commit_too_much(drafts[i]);
    }
    is_over = true;
    pthread_join(thread, NULL);
    await_stat(filler, unsealed_objects, 0);
    await_stat(filler, unsealed_bytes, 0);
    lode_close(filler);
}

/* ---- at the limit of objects ---------------------------------------------------------------- */

static lode_id last_result;

static void *
commit_patiently(void *arg)
{
    enum { PATIENCE_MS = 120000 };
    (void)arg;
    must(commit_number(last_result, PATIENCE_MS));
    return NULL;
}

/* Objects of a few bytes need an entry, and no page. */
static size_t
put_all(lode *db, lode_id *ids)
{
    size_t count = 0;
    while (lode_put(db, "", 1, 0, &ids[count]) == LODE_OK) {
        expect_lt(++count, LODE_ENTRY_MAX);
    }
    return count;
}

/* The session has credit of its own for a while. */
static void
commit_until_none_fits(void)
{
    lode_err err;
    do {
        last_result = lode_session_draw(submitter, LODE_ID_RESULT, 1);
        err = commit_number(last_result, ROOM_MS);
    } while (err == LODE_OK);
    expect_eq(err, LODE_ELIMIT);
}

static void
a_commit_at_the_limit_waits_for_an_entry(void)
{
    lode *putter = store_open();
    lode_id *ids = calloc(LODE_ENTRY_MAX, sizeof *ids);
    pthread_t thread;
    lode_store_stats stats;
    size_t count = put_all(putter, ids);
    commit_until_none_fits();
    must(lode_get_store_stats(putter, &stats));
    uint64_t messages = stats.doorbells;
    expect_eq(pthread_create(&thread, NULL, commit_patiently, NULL), 0);
    do { /* it asks and waits */
        must(lode_get_store_stats(putter, &stats));
    } while (stats.doorbells == messages);
    for (size_t i = 0; i < count; i++) {
        lode_drop(putter, ids[i]);
    }
    pthread_join(thread, NULL);
    free(ids);
    lode_close(putter);
}

/* Millions of objects take a thread sanitizer too long. */
#ifdef __SANITIZE_THREAD__
enum { CAN_FILL = 0 };
#else
enum { CAN_FILL = 1 };
#endif

static void
story(int argc, char **argv)
{
    (void)argv;
    pid_t store = store_start(argc > 1 && CAN_FILL ? 64 << 20 : 16 << 20);
    submitter = store_open();
    maker = open_maker();
    if (argc > 1 && CAN_FILL) {
        a_commit_at_the_limit_waits_for_an_entry();
    } else {
        commits_without_room_leave_nothing();
    }
    lode_session_close(maker);
    lode_close(submitter);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
