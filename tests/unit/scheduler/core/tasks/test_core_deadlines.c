/* Tasks with a time limit: what becomes of them when it is over, and what is kept of those that
 * end in time. */
#include "scheduler/core/state/state.h"
#include "tests/unit/scheduler/core/driver.h"

#include <stdio.h>

TestSuite(core_deadlines, .fini = stop);

#define MS       INT64_C(1000000)
#define GRACE_NS INT64_C(2000000000)

/* The code and the sentence of the error that the last event put. */
static void
timed_out(const char *sentence)
{
    const char *text = NULL;
    const struct lode_error_object *error = error_put(&text);
    cr_assert_not_null(error);
    cr_assert_eq(error->code, LODE_ETIMEDOUT);
    cr_assert_str_eq(text, sentence);
}

static lode_id
never(void)
{
    return lode_id_make(LODE_ID_PUT, 77, 1);
}

/* The errors that the last event has put are there. */
static void
end_all(void)
{
    static uint64_t cookie[ACTIONS_MAX];
    int errors = count(CORE_PUT_ERROR, 0);
    for (int i = 0; i < errors; i++) {
        cookie[i] = find(CORE_PUT_ERROR, 0, i)->a.cookie;
    }
    for (int i = 0; i < errors; i++) {
        step((struct core_event){.type = CORE_ERROR_DONE, .u.cookie = cookie[i]});
    }
}

/* The task of the only worker. */
static uint64_t
run_one(struct call call)
{
    start(1);
    submit(PROGRAM, call);
    uint64_t task = ran(0, NULL);
    cr_assert_neq(task, 0);
    return task;
}

Test(core_deadlines, a_task_that_waits_for_a_worker_fails_when_its_time_is_over)
{
    run_one((struct call){0});
    submit(PROGRAM, (struct call){.timeout_ms = 500, .cpus = ONE_CPU});
    cr_assert_eq(ran(0, NULL), 0);
    timer(499 * MS);
    cr_assert_null(error_put(NULL));
    timer(1 * MS);
    timed_out("not run within its time limit of 500 ms");
    error_done();
    cr_assert_eq(stats().failed, 1);
    cr_assert_eq(stats().cancelled, 0);
}

Test(core_deadlines, a_task_that_waits_for_an_object_fails_when_its_time_is_over)
{
    start(1);
    submit(PROGRAM, (struct call){.timeout_ms = 1, .args = 1, .arg = {never()}});
    timer(1 * MS);
    timed_out("not run within its time limit of 1 ms");
}

Test(core_deadlines, a_task_that_runs_is_told_the_limit_and_then_its_worker_gets_signals)
{
    uint64_t task = run_one((struct call){.timeout_ms = 500, .retries = 3});
    timer(500 * MS);
    const struct lode_task_cancel *told = sent(LODE_TASK_STOP_TASK, NULL);
    cr_assert_eq(told->task, task);
    cr_assert_eq(told->limit_ms, 500);
    cr_assert_null(error_put(NULL), "it may give its results yet");
    timer(GRACE_NS);
    cr_assert_eq(find(CORE_KILL, 0, 0)->a.value, SIGTERM);
    timer(GRACE_NS);
    cr_assert_eq(find(CORE_KILL, 0, 0)->a.value, SIGKILL);
    die(1, task, SIGKILL);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    timed_out("not done within its time limit of 500 ms");
}

Test(core_deadlines, what_a_task_has_submitted_is_cancelled_when_its_time_is_over)
{
    uint32_t worker, other;
    start(2);
    submit(PROGRAM, (struct call){.timeout_ms = 500});
    uint64_t task = ran(0, &worker);
    submit(FIRST_WORKER + worker, (struct call){.parent = task});
    uint64_t child = ran(0, &other);
    timer(500 * MS);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_STOP_TASK), 2);
    const struct lode_task_cancel *told = (const void *)find(CORE_SEND, LODE_TASK_STOP_TASK, 1);
    told = (const void *)((const struct seen *)told)->bytes;
    cr_assert_eq(told->task, child);
    cr_assert_eq(told->limit_ms, 0, "it was cancelled");
    submit(FIRST_WORKER + worker, (struct call){.parent = task});
    cr_assert_eq(error_put(NULL)->code, LODE_ECANCELLED, "so is what it submits from then on");
}

