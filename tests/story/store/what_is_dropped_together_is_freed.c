/*
 * lode_drop_many() ends one reference for each id that it is given: of ids that occur twice, of
 * ids without an object, of more ids than the session's ring has room for. The zero id, NULL and a
 * child after fork end none.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FEW = 20, SOME = 1000, MANY = 60000, LARGE = 1 << 20 };

static lode_id *
put_many(lode *db, int count)
{
    lode_id *ids = calloc((size_t)count, sizeof *ids);
    expect(ids != NULL);
    for (int i = 0; i < count; i++) {
        must(lode_put(db, &i, sizeof i, LODE_FOREVER, &ids[i]));
    }
    return ids;
}

static void
each_loses_one_reference(lode *db, int count)
{
    lode_id *ids = put_many(db, count);
    lode_view view;
    must(lode_keep(db, ids[count / 2]));
    lode_drop_many(db, ids, (size_t)count);
    await_stat(db, objects, 1);
    must(lode_get(db, ids[count / 2], 0, &view)); /* it had two */
    expect_eq(*(const int *)view.data, count / 2);
    lode_release(&view);
    fails(lode_get(db, ids[0], 0, &view), LODE_EGONE);
    lode_drop_many(db, &ids[count / 2], 1);
    await_stat(db, objects, 0);
    free(ids);
}

static void
an_id_that_occurs_twice_loses_two(lode *db)
{
    lode_id id;
    must(lode_put(db, "twice", 5, LODE_FOREVER, &id));
    must(lode_keep(db, id));
    const lode_id ids[] = {id, id};
    lode_drop_many(db, ids, 2);
    await_stat(db, objects, 0);
}

/* The session goes on, and what else is named goes. */
static void
ids_without_an_object_are_passed_over(lode *db)
{
    lode_id ids[2 * SOME] = {{{0}}}, reserved, id;
    must(lode_put(db, "last", 4, LODE_FOREVER, &id));
    must(lode_reserve(db, 1, &reserved));
    for (int i = 0; i < SOME; i += 2) {
        must(lode_id_random(&ids[i])); /* the zero id in between, and behind */
    }
    ids[1] = id;
    ids[3] = reserved;
    lode_drop_many(db, ids, 2 * SOME);
    await_stat(db, objects, 0);
    lode_drop_many(db, NULL, SOME);
    lode_drop_many(db, ids, 0);
    lode_drop_many(NULL, ids, SOME);
}

/* Its room may be waited for: the store hears of it although nothing else happens. */
static void
room_is_there_at_once(lode *db)
{
    static const char bytes[LARGE];
    lode_id ids[FEW];
    lode_draft draft;
    for (int i = 0; i < FEW; i++) {
        must(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &ids[i]));
    }
    lode_drop_many(db, ids, FEW);
    must(lode_create(db, 48 << 20, NULL, LODE_FOREVER, &draft)); /* of 64 MiB */
    lode_abort(&draft);
}

static void
a_forked_child_drops_nothing(lode *db)
{
    lode_id *ids = put_many(db, SOME);
    lode_view view;
    pid_t pid = fork();
    if (pid == 0) {
        lode_drop_many(db, ids, SOME);
        _exit(0);
    }
    int status;
    expect_eq(waitpid(pid, &status, 0), pid);
    expect_eq(status, 0);
    lode_drop_many(db, ids, SOME - 1);
    await_stat(db, objects, 1);
    must(lode_get(db, ids[SOME - 1], 0, &view));
    lode_release(&view);
    lode_drop(db, ids[SOME - 1]);
    free(ids);
}

static void
a_store_that_has_ended_has_nothing_to_drop(lode *db, pid_t store)
{
    lode_id *ids = put_many(db, SOME);
    daemon_stop(store);
    lode_drop_many(db, ids, SOME);
    free(ids);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t store = store_start(64 << 20);
    lode *db = store_open();
    each_loses_one_reference(db, FEW);
    each_loses_one_reference(db, SOME);
    each_loses_one_reference(db, MANY);
    an_id_that_occurs_twice_loses_two(db);
    ids_without_an_object_are_passed_over(db);
    room_is_there_at_once(db);
    a_forked_child_drops_nothing(db);
    expect_empty_store(db);
    a_store_that_has_ended_has_nothing_to_drop(db, store);
    lode_close(db);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
