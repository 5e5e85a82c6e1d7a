/* Tasks that a program leaves behind: those whose parent had ended, and those nobody wants now. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_orphans, .fini = stop);

#define LATER INT64_C(1000000000)

/* A task whose parent has ended runs; its program has ended, too. */
static uint64_t
leave_orphan(uint32_t *worker_out)
{
    uint32_t parents;
    start(2);
    uint64_t parent = run_now(PROGRAM, (struct call){0}, &parents);
    uint64_t child = run_now(FIRST_WORKER + parents, (struct call){.parent = parent}, worker_out);
    done(parents, parent, LODE_DONE_OK, 1000);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    return child;
}

static bool
is_told_to_stop(uint64_t task)
{
    const struct seen *s = find(CORE_SEND, LODE_TASK_STOP_TASK, 0);
    return s != NULL && ((const struct lode_task_cancel *)s->bytes)->task == task;
}

Test(core_orphans, a_grandchild_whose_parent_has_ended_ends_with_its_program)
{
    uint32_t worker;
    uint64_t child = leave_orphan(&worker);
    timer(LATER);
    cr_assert_eq(find(CORE_RESULTS, 0, 0)->a.target, 0, "its session lives on");
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert(is_told_to_stop(child));
    timer(2 * LATER);
    cr_assert_eq(find(CORE_KILL, 0, 0)->a.value, SIGTERM);
}

Test(core_orphans, one_that_somebody_wants_goes_on_until_nobody_does)
{
    uint32_t worker;
    uint64_t child = leave_orphan(&worker);
    for (int i = 0; i < 3; i++) {
        timer(LATER);
        settle(CORE_RESULTS, LODE_FOUND_PENDING);
        cr_assert(!is_told_to_stop(child));
    }
    timer(LATER);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert(is_told_to_stop(child));
}

Test(core_orphans, a_task_of_the_program_itself_ends_when_nobody_wants_it_any_more)
{
    uint32_t worker;
    start(2);
    uint64_t task = run_now(PROGRAM, (struct call){0}, &worker);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_PENDING);
    timer(LATER);
    settle(CORE_RESULTS, LODE_FOUND_PENDING);
    cr_assert(!is_told_to_stop(task));
    timer(LATER);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert(is_told_to_stop(task));
}

/* What it makes is an argument of one that somebody wants. */
Test(core_orphans, one_for_which_another_waits_goes_on)
{
    uint32_t parents, worker;
    start(2);
    uint64_t parent = run_now(PROGRAM, (struct call){0}, &parents);
    lode_id made = submit(FIRST_WORKER + parents, (struct call){.parent = parent});
    uint64_t child = ran(0, &worker);
    submit(FIRST_WORKER + parents, (struct call){.parent = parent, .args = 1, .arg = {made}});
    done(parents, parent, LODE_DONE_OK, 1000);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    timer(LATER);
    cr_assert_eq(find(CORE_RESULTS, 0, 0)->a.size, 2 * sizeof made);
    settle_each(CORE_RESULTS, (const uint8_t[]){LODE_FOUND_GONE, LODE_FOUND_PENDING});
    cr_assert(!is_told_to_stop(child));
    timer(LATER);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert(is_told_to_stop(child), "both are unwanted now, and the waiting one goes first");
    cr_assert_eq(stats().tasks_waiting, 0);
}

Test(core_orphans, a_task_of_a_program_that_lives_is_left_alone)
{
    uint32_t parents;
    start(2);
    uint64_t parent = run_now(PROGRAM, (struct call){0}, &parents);
    run_now(FIRST_WORKER + parents, (struct call){.parent = parent}, NULL);
    done(parents, parent, LODE_DONE_OK, 1000);
    session_end(OTHER);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    for (int i = 0; i < 5; i++) {
        timer(LATER);
        cr_assert_eq(count(CORE_RESULTS, 0), 0);
    }
}

Test(core_orphans, a_task_whose_parent_has_ended_outlives_the_worker_that_submitted_it)
{
    uint32_t parents, worker;
    start(2);
    uint64_t parent = run_now(PROGRAM, (struct call){0}, &parents);
    uint64_t child = run_now(FIRST_WORKER + parents, (struct call){.parent = parent}, &worker);
    done(parents, parent, LODE_DONE_OK, 1000);
    session_end(FIRST_WORKER + parents);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    die(parents, 0, SIGKILL);
    cr_assert(!is_told_to_stop(child));
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    timer(LATER);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert(is_told_to_stop(child), "but not its program");
}

