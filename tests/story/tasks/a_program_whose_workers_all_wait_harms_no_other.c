/*
 * A program whose workers all wait, and that may have no more of them, hears of it: one nested task
 * at a time ends with LODE_ELIMIT, or the call that was the last to wait. Another program's tasks
 * run meanwhile as if nothing was.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

enum { CPUS = 2, WORKERS = 5, OTHERS = 20, CAPACITY = 16 << 20 };

/* An object that tasks wait for, until open_gate(). */
struct gate {
    lode_id id;
    char text[LODE_ID_TEXT_SIZE];
};

static void
make_gate(lode *db, struct gate *gate)
{
    must(lode_reserve(db, 1, &gate->id));
    lode_id_format(gate->id, gate->text);
}

static void
open_gate(lode *db, const struct gate *gate)
{
    lode_create_options options = {.struct_size = sizeof options, .id = gate->id};
    must(lode_put_with(db, "x", 1, &options, 0, NULL));
}

static lode_id
call_with(lode *db, const char *function, const struct gate *gate)
{
    lode_id id;
    must(lode_call(db, function, LODE_ARGS(lode_str(gate->text)), NULL, &id));
    return id;
}

static void
runs_at_once(lode *db)
{
    lode_id id;
    int64_t value;
    must(lode_call(db, "nest.one", LODE_NO_ARGS, NULL, &id));
    must(lode_get_i64(db, id, bound_ms(5000), &value));
    lode_drop(db, id);
}

/* The failure of the task, once it has ended: LODE_ELIMIT, with the number of workers. */
static void
failed_for_want_of_workers(lode *db, lode_id id, const char *sentence)
{
    lode_failure_info failure;
    int64_t value;
    fails(lode_get_i64(db, id, bound_ms(10000), &value), LODE_ETASK);
    must(lode_failure(db, id, &failure));
    expect_text(failure.message, sentence);
    lode_drop(db, id);
}

static void
succeeded(lode *db, lode_id id)
{
    int64_t value;
    must(lode_get_i64(db, id, bound_ms(10000), &value));
    lode_drop(db, id);
}

/* The ready task is the program's own: the call that was the last to wait makes room for it. */
static void
the_last_call_gives_up(lode *db, lode *other)
{
    lode_id waits[WORKERS], id;
    struct gate gate;
    make_gate(db, &gate);
    for (uint64_t i = 0; i < WORKERS; i++) {
        waits[i] = call_with(db, "nest.await", &gate);
        await_sleeping(db, i + 1);
    }
    must(lode_call(db, "nest.one", LODE_NO_ARGS, NULL, &id));
    for (int i = 0; i < OTHERS; i++) {
        runs_at_once(other);
    }
    failed_for_want_of_workers(db, waits[WORKERS - 1], "all 5 workers that the program may have");
    succeeded(db, id);
    open_gate(db, &gate);
    for (int i = 0; i < WORKERS - 1; i++) {
        succeeded(db, waits[i]);
    }
    lode_drop(db, gate.id);
}

/* So does one that waits for room, which comes for the others when the program makes it. */
static void
a_create_gives_up(lode *db)
{
    lode_id waits[WORKERS], id;
    lode_draft draft;
    must(lode_create(db, CAPACITY / 4 * 3, NULL, 0, &draft));
    for (uint64_t i = 0; i < WORKERS; i++) {
        must(lode_call(db, "room.create", LODE_NO_ARGS, NULL, &waits[i]));
        await_sleeping(db, i + 1);
    }
    must(lode_call(db, "nest.one", LODE_NO_ARGS, NULL, &id));
    failed_for_want_of_workers(db, waits[WORKERS - 1], "all 5 workers that the program may have");
    succeeded(db, id);
    lode_abort(&draft);
    for (int i = 0; i < WORKERS - 1; i++) {
        succeeded(db, waits[i]);
    }
}

/* Two parents with a child each wait, and the third one's child is ready: it fails. */
static void
the_deepest_task_fails(lode *db, lode *other)
{
    lode_id parents[3];
    struct gate gate;
    make_gate(db, &gate);
    for (uint64_t i = 0; i < 3; i++) {
        parents[i] = call_with(db, "nest.parent", &gate);
        await_sleeping(db, i < 2 ? 2 * i + 2 : WORKERS);
    }
    for (int i = 0; i < OTHERS; i++) {
        runs_at_once(other);
    }
    failed_for_want_of_workers(db, parents[2], "all 5 workers that the program may have");
    open_gate(db, &gate);
    succeeded(db, parents[0]);
    succeeded(db, parents[1]);
    lode_drop(db, gate.id);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start_with(CPUS, WORKERS, CAPACITY);
    lode *db = cluster_open_with("nest"), *other = cluster_open();
    must(lode_load(db, story_tasks("room")));
    the_last_call_gives_up(db, other);
    a_create_gives_up(db);
    the_deepest_task_fails(db, other);
    lode_close(other);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
