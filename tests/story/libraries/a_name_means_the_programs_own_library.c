/*
 * Programs whose libraries have one name each run their own, also in tasks of tasks and in a worker
 * that another program has used; others run what is offered to all. Nobody can be "blas".
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

static int64_t
result_of(lode *db, const char *function)
{
    lode_id result;
    int64_t value = 0;
    must(lode_call(db, function, LODE_NO_ARGS, NULL, &result));
    must(lode_get_i64(db, result, LODE_FOREVER, &value));
    lode_drop(db, result);
    return value;
}

static char said[1024], complained[1024];

static int
offer(const char *library)
{
    const char *const argv[] = {"lode", "load", library, NULL};
    return program_run(argv, said, complained, sizeof said - 1);
}

static void
each_has_its_own(void)
{
    char offered[256];
    lode *a = cluster_open(), *b = cluster_open(), *c = cluster_open();
    lode_id none;
    must(lode_load(a, story_tasks("twin")));
    must(lode_load(b, story_tasks("twin_next")));
    for (int i = 0; i < 3; i++) {
        expect_eq(result_of(a, "twin.version"), 1);
        expect_eq(result_of(b, "twin.version"), 2);
        expect_eq(result_of(a, "twin.below"), 1);
        expect_eq(result_of(b, "twin.below"), 2);
    }
    fails(lode_call(c, "twin.version", LODE_NO_ARGS, NULL, &none), LODE_ELIBRARY);
    snprintf(offered, sizeof offered, "%s", story_tasks("twin_next"));
    expect_eq(offer(offered), 0);
    expect_eq(result_of(c, "twin.below"), 2);
    expect_eq(result_of(a, "twin.below"), 1);

    fails(lode_load(a, offered), LODE_EEXIST);
    expect(strstr(lode_last_error(), story_tasks("twin")) != NULL);
    expect(strstr(lode_last_error(), offered) != NULL);
    expect_eq(result_of(a, "twin.version"), 1);
    lode_close(a);
    lode_close(b);
    lode_close(c);
}

static void
blas_is_lodes_own(void)
{
    lode_array array = {.dtype = LODE_F64, .ndim = 2, .shape = {1, 1}};
    double three = 3;
    lode_id x, product;
    lode_view view;
    expect_eq(offer(story_tasks("stranger")), 1);
    expect(strstr(complained, "a name of lode's own") != NULL);
    lode *db = cluster_open();
    fails(lode_load(db, story_tasks("stranger")), LODE_ELIBRARY);
    must(lode_put_array(db, &array, &three, 0, &x));
    must(lode_call(db, "blas.matmul", LODE_ARGS(lode_ref(x), lode_ref(x)), NULL, &product));
    must(lode_get(db, product, LODE_FOREVER, &view));
    expect(*(const double *)view.data == 9);
    lode_release(&view);
    lode_close(db);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 32 << 20);
    each_has_its_own();
    blas_is_lodes_own();
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
