/*
 * The drop of a large object rings for the store, so that its memory does not wait until the store
 * looks by itself. The drop of a small one rings for nobody, and costs no system call.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

enum { CAPACITY = 64 << 20, LARGE = 1 << 20, SMALL = 60, COUNT = 20 };

static const char bytes[LARGE];

static uint64_t
doorbells(lode *db)
{
    lode_store_stats stats;
    must(lode_get_store_stats(db, &stats));
    return stats.doorbells;
}

/* A bell that was rung before may be heard in the same round as the first question. */
static uint64_t
doorbells_so_far(lode *db)
{
    uint64_t before, after = doorbells(db);
    do {
        before = after;
        after = doorbells(db);
    } while (after != before);
    return before;
}

/* The store hears a bell some time after the drop, and nothing but the drop has rung. */
static void
rings_once(lode *by, lode_id id)
{
    uint64_t before = doorbells_so_far(by), after;
    int64_t start = now_ms();
    lode_drop(by, id);
    while ((after = doorbells(by)) == before) {
        expect_lt(now_ms() - start, bound_ms(10000));
    }
    expect_eq(after, before + 1);
}

static lode_id
put(lode *db, size_t size)
{
    lode_id id;
    must(lode_put(db, bytes, size, LODE_FOREVER, &id));
    return id;
}

static lode_id
create(lode *db, size_t size)
{
    lode_draft draft;
    lode_id id;
    must(lode_create(db, size, NULL, LODE_FOREVER, &draft));
    must(lode_seal(&draft, &id));
    return id;
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t store = store_start(CAPACITY);
    lode *db = store_open(), *other = store_open();
    lode_id small[COUNT], large;
    for (int i = 0; i < COUNT; i++) {
        small[i] = i % 2 == 0 ? put(db, SMALL) : create(db, SMALL);
    }
    large = put(db, LARGE);
    uint64_t before = doorbells_so_far(db);
    for (int i = 0; i < COUNT; i++) {
        lode_drop(db, small[i]);
    }
    rings_once(db, large);
    expect_eq(doorbells(db), before + 1);
    rings_once(db, create(db, LARGE));
    large = put(db, LARGE);
    must(lode_keep(other, large));
    must(lode_keep(db, large));
    rings_once(db, large);
    rings_once(other, large);
    rings_once(db, large);
    lode_close(other);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
