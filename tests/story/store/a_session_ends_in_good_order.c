/*
 * What one session may do at its limits, and what is left when it ends: views outlive lode_close(),
 * the references do not; thousands of views, of missing ids, of threads; drafts that nobody sealed.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { VIEWS = 5000, MISSING = 5000, THREADS = 100, LARGE = 300000 };

static void
views_outlive_close_and_references_do_not(lode *other)
{
    lode *db = store_open();
    static char bytes[LARGE];
    lode_id small, large, alone;
    lode_view small_view, large_view, late;
    lode_object_info info;
    memset(bytes, 9, sizeof bytes);
    must(lode_put(db, "small", 5, LODE_FOREVER, &small));
    must(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &large));
    must(lode_put(db, "alone", 5, LODE_FOREVER, &alone));
    must(lode_get(db, small, 0, &small_view));
    must(lode_get(db, large, 0, &large_view));
    lode_close(db);
    await_stat(other, objects, 2);
    fails(lode_get(other, alone, 0, &late), LODE_EGONE); /* nothing pinned it */
    must(lode_stat(other, large, &info));
    expect_eq(info.references, 0);
    expect_eq(info.pins, 1);
    expect(memcmp(small_view.data, "small", 5) == 0);
    expect(memcmp(large_view.data, bytes, sizeof bytes) == 0);
    lode_release(&large_view);
    await_stat(other, objects, 1);
    expect_eq(small_view.size, 5);
    lode_release(&small_view);
    expect(small_view.data == NULL);
    await_stat(other, objects, 0);
    await_stat(other, sessions, 1); /* the last release ended the session */
}

static void
thousands_of_views_at_once(lode *db)
{
    lode_view *views = calloc(VIEWS, sizeof *views);
    lode_object_info info;
    lode_id id;
    must(lode_put(db, "seen often", 10, LODE_FOREVER, &id));
    for (int i = 0; i < VIEWS; i++) {
        must(lode_get(db, id, LODE_FOREVER, &views[i]));
    }
    must(lode_stat(db, id, &info));
    expect_eq(info.pins, VIEWS);
    for (int i = 0; i < VIEWS; i++) {
        expect(memcmp(views[i].data, "seen often", 10) == 0);
        lode_release(&views[i]);
    }
    must(lode_stat(db, id, &info));
    expect_eq(info.pins, 0);
    lode_drop(db, id);
    free(views);
}

static void *
get_and_hand_over(void *arg)
{
    lode_view *view = arg;
    lode *db = (lode *)(uintptr_t)view->size;
    lode_id id = view->id;
    must(lode_get(db, id, LODE_FOREVER, view));
    return NULL;
}

/* A view belongs to nobody: another thread releases it, and the one that got it has ended. */
static void
threads_come_and_go(lode *db)
{
    lode_object_info info;
    lode_id id;
    must(lode_put(db, "passed on", 9, LODE_FOREVER, &id));
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        lode_view view = {.size = (size_t)(uintptr_t)db, .id = id};
        expect_eq(pthread_create(&thread, NULL, get_and_hand_over, &view), 0);
        expect_eq(pthread_join(thread, NULL), 0);
        expect(memcmp(view.data, "passed on", 9) == 0);
        lode_release(&view);
    }
    must(lode_stat(db, id, &info));
    expect_eq(info.pins, 0);
    lode_drop(db, id);
}

/*
 * Waits in vain, and says which are there: all of them, unless the store had no CPU to answer for
 * the second that a call gives it beyond its time.
 */
static void
wait_in_vain(lode *db, const lode_id *ids, size_t want, bool *ready, size_t *count_out)
{
    enum { TIMEOUT_MS = 10, GRACE_MS = 1000 };
    int64_t start;
    do {
        start = now_ms();
        fails(lode_wait(db, ids, 2 * MISSING, want, TIMEOUT_MS, ready, count_out), LODE_ETIMEDOUT);
    } while (now_ms() - start >= GRACE_MS);
}

