/*
 * In a task that is cancelled every call that sleeps ends with LODE_ECANCELLED. It may be a get, a
 * wait, a get by name, a create or a put that waits for room, a load of a library that does not
 * open, or an open of a cluster that does not come up. The worker lives on. What the task has
 * submitted is cancelled with it if the caller says so, and else goes on.
 */
#include "api/cluster/files.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAPACITY = 16 << 20 };

static void
ends_when_cancelled(lode *db, const char *function, const char *arg, uint64_t tasks)
{
    lode_id id;
    lode_view view;
    if (arg != NULL) {
        must(lode_call(db, function, LODE_ARGS(lode_str(arg)), NULL, &id));
    } else {
        must(lode_call(db, function, LODE_NO_ARGS, NULL, &id));
    }
    await_sleeping(db, tasks);
    must(lode_cancel(db, id, LODE_CANCEL_RECURSIVE));
    fails(lode_get(db, id, bound_ms(5000), &view), LODE_ECANCELLED);
    lode_drop(db, id);
    await_sleeping(db, 0);
}

static void
what_waits_for_objects(lode *db)
{
    char never[LODE_ID_TEXT_SIZE];
    lode_id id, bound;
    must(lode_reserve(db, 1, &id));
    lode_id_format(id, never);
    ends_when_cancelled(db, "nest.await", never, 1);
    ends_when_cancelled(db, "nest.await_both", never, 1);
    ends_when_cancelled(db, "nest.await_name", "never", 1);
    must(lode_put(db, "still", 5, 0, &bound));
    must(lode_name_set(db, NULL, "still", bound, 0));
    ends_when_cancelled(db, "nest.await_version", "still", 1);
    must(lode_name_remove(db, NULL, "still"));
    lode_drop(db, bound);
    ends_when_cancelled(db, "nest.parent", never, 2);
    lode_drop(db, id);
}

/* Cancelled alone, a task leaves what it has submitted: that ends when its object comes. */
static void
what_it_has_submitted(lode *db)
{
    char text[LODE_ID_TEXT_SIZE];
    lode_id gate, id;
    lode_view view;
    must(lode_reserve(db, 1, &gate));
    lode_id_format(gate, text);
    must(lode_call(db, "nest.parent", LODE_ARGS(lode_str(text)), NULL, &id));
    await_sleeping(db, 2);
    must(lode_cancel(db, id, 0));
    fails(lode_get(db, id, bound_ms(5000), &view), LODE_ECANCELLED);
    await_sleeping(db, 1);
    lode_create_options options = {.struct_size = sizeof options, .id = gate};
    must(lode_put_with(db, text, sizeof text, &options, 0, NULL));
    await_sleeping(db, 0);
    lode_drop(db, id);
    lode_drop(db, gate);
}

/* A look that does not sleep is answered as ever: the task can tidy up. */
static void
what_does_not_wait(lode *db)
{
    char never[LODE_ID_TEXT_SIZE];
    lode_id id, awaited;
    int64_t found;
    must(lode_reserve(db, 1, &awaited));
    lode_id_format(awaited, never);
    must(lode_call(db, "nest.look_when_cancelled", LODE_ARGS(lode_str(never)), NULL, &id));
    await_sleeping(db, 1);
    must(lode_cancel(db, id, 0));
    must(lode_get_i64(db, id, bound_ms(5000), &found));
    expect_eq(found, LODE_ETIMEDOUT);
    lode_drop(db, id);
    lode_drop(db, awaited);
    await_sleeping(db, 0);
}

static void
what_waits_for_room(lode *db)
{
    lode_draft draft;
    must(lode_create(db, CAPACITY / 4 * 3, NULL, 0, &draft));
    ends_when_cancelled(db, "room.create", NULL, 1);
    ends_when_cancelled(db, "room.puts_on", NULL, 1);
    ends_when_cancelled(db, "room.puts_on_by_packet", NULL, 1);
    lode_abort(&draft);
}

/* The worker that opens the library is ended in its time. */
static void
what_waits_for_the_scheduler(lode *db)
{
    ends_when_cancelled(db, "nest.load", story_tasks("hang"), 1);
}

/* A cluster that does not come up: its supervisor, ours, lives, and nobody serves there. */
static void
what_waits_for_a_cluster(lode *db)
{
    char dir[256], own[300], other[300];
    lode_view begun;
    int64_t opened;
    lode_id id;
    snprintf(dir, sizeof dir, "%s/o", story_dir());
    snprintf(own, sizeof own, "%s/%s", story_dir(), LODE_FILE_SUPERVISOR_LOCK);
    snprintf(other, sizeof other, "%s/%s", dir, LODE_FILE_SUPERVISOR_LOCK);
    expect_eq(mkdir(dir, 0700), 0);
    expect_eq(link(own, other), 0);
    must(lode_call(db, "nest.open_at", LODE_ARGS(lode_str(dir)), NULL, &id));
    must(lode_name_get(db, NULL, "opens 0", bound_ms(10000), &begun));
    lode_release(&begun);
    must(lode_cancel(db, id, 0));
    must(lode_get_i64(db, id, bound_ms(10000), &opened));
    expect_eq(opened, LODE_ECANCELLED);
    lode_drop(db, id);
    expect_eq(unlink(other), 0);
    expect_eq(rmdir(dir), 0);
}

static void
story(int argc, char **argv)
{
    lode_scheduler_stats stats;
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, CAPACITY);
    lode *db = cluster_open_with("nest");
    must(lode_load(db, story_tasks("room")));
    what_waits_for_objects(db);
    what_it_has_submitted(db);
    what_does_not_wait(db);
    what_waits_for_room(db);
    what_waits_for_the_scheduler(db);
    what_waits_for_a_cluster(db);
    must(lode_get_scheduler_stats(db, &stats));
    expect_eq(stats.workers_died, 0);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
