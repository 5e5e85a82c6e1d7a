/* Tasks that are cancelled: what never runs, who is told, and who is ended by force. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_cancel, .init = two_cpus, .fini = stop);

Test(core_cancel, a_cancelled_task_that_waits_never_runs)
{
    lode_id other = lode_id_make(LODE_ID_PUT, 77, 5);
    lode_id result = submit(PROGRAM, (struct call){.args = 1, .arg = {other}});
    uint64_t cookie = find(CORE_WATCH, 0, 0)->a.cookie;
    struct lode_task_cancel cancel = {.result = result};
    record(OTHER, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    cr_assert_eq(error_put(NULL)->code, LODE_ECANCELLED);
    cr_assert_eq(find(CORE_UNWATCH, 0, 0)->a.cookie, cookie);
    error_done();
    notify(cookie, other, LODE_FOUND_SEALED, 0);
    cr_assert_eq(ran(0, NULL), 0);
    cr_assert_eq(stats().cancelled, 1);
}

#define GRACE_NS INT64_C(2000000000) /* CORE_GRACE_NS */

/* Runs a task of PROGRAM that does not end; the caller stops it. */
static uint64_t
run_on(lode_id *result_out, uint32_t *worker_out)
{
    *result_out = submit(PROGRAM, (struct call){.retries = 3});
    return ran(0, worker_out);
}

static void
expect_signal(uint32_t worker, int signal)
{
    const struct seen *s = find(CORE_KILL, 0, 0);
    cr_assert_not_null(s);
    cr_assert_eq(s->a.target, worker);
    cr_assert_eq(s->a.value, signal);
}

/* The worker gets SIGTERM after the grace time, and SIGKILL after twice of it. */
static void
expect_ended_by_force(uint32_t worker)
{
    timer(GRACE_NS - 100000);
    cr_assert_null(find(CORE_KILL, 0, 0), "it may end by itself");
    timer(100000);
    expect_signal(worker, SIGTERM);
    timer(GRACE_NS);
    expect_signal(worker, SIGKILL);
}

Test(core_cancel, a_task_that_is_cancelled_by_force_and_runs_on_is_ended_and_not_tried_again)
{
    uint32_t worker;
    lode_id result;
    uint64_t task = run_on(&result, &worker);
    struct lode_task_cancel cancel = {.result = result, .flags = LODE_CANCEL_FORCE};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    (void)sent(LODE_TASK_STOP_TASK, NULL);
    expect_ended_by_force(worker);
    die(worker, task, SIGKILL);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    cr_assert_eq(error_put(NULL)->code, LODE_ECANCELLED);
    error_done();
    cr_assert_eq(stats().retried, 0);
}

Test(core_cancel, a_task_that_is_cancelled_without_force_is_left_alone)
{
    uint32_t worker;
    lode_id result;
    uint64_t task = run_on(&result, &worker);
    struct lode_task_cancel cancel = {.result = result};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    timer(10 * GRACE_NS);
    cr_assert_null(find(CORE_KILL, 0, 0));
    cancel.flags = LODE_CANCEL_FORCE;
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    expect_ended_by_force(worker);
    die(worker, task, SIGKILL);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    error_done();
}

Test(core_cancel, a_task_that_outlives_its_program_is_ended_by_force)
{
    uint32_t worker;
    lode_id result;
    uint64_t task = run_on(&result, &worker);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    (void)sent(LODE_TASK_STOP_TASK, NULL);
    expect_ended_by_force(worker);
    die(worker, task, SIGKILL);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    cr_assert_eq(stats().cancelled, 1);
}

Test(core_cancel, what_a_cancelled_task_submits_never_runs)
{
    uint32_t worker;
    lode_id result = submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    struct lode_task_cancel cancel = {.result = result, .flags = LODE_CANCEL_RECURSIVE};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    submit(FIRST_WORKER + worker, (struct call){.parent = task});
    cr_assert_eq(ran(0, NULL), 0);
    cr_assert_eq(error_put(NULL)->code, LODE_ECANCELLED);
    error_done();
    cr_assert_eq(stats().cancelled, 1);
}

Test(core_cancel, a_task_that_is_cancelled_alone_leaves_what_it_has_submitted_and_may_submit_more)
{
    uint32_t worker, other;
    lode_id result = submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    submit(FIRST_WORKER + worker, (struct call){.parent = task});
    uint64_t child = ran(0, &other);
    struct lode_task_cancel cancel = {.result = result};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_STOP_TASK), 1);
    submit(FIRST_WORKER + worker, (struct call){.parent = task});
    cr_assert_null(error_put(NULL));
    done(other, child, LODE_DONE_OK, 1000);
    cr_assert_neq(ran(0, NULL), 0, "the second one");
    cancel.flags = LODE_CANCEL_RECURSIVE;
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_STOP_TASK), 1, "the parent was told before");
}

Test(core_cancel, what_the_task_of_a_program_that_has_ended_submits_never_runs)
{
    uint32_t worker;
    submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    submit(FIRST_WORKER + worker, (struct call){.parent = task});
    cr_assert_eq(ran(0, NULL), 0);
    cr_assert_eq(error_put(NULL)->code, LODE_ECANCELLED);
}

Test(core_cancel, a_cancelled_task_that_runs_is_told_and_so_are_its_children)
{
    lode_id result = submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    lode_id other = lode_id_make(LODE_ID_PUT, 77, 5);
    submit(FIRST_WORKER + worker, (struct call){.args = 1, .arg = {other}, .parent = task});
    struct lode_task_cancel cancel = {.result = result, .flags = LODE_CANCEL_RECURSIVE};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    cr_assert_eq(((const struct lode_task_cancel *)sent(LODE_TASK_STOP_TASK, NULL))->task, task);
    cr_assert_eq(error_put(NULL)->code, LODE_ECANCELLED, "the child waits, and never runs");
    error_done();
    done(worker, task, LODE_DONE_FAILED, 1000);
    cr_assert_eq(stats().cancelled, 2);
}

static void
cancel(lode_id result, uint32_t flags)
{
    struct lode_task_cancel message = {.result = result, .flags = flags};
    record(PROGRAM, LODE_TASK_CANCEL, &message, sizeof message);
}

Test(core_cancel, by_force_ends_what_the_task_has_submitted_too_also_if_it_was_told_before)
{
    uint32_t worker, other;
    lode_id result = submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    submit(FIRST_WORKER + worker, (struct call){.parent = task});
    cr_assert_neq(ran(0, &other), 0);
    cancel(result, LODE_CANCEL_RECURSIVE);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_STOP_TASK), 2);
    cancel(result, LODE_CANCEL_RECURSIVE | LODE_CANCEL_FORCE);
    timer(GRACE_NS);
    cr_assert_eq(count(CORE_KILL, 0), 2);
}

/* The child that was submitted last comes behind all that the first one has submitted. */
Test(core_cancel, goes_on_beside_a_child_that_has_children_itself)
{
    uint32_t worker, other;
    lode_id result = submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    submit(FIRST_WORKER + worker, (struct call){.parent = task});
    uint64_t child = ran(0, &other);
    cr_assert_neq(child, 0);
    submit(FIRST_WORKER + worker, (struct call){.parent = task});
    submit(FIRST_WORKER + other, (struct call){.parent = child});
    cancel(result, LODE_CANCEL_RECURSIVE);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_STOP_TASK), 2);
    cr_assert_eq(count(CORE_PUT_ERROR, 0), 2, "neither of those that wait for a CPU runs");
}