/* More missing ids than a packet holds, each one twice. */
static void
waits_for_thousands(lode *db)
{
    lode_id *ids = calloc(2 * MISSING, sizeof *ids);
    bool *ready = calloc(2 * MISSING, sizeof *ready);
    lode_create_options options = {.struct_size = sizeof options};
    size_t count = 0;
    for (int i = 0; i < MISSING; i++) {
        must(lode_id_random(&ids[i]));
        ids[MISSING + i] = ids[i];
    }
    wait_in_vain(db, ids, 1, ready, &count);
    expect_eq(count, 0);
    for (int i = 0; i < MISSING; i += 2) {
        options.id = ids[i];
        must(lode_put_with(db, "x", 1, &options, LODE_FOREVER, NULL));
    }
    must(lode_wait(db, ids, 2 * MISSING, MISSING, 0, ready, &count));
    expect_eq(count, MISSING);
    wait_in_vain(db, ids, MISSING + 1, ready, &count);
    for (int i = 0; i < 2 * MISSING; i++) {
        expect_eq(ready[i], i % MISSING % 2 == 0);
    }
    for (int i = 0; i < MISSING; i += 2) {
        lode_drop(db, ids[i]);
    }
    free(ids);
    free(ready);
}

static void
strides_and_shapes_come_back(lode *db)
{
    const double gaps[9] = {0, -1, 1, -1, 2, -1, 3, -1, 4};
    lode_array every_other = {.dtype = LODE_F64, .ndim = 1, .shape = {5}, .strides = {2}};
    lode_array cube = {.dtype = LODE_I16, .ndim = 3, .shape = {2, 3, 100}};
    int16_t numbers[600];
    lode_id id;
    lode_view view;
    must(lode_put_array(db, &every_other, gaps, LODE_FOREVER, &id));
    must(lode_get(db, id, 0, &view));
    expect_eq(view.array.strides[0], 2);
    expect_eq(view.size, sizeof gaps);
    expect_eq((uintptr_t)view.data % 64, 0);
    for (int i = 0; i < 5; i++) {
        expect(((const double *)view.data)[i * view.array.strides[0]] == i);
    }
    lode_release(&view);
    lode_drop(db, id);
    for (int i = 0; i < 600; i++) {
        numbers[i] = (int16_t)i;
    }
    must(lode_put_array(db, &cube, numbers, LODE_FOREVER, &id));
    must(lode_get(db, id, 0, &view));
    expect_eq(view.array.ndim, 3);
    expect_eq(view.array.strides[0], 300);
    expect_eq(view.array.strides[1], 100);
    expect_eq(view.array.strides[2], 1);
    expect(memcmp(view.data, numbers, sizeof numbers) == 0);
    lode_release(&view);
    lode_drop(db, id);
}

static void
drafts_end_with_their_session(lode *other)
{
    lode *db = store_open();
    lode_draft draft, copy;
    lode_id id;
    must(lode_create(db, LARGE, NULL, LODE_FOREVER, &draft));
    copy = draft;
    must(lode_seal(&draft, &id));
    expect(draft.data == NULL);
    fails(lode_seal(&copy, &id), LODE_EINVAL); /* it was sealed before */
    fails(lode_seal(&copy, &id), LODE_EINVAL); /* and is zeroed now */
    must(lode_create(db, LARGE, NULL, LODE_FOREVER, &draft));
    lode_close(db);
    await_stat(other, unsealed_objects, 0);
    fails(lode_seal(&draft, &id), LODE_ECLOSED);
    lode_abort(&draft);
    await_stat(other, used_bytes, 0);
}

