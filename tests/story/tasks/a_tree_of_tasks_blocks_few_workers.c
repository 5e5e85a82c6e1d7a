/*
 * Tasks that submit tasks and wait for them need no more workers than the depth of the tree times
 * the CPUs, however many tasks there are. So a tree that is much deeper than there are CPUs, and
 * many parents at once, run with few workers.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

/*
 * A worker more for each CPU: before the scheduler has seen that a function submits tasks, it may
 * have queued some of them ahead.
 */
enum { CPUS = 2, DEPTH = 14, FIB_OF_DEPTH = 377, PARENTS = 200, SLACK = CPUS };

static void
a_deep_tree_ends(lode *db)
{
    lode_id id;
    int64_t value;
    must(lode_call(db, "nest.fib", LODE_ARGS(lode_i64(DEPTH)), NULL, &id));
    must(lode_get_i64(db, id, LODE_FOREVER, &value));
    expect_eq(value, FIB_OF_DEPTH);
    lode_drop(db, id);
}

static void
many_parents_end(lode *db)
{
    static lode_id ids[PARENTS];
    for (int i = 0; i < PARENTS; i++) {
        must(lode_call(db, "nest.chain", LODE_ARGS(lode_i64(1)), NULL, &ids[i]));
    }
    for (int i = 0; i < PARENTS; i++) {
        int64_t value;
        must(lode_get_i64(db, ids[i], LODE_FOREVER, &value));
        expect_eq(value, 2);
        lode_drop(db, ids[i]);
    }
}

/* One level more for each worker. */
static void
a_chain_as_deep_as_the_workers_ends(lode *db, int workers)
{
    lode_id id;
    int64_t value;
    must(lode_call(db, "nest.chain", LODE_ARGS(lode_i64(workers - 1)), NULL, &id));
    must(lode_get_i64(db, id, LODE_FOREVER, &value));
    expect_eq(value, workers);
    lode_drop(db, id);
}

static void
story(int argc, char **argv)
{
    int workers = DEPTH * CPUS + SLACK;
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start_with(CPUS, workers, 64 << 20);
    lode *db = cluster_open_with("nest");
    a_deep_tree_ends(db);
    many_parents_end(db);
    a_chain_as_deep_as_the_workers_ends(db, workers);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
