/* Tasks that are to end by force: each running one has a time of grace of its own. */
#include "tests/unit/scheduler/core/driver.h"

#include <pthread.h>

TestSuite(core_stopping, .fini = stop);

#define GRACE_NS INT64_C(2000000000)

static int
killed(int signal)
{
    int n = 0;
    const struct seen *s;
    for (int i = 0; (s = find(CORE_KILL, 0, i)) != NULL; i++) {
        n += s->a.value == signal;
    }
    return n;
}

Test(core_stopping, the_children_of_a_task_that_is_ended_by_force_are_ended_so_too)
{
    uint32_t worker, other;
    start(2);
    lode_id result = submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    submit(FIRST_WORKER + worker, (struct call){.parent = task});
    cr_assert_neq(ran(0, &other), 0);
    struct lode_task_cancel cancel = {.result = result,
                                      .flags = LODE_CANCEL_FORCE | LODE_CANCEL_RECURSIVE};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    timer(GRACE_NS);
    cr_assert_eq(killed(SIGTERM), 2);
}

/* Two tasks at one worker, of a program that has ended: the first one runs. */
static void
abandon_two(uint64_t task[2])
{
    start(1);
    learn(1000, 20);
    for (int i = 0; i < 2; i++) {
        submit(PROGRAM, (struct call){0});
        task[i] = ran(0, NULL);
        cr_assert_neq(task[i], 0);
    }
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
}

Test(core_stopping, the_next_one_of_a_queue_has_its_grace_from_the_end_of_the_first)
{
    uint64_t task[2];
    abandon_two(task);
    timer(GRACE_NS / 4 * 3);
    done(1, task[0], LODE_DONE_OK, 1000); /* and the worker has begun the next one */
    timer(GRACE_NS / 4);
    cr_assert_eq(count(CORE_KILL, 0), 0);
    timer(GRACE_NS / 4 * 3);
    cr_assert_eq(killed(SIGTERM), 1);
}

Test(core_stopping, a_signal_for_the_first_one_of_a_queue_counts_for_no_other)
{
    uint64_t task[2];
    abandon_two(task);
    timer(GRACE_NS);
    cr_assert_eq(killed(SIGTERM), 1);
    timer(GRACE_NS / 2);
    done(1, task[0], LODE_DONE_OK, 1000);
    timer(GRACE_NS / 2 + 1000000);
    cr_assert_eq(count(CORE_KILL, 0), 0);
    timer(GRACE_NS / 2);
    cr_assert_eq(killed(SIGTERM), 1);
    cr_assert_eq(killed(SIGKILL), 0);
}

static uint64_t
end_by_force(lode_id result)
{
    uint64_t task = ran(0, NULL);
    struct lode_task_cancel cancel = {.result = result, .flags = LODE_CANCEL_FORCE};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    return task;
}

/* SIGTERM goes by way of the supervisor: the task may have ended when it comes. */
Test(core_stopping, a_worker_that_got_sigterm_gets_no_other_task)
{
    uint32_t worker;
    start(1);
    uint64_t task = end_by_force(submit(PROGRAM, (struct call){0}));
    timer(GRACE_NS);
    cr_assert_eq(killed(SIGTERM), 1);
    done(1, task, LODE_DONE_OK, 1000);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_QUIT), 1, "it is replaced");
    cr_assert_eq(count(CORE_SPAWN, 0) + (int)stats().workers_started, 2);
    submit(OTHER, (struct call){0});
    cr_assert_eq(ran(0, NULL), 0);
    worker_up(2);
    cr_assert_neq(ran(0, &worker), 0);
    cr_assert_eq(worker, 2);
}

static int
recalls_of_all(void)
{
    int n = 0;
    const struct seen *s;
    for (int i = 0; (s = find(CORE_SEND, LODE_TASK_RECALL, i)) != NULL; i++) {
        n += ((const struct lode_task_recall *)s->bytes)->count == 0;
    }
    return n;
}

Test(core_stopping, nothing_waits_behind_a_task_that_is_ended_by_force)
{
    start(1);
    learn(1000, 20);
    lode_id result = submit(PROGRAM, (struct call){0});
    submit(PROGRAM, (struct call){0});
    cr_assert_neq(ran(0, NULL), 0, "behind it");
    struct lode_task_cancel cancel = {.result = result, .flags = LODE_CANCEL_FORCE};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    cr_assert_eq(recalls_of_all(), 1);
    submit(PROGRAM, (struct call){0});
    cr_assert_eq(ran(0, NULL), 0, "nor is anything queued there");
}

