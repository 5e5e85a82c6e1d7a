/*
 * What object.h says of get, wait, contains, stat, list and delete, in one process and between two.
 * ctest: ci 100000
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

static void
a_zero_length_object_is_an_object(lode *db)
{
    lode_id id;
    lode_view view;
    lode_draft draft;
    must(lode_put(db, NULL, 0, 0, &id));
    must(lode_get(db, id, 0, &view));
    expect_eq(view.size, 0);
    lode_release(&view);
    lode_drop(db, id);
    lode_array empty = {.dtype = LODE_F64, .ndim = 2, .shape = {0, 7}};
    must(lode_create_array(db, &empty, 0, &draft));
    must(lode_seal(&draft, &id));
    must(lode_get(db, id, 0, &view));
    expect_eq(view.array.ndim, 2);
    expect_eq(view.array.shape[0], 0);
    expect_eq(view.array.shape[1], 7);
    lode_release(&view);
    lode_drop(db, id);
}

static void
each_of_several_equal_ids_counts(lode *db)
{
    lode_id id;
    lode_id missing;
    bool ready[4] = {false};
    size_t count = 99;
    lode_view views[2];
    must(lode_put(db, "abc", 3, 0, &id));
    must(lode_id_random(&missing));
    const lode_id ids[4] = {id, id, missing, id};
    must(lode_wait(db, ids, 4, 3, 0, ready, &count));
    expect_eq(count, 3);
    expect(ready[0] && ready[1] && !ready[2] && ready[3]);
    fails(lode_wait(db, ids, 4, 4, 1, ready, &count), LODE_ETIMEDOUT);
    expect_eq(count, 3);
    fails(lode_wait(db, ids, 2, 3, 0, NULL, NULL), LODE_EINVAL);
    must(lode_get_many(db, ids, 2, 0, views));
    expect(views[0].size == 3 && memcmp(views[1].data, "abc", 3) == 0);
    lode_release(&views[0]);
    lode_release(&views[1]);
    fails(lode_get_many(db, ids + 1, 2, 1, views), LODE_ETIMEDOUT);
    lode_drop(db, id);
    await_stat(db, objects, 0);
}

static void
who_waits_for_one_of_many_looks_no_further(lode *db)
{
    enum { MANY = 1000 };
    lode_id ids[MANY];
    bool ready[MANY];
    size_t count = 0;
    must(lode_put(db, "x", 1, 0, &ids[0]));
    for (int i = 1; i < MANY; i++) {
        ids[i] = ids[0];
    }
    must(
        lode_wait(db, ids, 1, 1, 0, NULL, NULL)); /* out of the ring: what is watched is all told */
    must(lode_wait(db, ids, MANY, 1, 0, ready, &count));
    expect(ready[0] && !ready[MANY - 1]);
    expect_lt(count, MANY);
    must(lode_wait(db, ids, MANY, MANY, 0, ready, &count));
    expect_eq(count, MANY);
    ids[MANY - 1] = (lode_id){{0}};
    fails(lode_wait(db, ids, MANY, 1, 0, ready, &count), LODE_EINVAL);
    expect_text(lode_last_error(), "id 999 of 1000");
    lode_drop(db, ids[0]);
    await_stat(db, objects, 0);
}

static void
timeouts_end_and_wrong_arguments_are_refused(lode *db)
{
    lode_id missing;
    lode_id zero = {{0}};
    lode_view view;
    bool there = true;
    must(lode_id_random(&missing));
    fails(lode_get(db, missing, 0, &view), LODE_ETIMEDOUT);
    fails(lode_get(db, missing, 20, &view), LODE_ETIMEDOUT);
    fails(lode_get(db, zero, 0, &view), LODE_EINVAL);
    fails(lode_wait(db, &zero, 1, 1, 0, NULL, NULL), LODE_EINVAL);
    must(lode_contains(db, missing, &there));
    expect(!there);
    expect(lode_id_is_zero(zero) && !lode_id_is_zero(missing));
    expect(lode_id_equal(missing, missing) && !lode_id_equal(missing, zero));
}

static void
refused_null(lode_err err, const char *what)
{
    fails(err, LODE_EINVAL);
    expect_text(lode_last_error(), what);
}