Test(core_deadlines, a_task_that_was_cancelled_before_its_time_was_over_ends_as_cancelled)
{
    uint64_t task = run_one((struct call){.timeout_ms = 500});
    struct lode_task_cancel cancel = {.result = result_id(PROGRAM, 10)};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    cr_assert_eq(((const struct lode_task_cancel *)sent(LODE_TASK_STOP_TASK, NULL))->limit_ms, 0);
    timer(500 * MS);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_STOP_TASK), 0, "it was told");
    die(1, task, SIGSEGV);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    cr_assert_eq(error_put(NULL)->code, LODE_ECANCELLED);
}

Test(core_deadlines, a_task_that_ends_in_time_is_not_heard_of_again)
{
    uint64_t task = run_one((struct call){.timeout_ms = 500});
    done(1, task, LODE_DONE_OK, 1000);
    submit(PROGRAM, (struct call){0}); /* it may have the same slot */
    cr_assert_neq(ran(0, NULL), 0);
    timer(500 * MS);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_STOP_TASK), 0);
    cr_assert_null(error_put(NULL));
}

Test(core_deadlines, the_nearest_of_many_comes_first_whatever_the_order_of_the_calls)
{
    static const uint32_t LIMITS[] = {70, 30, 110, 50, 90, 10};
    enum { TASKS = sizeof LIMITS / sizeof LIMITS[0] };
    run_one((struct call){0});
    for (int i = 0; i < TASKS; i++) {
        submit(PROGRAM, (struct call){.timeout_ms = LIMITS[i]});
    }
    char want[64];
    for (uint32_t ms = 10; ms <= 110; ms += 20) {
        timer((ms == 10 ? 10 : 20) * MS);
        cr_assert_eq(count(CORE_PUT_ERROR, 0), 1);
        snprintf(want, sizeof want, "not run within its time limit of %u ms", ms);
        timed_out(want);
        error_done();
    }
}

/* Of a burst of tasks that have ended. */
Test(core_deadlines, what_a_burst_took_goes_back)
{
    enum { BURST = 100, ROUNDS = 30, FEW = 64 };
    start(1);
    for (int i = 0; i < BURST * ROUNDS; i++) {
        submit(PROGRAM, (struct call){.timeout_ms = 1000, .args = 1, .arg = {never()}});
    }
    cr_assert_geq(core->deadlines.room, BURST * ROUNDS);
    for (timer(1000 * MS); error_put(NULL) != NULL; timer(0)) {
        end_all();
    }
    cr_assert_eq(stats().tasks_waiting, 0);
    cr_assert_leq(core->deadlines.room, FEW);
}

/* Others come between. */
Test(core_deadlines, many_that_are_over_at_once_fail_in_several_steps)
{
    enum { TASKS = 3 * CORE_LATE_MOST };
    int failed = 0, steps = 0;
    start(1);
    for (int i = 0; i < TASKS; i++) {
        submit(PROGRAM, (struct call){.timeout_ms = 1000, .args = 1, .arg = {never()}});
    }
    for (timer(1000 * MS); count(CORE_PUT_ERROR, 0) > 0; timer(0)) {
        steps++;
        failed += count(CORE_PUT_ERROR, 0);
        const struct seen *again = find(CORE_ARM_TIMER, 0, 0);
        cr_assert(failed == TASKS || again->a.value <= clock_ns);
        cr_assert_leq(count(CORE_PUT_ERROR, 0), CORE_LATE_MOST);
    }
    cr_assert_eq(failed, TASKS);
    cr_assert_eq(steps, 3);
}