Test(core_stopping, tasks_are_queued_again_once_it_has_ended)
{
    start(1);
    learn(1000, 20);
    lode_id result = submit(PROGRAM, (struct call){0});
    uint64_t task = end_by_force(result);
    submit(PROGRAM, (struct call){0});
    submit(PROGRAM, (struct call){0});
    cr_assert_eq(ran(0, NULL), 0);
    done(1, task, LODE_DONE_OK, 1000);
    cr_assert_neq(ran(1, NULL), 0, "both");
}

Test(core_stopping, tasks_are_queued_again_once_one_that_had_not_begun_is_given_back)
{
    start(1);
    learn(1000, 20);
    submit(PROGRAM, (struct call){0});
    uint64_t queued = end_by_force(submit(PROGRAM, (struct call){0}));
    submit(PROGRAM, (struct call){0});
    cr_assert_eq(ran(0, NULL), 0);
    recalled(1, &queued, 1);
    cr_assert_eq(error_put(NULL)->code, LODE_ECANCELLED);
    timer(0); /* any event */
    cr_assert_neq(ran(0, NULL), 0, "behind the one that runs");
}

enum { LEVELS = 20000, STACK_BYTES = 512 << 10 };

/* Without core_check(), which looks at all tasks. */
static uint64_t
quick_record(uint64_t session, enum lode_task_msg type, const void *bytes, size_t size)
{
    uint64_t task = 0;
    const struct core_action *a;
    struct core_event event = {.type = CORE_RECORD, .now_ns = clock_ns += 100};
    event.u.record.session = session;
    event.u.record.type = (uint16_t)type;
    event.u.record.bytes = bytes;
    event.u.record.size = (uint32_t)size;
    core_step(core, &event);
    while ((a = core_next_action(core)) != NULL) {
        if (a->type == CORE_SEND && a->message == LODE_TASK_RUN) {
            task = ((const struct lode_task_run *)core_action_bytes(a))->task;
        }
    }
    return task;
}

/* A task that submits the next one, and then says that its argument is missing. */
static uint64_t
go_down(uint64_t parent, uint64_t number)
{
    struct {
        struct lode_task_submit head;
        struct lode_task_arg arg;
        lode_id id;
    } call = {.head = {.submission = number,
                       .parent = parent,
                       .results = result_id(FIRST_WORKER + 1, 10 * number),
                       .function = 1,
                       .result_count = 1,
                       .cpus = ONE_CPU,
                       .arg_count = 1},
              .arg = {.kind = LODE_ARG_REF, .ready = 1, .size = sizeof call.id},
              .id = lode_id_make(LODE_ID_PUT, 77, 1)};
    struct lode_task_done missing = {.task = parent, .status = LODE_DONE_MISSING};
    (void)quick_record(FIRST_WORKER + 1, LODE_TASK_SUBMIT, &call, sizeof call);
    return quick_record(FIRST_WORKER + 1, LODE_TASK_DONE, &missing, sizeof missing);
}

static void *
cancel_all(void *arg)
{
    struct lode_task_cancel cancel = {.result = *(lode_id *)arg, .flags = LODE_CANCEL_RECURSIVE};
    (void)quick_record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    return NULL;
}

/* A hostile worker can nest tasks as deeply as it likes. */
Test(core_stopping, however_deeply_tasks_are_nested_they_are_cancelled)
{
    pthread_t thread;
    pthread_attr_t attr;
    start(1);
    lode_id result = submit(
        PROGRAM, (struct call){.args = 1, .arg = {lode_id_make(LODE_ID_PUT, 77, 1)}, .ready = 1});
    uint64_t task = ran(0, NULL);
    for (uint64_t i = 1; i <= LEVELS; i++) {
        task = go_down(task, i);
        cr_assert_neq(task, 0);
    }
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    cr_assert_eq(pthread_create(&thread, &attr, cancel_all, &result), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(stats().tasks_waiting, 0);
    cr_assert_eq(stats().tasks_running, 1, "the last one runs, and was told");
}
