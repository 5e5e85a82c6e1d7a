/*
 * After fork the child's copy of a session is an error that says what to do; the parent's is
 * unharmed.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

struct inherited {
    lode *db;
    lode_id id;
    lode_view view;
};

static void
child_uses_the_parents(struct child *parent, void *arg)
{
    struct inherited *mine = arg;
    lode_id id;
    lode_view view;
    lode_draft draft;
    fails(lode_put(mine->db, "x", 1, 0, &id), LODE_EFORKED);
    expect_text(lode_last_error(), "lode_open");
    fails(lode_get(mine->db, mine->id, 0, &view), LODE_EFORKED);
    fails(lode_create(mine->db, 100000, NULL, 0, &draft), LODE_EFORKED);
    fails(lode_wait(mine->db, &mine->id, 1, 1, 0, NULL, NULL), LODE_EFORKED);
    fails(lode_keep(mine->db, mine->id), LODE_EFORKED);
    fails(lode_name_wait(mine->db, NULL, "its", 0, LODE_FOREVER, &view, NULL), LODE_EFORKED);
    lode_drop(mine->db, mine->id);
    lode_drop_many(mine->db, &mine->id, 1);
    expect(memcmp(mine->view.data, "parent's", 8) == 0); /* still mapped, still pinned by it */
    lode_release(&mine->view);
    lode_close(mine->db);

    lode *db = store_open(); /* a session of its own */
    must(lode_put(db, "child's", 7, 0, &id));
    must(lode_get(db, mine->id, 0, &view));
    expect(memcmp(view.data, "parent's", 8) == 0);
    lode_release(&view);
    child_signal(parent);
    child_await(parent);
    lode_close(db);
}

static void
child_just_ends(struct child *parent, void *arg)
{
    (void)parent, (void)arg;
}

static void
call_and_wait(lode *db)
{
    lode_id id;
    must(lode_call(db, "play.nothing", LODE_NO_ARGS, NULL, &id));
    must(lode_wait(db, &id, 1, 1, LODE_FOREVER, NULL, NULL));
}

static void
child_is_first_to_call(struct child *parent, void *arg)
{
    (void)parent, (void)arg;
    lode *db = cluster_open();
    call_and_wait(db);
    lode_close(db);
}

/*
 * nng does not survive a fork of a program that has used it: objects can be used, tasks are an
 * error, not an abort.
 */
static void
child_calls_a_task(struct child *parent, void *arg)
{
    (void)parent, (void)arg;
    lode *db = cluster_open();
    lode_id id;
    must(lode_put(db, "child's", 7, 0, &id));
    fails(lode_call(db, "play.nothing", LODE_NO_ARGS, NULL, &id), LODE_EFORKED);
    expect_text(lode_last_error(), "exec");
    lode_close(db);
}

static void
a_fork_of_a_program_with_tasks(void)
{
    struct child child;
    pid_t supervisor = cluster_start(1, 16 << 20);
    cluster_offer("play");
    lode *db = cluster_open();
    child_start(&child, child_is_first_to_call, NULL);
    child_must_end(&child);
    call_and_wait(db);
    child_start(&child, child_calls_a_task, NULL);
    child_must_end(&child);
    call_and_wait(db); /* the parent goes on */
    lode_close(db);
    cluster_stop(supervisor);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct inherited mine;
    struct child child;
    lode_view again;
    pid_t store = store_start(8 << 20);
    mine.db = store_open();
    must(lode_put(mine.db, "parent's", 8, 0, &mine.id));
    must(lode_get(mine.db, mine.id, 0, &mine.view));

    child_start(&child, child_just_ends, NULL);
    child_must_end(&child);
    child_start(&child, child_uses_the_parents, &mine);
    child_await(&child);
    await_stat(mine.db, sessions, 2);
    child_signal(&child);
    child_must_end(&child);
    await_stat(mine.db, sessions, 1);

    expect(memcmp(mine.view.data, "parent's", 8) == 0);
    lode_object_info info;
    must(lode_stat(mine.db, mine.id, &info));
    expect_eq(info.references, 1);
    expect_eq(info.pins, 1);
    lode_release(&mine.view);
    must(lode_get(mine.db, mine.id, 0, &again));
    lode_release(&again);
    lode_drop(mine.db, mine.id);
    expect_empty_store(mine.db);

    lode_close(mine.db);
    daemon_stop(store);
    a_fork_of_a_program_with_tasks();
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 5, story);
}