/* A pointer that is forgotten is an error with its name, not a crash. */
static void
what_must_be_given_is_named(lode *db)
{
    lode_id id;
    lode_view view;
    must(lode_put(db, "x", 1, 0, &id));
    refused_null(lode_open(NULL, NULL, NULL), "lode_open: db_out");
    refused_null(lode_create(db, 1, NULL, 0, NULL), "draft_out");
    refused_null(lode_create_array(db, NULL, 0, NULL), "draft_out");
    refused_null(lode_get(db, id, 0, NULL), "view_out");
    refused_null(lode_get_many(db, NULL, 1, 0, &view), "ids");
    refused_null(lode_get_many(db, &id, 1, 0, NULL), "views_out");
    refused_null(lode_get_i64(db, id, 0, NULL), "value_out");
    refused_null(lode_get_f64(db, id, 0, NULL), "value_out");
    refused_null(lode_wait(db, NULL, 1, 1, 0, NULL, NULL), "ids");
    refused_null(lode_contains(db, id, NULL), "there_out");
    refused_null(lode_stat(db, id, NULL), "info_out");
    refused_null(lode_list(db, NULL, NULL), "each");
    refused_null(lode_reserve(db, 1, NULL), "ids_out");
    refused_null(lode_name_lookup(db, NULL, "n", 0, NULL), "id_out");
    refused_null(lode_name_get(db, NULL, "n", 0, NULL), "view_out");
    refused_null(lode_name_list(db, NULL, NULL, NULL), "each");
    refused_null(lode_id_parse("00", NULL), "id_out");
    refused_null(lode_id_random(NULL), "id_out");
    refused_null(lode_get_store_stats(db, NULL), "stats_out");
    refused_null(lode_get_scheduler_stats(db, NULL), "stats_out");
    lode_drop(db, id);
    await_stat(db, objects, 0);
}

static bool
count_objects(const lode_object_info *info, void *arg)
{
    size_t *bytes = arg;
    *bytes += info->size_bytes;
    return true;
}

static void
stat_and_list_tell_what_there_is(lode *db)
{
    static const double data[6] = {1, 2, 3, 4, 5, 6};
    lode_array array = {.dtype = LODE_F64, .ndim = 2, .shape = {2, 3}};
    lode_object_info info;
    lode_id id;
    lode_view view;
    size_t bytes = 0;
    must(lode_put_array(db, &array, data, 0, &id));
    must(lode_get(db, id, 0, &view));
    must(lode_stat(db, id, &info));
    expect_eq(info.state, LODE_STATE_SEALED);
    expect_eq(info.size_bytes, sizeof data);
    expect_eq(info.references, 1);
    expect_eq(info.pins, 1);
    expect_eq(info.array.shape[1], 3);
    must(lode_list(db, count_objects, &bytes));
    expect_eq(bytes, sizeof data);
    must(lode_delete(db, id));
    fails(lode_delete(db, id), LODE_EGONE);
    lode_view again;
    fails(lode_get(db, id, 0, &again), LODE_EGONE);
    expect(memcmp(view.data, data, sizeof data) == 0); /* a pin outlives the deletion */
    lode_release(&view);
    lode_drop(db, id);
    await_stat(db, objects, 0);
}

/* The other process hears ids by a pipe, and must find each at once. */
static void
finder(struct child *parent, void *arg)
{
    long count = *(long *)arg;
    lode *db = store_open();
    child_signal(parent);
    for (long i = 0; i < count; i++) {
        lode_id id;
        lode_view view;
        long word;
        child_hear(parent, &id, sizeof id);
        must(lode_get(db, id, 0, &view));
        memcpy(&word, view.data, sizeof word);
        expect_eq(word, i);
        lode_release(&view);
        child_signal(parent);
    }
    lode_close(db);
}

static void
what_is_told_by_a_pipe_is_found_at_once(lode *db, struct child *other, long count)
{
    child_await(other);
    for (long i = 0; i < count; i++) {
        lode_id id;
        must(lode_put(db, &i, sizeof i, LODE_FOREVER, &id));
        child_say(other, &id, sizeof id);
        child_await(other);
        lode_drop(db, id);
    }
    child_must_end(other);
}

static void
story(int argc, char **argv)
{
    long count = count_argument(argc, argv, 1, 3000);
    struct child other;
    pid_t store = store_start(16 << 20);
    child_start(&other, finder, &count);
    lode *db = store_open();
    what_is_told_by_a_pipe_is_found_at_once(db, &other, count);
    a_zero_length_object_is_an_object(db);
    each_of_several_equal_ids_counts(db);
    who_waits_for_one_of_many_looks_no_further(db);
    timeouts_end_and_wrong_arguments_are_refused(db);
    what_must_be_given_is_named(db);
    stat_and_list_tell_what_there_is(db);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
