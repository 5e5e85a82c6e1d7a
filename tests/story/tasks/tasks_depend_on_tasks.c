/*
 * A chain of 1,000 tasks, a tree, several results, no result, every kind of argument, fractions of
 * a CPU, and a parent that waits for its own child on one CPU.
 * ctest: ci 20
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { CHAIN = 1000, LEAVES = 64 };

static lode_id
call(lode *db, const char *function, lode_args args)
{
    lode_id result;
    must(lode_call(db, function, args, NULL, &result));
    return result;
}

static int64_t
take_i64(lode *db, lode_id id)
{
    int64_t value;
    must(lode_get_i64(db, id, LODE_FOREVER, &value));
    lode_drop(db, id);
    return value;
}

/* Each link is dropped as soon as the next one has it as its argument. */
static void
a_chain(lode *db)
{
    lode_id last = call(db, "play.increment", LODE_ARGS(lode_i64(0)));
    for (int i = 1; i < CHAIN; i++) {
        lode_id next = call(db, "play.increment", LODE_ARGS(lode_ref(last)));
        lode_drop(db, last);
        last = next;
    }
    expect_eq(take_i64(db, last), CHAIN);
}

static void
a_tree(lode *db)
{
    static const double one[4] = {1, 1, 1, 1};
    lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {4}};
    lode_id level[LEAVES];
    lode_view view;
    for (int i = 0; i < LEAVES; i++) {
        must(lode_put_array(db, &array, one, 0, &level[i]));
    }
    for (int width = LEAVES; width > 1; width /= 2) {
        for (int i = 0; i < width / 2; i++) {
            lode_id sum =
                call(db, "blas.add", LODE_ARGS(lode_ref(level[2 * i]), lode_ref(level[2 * i + 1])));
            lode_drop(db, level[2 * i]);
            lode_drop(db, level[2 * i + 1]);
            level[i] = sum;
        }
    }
    must(lode_get(db, level[0], LODE_FOREVER, &view));
    expect(((const double *)view.data)[3] == LEAVES);
    lode_release(&view);
    lode_drop(db, level[0]);
}

static void
several_results_and_none(lode *db)
{
    lode_id results[2];
    double low;
    double high;
    lode_view view;
    must(lode_call(db, "play.halves", LODE_ARGS(lode_f64(3)), NULL, results));
    must(lode_get_f64(db, results[1], LODE_FOREVER, &high));
    must(lode_get_f64(db, results[0], 0, &low)); /* all results of a task at once */
    expect(low == 1.5 && high == 1.5);
    int64_t wrong;
    fails(lode_get_i64(db, results[0], 0, &wrong), LODE_ETYPE);
    lode_drop(db, results[0]);
    lode_drop(db, results[1]);
    lode_id done = call(db, "play.nothing", LODE_NO_ARGS);
    must(lode_get(db, done, LODE_FOREVER, &view));
    expect_eq(view.size, 0);
    lode_release(&view);
    lode_drop(db, done);
}

/* A call whose result nobody wants runs all the same, once. */
static void
nobody_waits(lode *db, long round)
{
    char path[256];
    struct stat st;
    lode_scheduler_stats before;
    lode_scheduler_stats after;
    snprintf(path, sizeof path, "%s/marks-%ld", story_files(), round);
    do { /* the end of a task is heard of after its result is there */
        must(lode_get_scheduler_stats(db, &before));
    } while (before.tasks_ready + before.tasks_running > 0);
    for (int i = 0; i < 10; i++) {
        must(lode_call(db, "play.mark", LODE_ARGS(lode_str(path)), NULL, NULL));
    }
    do {
        must(lode_get_scheduler_stats(db, &after));
    } while (after.finished + after.failed < before.finished + before.failed + 10);
    expect_eq(stat(path, &st), 0);
    expect_eq(st.st_size, 10);
}