Test(core_orphans, a_task_whose_parent_dies_with_the_worker_is_abandoned)
{
    uint32_t parents;
    start(2);
    uint64_t parent = run_now(PROGRAM, (struct call){.retries = 1}, &parents);
    uint64_t child = run_now(FIRST_WORKER + parents, (struct call){.parent = parent}, NULL);
    session_end(FIRST_WORKER + parents);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert(is_told_to_stop(child), "its parent is tried again, and submits another one");
}

Test(core_orphans, a_store_that_has_not_answered_is_not_asked_again)
{
    (void)leave_orphan(&(uint32_t){0});
    timer(LATER);
    cr_assert_eq(count(CORE_RESULTS, 0), 1);
    timer(LATER);
    cr_assert_eq(count(CORE_RESULTS, 0), 0);
}

/* It was asked to end, not forced: the flag alone ends no function that does not look at it. */
Test(core_orphans, one_that_was_cancelled_and_runs_on_is_ended_by_force)
{
    uint32_t parents, worker;
    start(2);
    uint64_t parent = run_now(PROGRAM, (struct call){0}, &parents);
    lode_id made = submit(FIRST_WORKER + parents, (struct call){.parent = parent});
    uint64_t child = ran(0, &worker);
    done(parents, parent, LODE_DONE_OK, 1000);
    struct lode_task_cancel cancel = {.result = made};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    cr_assert(is_told_to_stop(child));
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    timer(LATER);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    timer(2 * LATER);
    cr_assert_not_null(find(CORE_KILL, 0, 0));
    cr_assert_eq(find(CORE_KILL, 0, 0)->a.value, SIGTERM);
}

/* Somebody has come to wait for it meanwhile, so its next attempt is not to end; later it is. */
Test(core_orphans, one_that_is_needed_again_is_let_alone_until_it_is_not)
{
    uint32_t worker;
    start(2);
    lode_id made = submit(PROGRAM, (struct call){.retries = 1});
    uint64_t task = ran(0, &worker);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert(is_told_to_stop(task));
    lode_id waits = submit(OTHER, (struct call){.args = 1, .arg = {made}});
    die(worker, task, SIGTERM);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    cr_assert_eq(ran(0, NULL), task);
    for (int i = 0; i < 5; i++) {
        timer(LATER);
        cr_assert_null(find(CORE_KILL, 0, 0));
        settle(CORE_RESULTS, LODE_FOUND_PENDING);
    }
    struct lode_task_cancel cancel = {.result = waits};
    record(OTHER, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    error_done();
    timer(LATER);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert(is_told_to_stop(task));
    timer(2 * LATER);
    cr_assert_not_null(find(CORE_KILL, 0, 0));
    cr_assert_eq(find(CORE_KILL, 0, 0)->a.value, SIGTERM);
}

/* All questions that the last event has asked are answered alike. Gives for how many ids. */
static uint32_t
answer_all(uint8_t status)
{
    uint64_t cookie[16];
    uint32_t ids[16], all = 0;
    uint8_t answers[CORE_STORE_IDS];
    int questions = count(CORE_RESULTS, 0);
    memset(answers, status, sizeof answers);
    cr_assert_leq(questions, 16);
    for (int i = 0; i < questions; i++) {
        cookie[i] = find(CORE_RESULTS, 0, i)->a.cookie;
        ids[i] = find(CORE_RESULTS, 0, i)->a.size / sizeof(lode_id);
        cr_assert_leq(ids[i], CORE_STORE_IDS);
        all += ids[i];
    }
    for (int i = 0; i < questions; i++) {
        struct core_event event = {.type = CORE_SETTLED};
        event.u.settled.cookie = cookie[i];
        event.u.settled.status = answers;
        event.u.settled.count = ids[i];
        step(event);
    }
    return all;
}

Test(core_orphans, more_than_one_question_has_room_for_are_asked_about)
{
    enum { TASKS = CORE_STORE_IDS / 2 + 10 };
    start(1);
    for (int i = 0; i < TASKS; i++) {
        submit(PROGRAM,
               (struct call){.function = 2, .args = 1, .arg = {lode_id_make(LODE_ID_PUT, 77, 1)}});
    }
    session_end(PROGRAM);
    cr_assert_eq(answer_all(LODE_FOUND_PENDING), 2 * TASKS);
    timer(LATER);
    cr_assert_eq(count(CORE_RESULTS, 0), 2);
    cr_assert_eq(answer_all(LODE_FOUND_PENDING), 2 * TASKS);
    cr_assert_eq(stats().tasks_waiting, TASKS);
    timer(LATER);
    cr_assert_eq(answer_all(LODE_FOUND_GONE), 2 * TASKS);
    cr_assert_eq(stats().tasks_waiting, 0);
}
