/*
 * What lode_stat() says of an object is what a get says. An object that nobody refers to is gone.
 * One that a view or another session holds is there. One that may still come is not gone.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

enum { LARGE = 200000 };

static void
a_dropped_object_is_gone_at_once(lode *db, size_t size)
{
    static const char bytes[LARGE];
    lode_object_info info;
    lode_view view;
    lode_id id;
    bool there = true;
    must(lode_put(db, bytes, size, LODE_FOREVER, &id));
    lode_drop(db, id);
    fails(lode_stat(db, id, &info), LODE_EGONE);
    must(lode_contains(db, id, &there));
    expect(!there);
    fails(lode_get(db, id, 0, &view), LODE_EGONE);
}

static void
a_pinned_object_is_there(lode *db)
{
    lode_object_info info;
    lode_view view, again;
    lode_id id;
    must(lode_put(db, "x", 1, LODE_FOREVER, &id));
    must(lode_get(db, id, LODE_FOREVER, &view));
    lode_drop(db, id);
    must(lode_stat(db, id, &info));
    expect_eq(info.references, 0);
    expect_eq(info.pins, 1);
    must(lode_get(db, id, 0, &again));
    lode_release(&again);
    lode_release(&view);
    fails(lode_stat(db, id, &info), LODE_EGONE);
}

/* The other's reference is a record in a ring that the store has not looked into. */
static void
an_object_that_another_session_keeps_is_there(lode *db, lode *other)
{
    lode_object_info info;
    lode_id id;
    must(lode_put(db, "x", 1, LODE_FOREVER, &id));
    must(lode_keep(other, id));
    lode_drop(db, id);
    must(lode_stat(db, id, &info));
    expect_eq(info.references, 1);
    lode_drop(other, id);
    fails(lode_stat(other, id, &info), LODE_EGONE);
}

static void
a_reserved_id_may_still_come(lode *db, lode *other)
{
    lode_object_info info;
    lode_id id;
    must(lode_reserve(db, 1, &id));
    fails(lode_stat(db, id, &info), LODE_EAGAIN);
    fails(lode_stat(other, id, &info), LODE_EAGAIN);
    fails(lode_delete(other, id), LODE_EAGAIN);
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_put_with(db, "x", 1, &options, LODE_FOREVER, NULL));
    must(lode_stat(other, id, &info));
    must(lode_delete(other, id));
    fails(lode_stat(db, id, &info), LODE_EGONE);
    fails(lode_delete(db, id), LODE_EGONE);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t store = store_start(16 << 20);
    lode *db = store_open(), *other = store_open();
    for (int i = 0; i < 100; i++) {
        a_dropped_object_is_gone_at_once(db, 5);
        a_dropped_object_is_gone_at_once(db, LARGE);
        a_pinned_object_is_there(db);
        an_object_that_another_session_keeps_is_there(db, other);
        a_reserved_id_may_still_come(db, other);
    }
    lode_close(other);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