/* What an object holds lives as long as it: put by message, or written as a draft. */
static void
what_an_object_holds_lives_with_it(lode *db)
{
    lode_id held, holder[2];
    lode_draft draft;
    lode_view view;
    must(lode_put(db, "held", 5, 0, &held));
    lode_create_options options = {.struct_size = sizeof options, .hold_count = 1};
    fails(lode_put_with(db, "x", 1, &options, 0, &holder[0]), LODE_EINVAL);
    expect_text(lode_last_error(), "holds is NULL");
    options.holds = &held;
    must(lode_put_with(db, "holder", 7, &options, 0, &holder[0]));
    must(lode_create(db, LARGE, &options, 0, &draft));
    must(lode_seal(&draft, &holder[1]));
    lode_drop(db, held);
    lode_drop(db, holder[0]);
    await_stat(db, objects, 2);
    must(lode_get(db, held, 0, &view));
    expect(strcmp(view.data, "held") == 0);
    lode_release(&view);
    lode_drop(db, holder[1]);
    await_stat(db, objects, 0);
}

/* An id that nobody was told could be dropped by nobody. */
static void
a_new_id_that_nobody_asks_for_is_refused(lode *db)
{
    const lode_array array = {.dtype = LODE_U8, .ndim = 1, .shape = {1}};
    lode_create_options options = {.struct_size = sizeof options};
    lode_failure_info *no_failure = NULL;
    lode_id chosen;
    fails(lode_put(db, "x", 1, 0, NULL), LODE_EINVAL);
    fails(lode_put_array(db, &array, "x", 0, NULL), LODE_EINVAL);
    fails(lode_put_with(db, "x", 1, &options, 0, NULL), LODE_EINVAL);
    await_stat(db, objects, 0);
    must(lode_id_random(&chosen));
    options.id = chosen;
    must(lode_put_with(db, "x", 1, &options, 0, NULL));
    fails(lode_failure(db, chosen, no_failure), LODE_EINVAL);
    lode_drop(db, chosen);
    await_stat(db, objects, 0);
}

/* Compiled with headers that know one option more. */
static void
a_newer_caller_is_served_or_told(lode *db)
{
    struct {
        lode_create_options known;
        uint64_t added;
    } create = {.known.struct_size = sizeof create};
    struct {
        lode_open_options known;
        uint64_t added;
    } open = {.known = {.struct_size = sizeof open, .flags = LODE_OPEN_STORE_ONLY}};
    lode_id id;
    lode *newer;
    must(lode_put_with(db, "x", 1, &create.known, 0, &id));
    lode_drop(db, id);
    must(lode_open(lode_cluster_dir(db), &open.known, &newer));
    lode_close(newer);
    create.added = open.added = 1;
    fails(lode_put_with(db, "x", 1, &create.known, 0, &id), LODE_EUNSUPPORTED);
    fails(lode_open(lode_cluster_dir(db), &open.known, &newer), LODE_EUNSUPPORTED);
}

static void
sentences_change_only_with_failures(lode *db)
{
    lode_id id;
    lode_view view;
    char before[256];
    fails(lode_get(db, (lode_id){{0}}, 0, &view), LODE_EINVAL);
    strncpy(before, lode_last_error(), sizeof before - 1);
    before[sizeof before - 1] = '\0';
    must(lode_put(db, "x", 1, 0, &id));
    must(lode_get(db, id, 0, &view));
    lode_release(&view);
    lode_drop(db, id);
    must(lode_id_random(&id));
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_put_with(db, "y", 1, &options, 0, NULL));
    must(lode_wait(db, &id, 1, 1, 0, NULL, NULL));
    lode_drop(db, id);
    expect(strcmp(before, lode_last_error()) == 0);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t store = store_start(64 << 20);
    lode *db = store_open();
    views_outlive_close_and_references_do_not(db);
    thousands_of_views_at_once(db);
    threads_come_and_go(db);
    waits_for_thousands(db);
    strides_and_shapes_come_back(db);
    drafts_end_with_their_session(db);
    a_new_id_that_nobody_asks_for_is_refused(db);
    a_newer_caller_is_served_or_told(db);
    what_an_object_holds_lives_with_it(db);
    sentences_change_only_with_failures(db);
    await_stat(db, objects, 0);
    expect_empty_store(db);
    lode_close(db);
    lode_close(NULL);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
