/*
 * OpenBLAS starts threads for a product that may use several CPUs, and keeps them. They are a pool
 * of lode's own, and no threads that a task has left: the worker serves the next program.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdlib.h>

enum { CPUS = 2, EDGE = 256 };

static lode_scheduler_stats
stats_of(lode *db)
{
    lode_scheduler_stats stats;
    must(lode_get_scheduler_stats(db, &stats));
    return stats;
}

static void
multiply_on_all_cpus(lode *db)
{
    lode_array shape = {.dtype = LODE_F64, .ndim = 2, .shape = {EDGE, EDGE}};
    lode_call_options options = {.struct_size = sizeof options, .num_cpus = CPUS};
    lode_id matrix, product;
    lode_view view;
    void *zeros = calloc(EDGE * EDGE, sizeof(double));
    expect(zeros != NULL);
    must(lode_put_array(db, &shape, zeros, LODE_FOREVER, &matrix));
    must(lode_call(db, "blas.matmul", LODE_ARGS(lode_ref(matrix), lode_ref(matrix)), &options,
                   &product));
    must(lode_get(db, product, LODE_FOREVER, &view));
    lode_release(&view);
    lode_drop(db, product);
    lode_drop(db, matrix);
    free(zeros);
}

/* Tasks that wait at once are in a worker each: so one is in that of the product. */
static void
use_all_workers(lode *db)
{
    char text[LODE_ID_TEXT_SIZE];
    lode_id gate, ids[CPUS];
    lode_scheduler_stats stats;
    must(lode_reserve(db, 1, &gate));
    lode_id_format(gate, text);
    for (int i = 0; i < CPUS; i++) {
        must(lode_call(db, "nest.await", LODE_ARGS(lode_str(text)), NULL, &ids[i]));
    }
    do {
        stats = stats_of(db);
    } while (stats.tasks_running < CPUS || stats.cpus_used > 0);
    lode_create_options options = {.struct_size = sizeof options, .id = gate};
    must(lode_put_with(db, "x", 1, &options, 0, NULL));
    for (int i = 0; i < CPUS; i++) {
        int64_t value;
        must(lode_get_i64(db, ids[i], LODE_FOREVER, &value));
    }
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(CPUS, 32 << 20);
    lode *first = cluster_open();
    multiply_on_all_cpus(first);
    lode_close(first);
    lode *second = cluster_open_with("nest");
    use_all_workers(second);
    /* Each task that waits has one more started. A replaced worker would have been another one. */
    expect_eq(stats_of(second).workers_started, 2 * CPUS);
    expect_eq(stats_of(second).workers_died, 0);
    lode_close(second);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