static void
every_kind_of_argument(lode *db)
{
    static const double numbers[2] = {2.5, 3.5};
    lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {2}};
    lode_id id;
    lode_view view;
    must(lode_put_array(db, &array, numbers, 0, &id));
    lode_id result = call(db, "play.describe",
                          LODE_ARGS(lode_i64(-3), lode_f64(0.5), lode_str("text"), lode_ref(id)));
    static const char want[] = "play.describe 4 -3 0.5 text 2.5 1 1";
    must(lode_get(db, result, LODE_FOREVER, &view));
    expect_eq(view.size, sizeof want - 1);
    expect(memcmp(view.data, want, sizeof want - 1) == 0);
    lode_release(&view);
    lode_drop(db, result);
    lode_drop(db, id);

    int64_t word = INT64_C(0x0102030405060708);
    expect_eq(take_i64(db, call(db, "play.first_word", LODE_ARGS(lode_bytes(&word, sizeof word)))),
              word);
    static char large[(1 << 20) + 1];
    fails(lode_call(db, "play.first_word", LODE_ARGS(lode_bytes(large, sizeof large)), NULL, &id),
          LODE_ETOOBIG);
}

/* Eight tasks of an eighth each run on one CPU at a time; all come to an end. */
static void
fractions_of_a_cpu(lode *db)
{
    lode_call_options eighth = {.struct_size = sizeof eighth, .num_cpus = 0.125, .name = "eighth"};
    lode_call_options none = {.struct_size = sizeof none, .num_cpus = LODE_ZERO};
    lode_id results[16];
    for (int i = 0; i < 16; i++) {
        must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(i)), i < 8 ? &eighth : &none,
                       &results[i]));
    }
    must(lode_wait(db, results, 16, 16, LODE_FOREVER, NULL, NULL));
    for (int i = 0; i < 16; i++) {
        expect_eq(take_i64(db, results[i]), i + 1);
    }
}

static void
parents_wait_for_their_children(lode *db)
{
    lode_id parents[8];
    for (int i = 0; i < 8; i++) {
        parents[i] = call(db, "play.parent", LODE_ARGS(lode_i64(i)));
    }
    for (int i = 0; i < 8; i++) {
        expect_eq(take_i64(db, parents[i]), i + 2);
    }
}

static void
large_results_are_not_copied_through_messages(lode *db)
{
    enum { BYTES = 3 << 20 };
    static unsigned char data[BYTES];
    lode_id id;
    lode_view view;
    for (size_t i = 0; i < BYTES; i++) {
        data[i] = (unsigned char)(i * 7);
    }
    must(lode_put(db, data, BYTES, LODE_FOREVER, &id));
    lode_id result = call(db, "play.copy", LODE_ARGS(lode_ref(id)));
    must(lode_get(db, result, LODE_FOREVER, &view));
    expect(view.size == BYTES && memcmp(view.data, data, BYTES) == 0);
    lode_release(&view);
    lode_drop(db, result);
    lode_drop(db, id);
}

/* The argument is put after the call that takes it. */
static void
what_is_only_reserved_is_awaited(lode *db)
{
    lode_create_options options = {.struct_size = sizeof options};
    lode_view view;
    must(lode_reserve(db, 1, &options.id));
    lode_id result = call(db, "play.copy", LODE_ARGS(lode_ref(options.id)));
    fails(lode_get(db, result, 1, &view), LODE_ETIMEDOUT);
    must(lode_put_with(db, "later", 5, &options, 0, NULL));
    must(lode_get(db, result, LODE_FOREVER, &view));
    expect(view.size == 5 && memcmp(view.data, "later", 5) == 0);
    lode_release(&view);
    lode_drop(db, result);
    lode_drop(db, options.id);
}

static void
story(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 1);
    pid_t supervisor = cluster_start(1, 64 << 20);
    lode *db = cluster_open_with("play");
    for (long i = 0; i < rounds; i++) {
        a_chain(db);
        a_tree(db);
        several_results_and_none(db);
        nobody_waits(db, i);
        every_kind_of_argument(db);
        fractions_of_a_cpu(db);
        parents_wait_for_their_children(db);
        large_results_are_not_copied_through_messages(db);
        what_is_only_reserved_is_awaited(db);
    }
    await_stat(db, objects, 0);
    lode_scheduler_stats stats;
    do { /* a result is there before the scheduler hears that its task has ended */
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.tasks_running > 0);
    expect_lt(0, stats.longest_turn_ns);
    expect_eq(stats.cpus_total, 10000);
    expect_eq(stats.cpus_used, 0);
    expect_eq(stats.failed, 0);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
