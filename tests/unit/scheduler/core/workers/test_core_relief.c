/* Programs all of whose workers wait, and workers that cannot be started. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_relief, .fini = stop);

enum { SECOND = 1100000000 };

/* A core whose programs may have two workers each; both of PROGRAM's run a task and are up. */
static void
start_two(void)
{
    start_with((struct core_options){.cpus = 2 * ONE_CPU, .worker_max = 2});
}

/* Two tasks of PROGRAM that wait, each for a child. */
static void
block_two(uint32_t worker[2], uint64_t task[2])
{
    for (int i = 0; i < 2; i++) {
        task[i] = run_now(PROGRAM, (struct call){0}, &worker[i]);
    }
    for (int i = 0; i < 2; i++) {
        submit(FIRST_WORKER + worker[i], (struct call){.parent = task[i]});
        blocked(worker[i], task[i], true);
    }
}

static lode_id
failed_result(void)
{
    const struct seen *s = find(CORE_PUT_ERROR, 0, 0);
    cr_assert_not_null(s);
    return ((const struct core_put_error *)s->bytes)->results;
}

Test(core_relief, a_program_whose_workers_all_wait_loses_one_nested_task_at_a_time)
{
    uint32_t worker[2];
    uint64_t task[2];
    const char *text;
    start_two();
    block_two(worker, task);
    worker_up(3); /* there are always two that could work, but not for this program */
    cr_assert_eq(ran(0, NULL), 0);
    timer(SECOND);
    cr_assert_eq(count(CORE_PUT_ERROR, 0), 1);
    cr_assert_eq(error_put(&text)->code, LODE_ELIMIT);
    cr_assert_not_null(strstr(text, "all 2 workers that the program may have wait"), "%s", text);
    error_done();
    timer(10000000);
    cr_assert_null(error_put(NULL), "its parent may end first");
    timer(SECOND);
    cr_assert_eq(count(CORE_PUT_ERROR, 0), 1);
}

/* A parent that polls is awake for a moment, again and again. */
static void
poll_for_two_seconds(const uint32_t worker[2], const uint64_t task[2])
{
    for (int i = 0; i < 4 && error_put(NULL) == NULL; i++) {
        blocked(worker[i % 2], task[i % 2], false);
        cr_assert_eq(ran(0, NULL), 0);
        blocked(worker[i % 2], task[i % 2], true);
        timer(SECOND / 2);
    }
}

Test(core_relief, parents_that_poll_are_stuck_as_those_that_sleep)
{
    uint32_t worker[2];
    uint64_t task[2];
    start_two();
    block_two(worker, task);
    poll_for_two_seconds(worker, task);
    cr_assert_not_null(error_put(NULL));
    cr_assert_eq(error_put(NULL)->code, LODE_ELIMIT);
}

Test(core_relief, a_program_of_which_one_task_computes_is_not_stuck)
{
    uint32_t worker[2];
    uint64_t task[2];
    start_two();
    block_two(worker, task);
    blocked(worker[1], task[1], false);
    for (int i = 0; i < 4; i++) {
        blocked(worker[0], task[0], false);
        blocked(worker[0], task[0], true);
        timer(SECOND);
        cr_assert_null(error_put(NULL), "%d", i);
    }
}

Test(core_relief, a_program_whose_tasks_end_now_and_then_is_not_stuck)
{
    uint32_t worker[2];
    uint64_t task[2];
    start_two();
    block_two(worker, task);
    for (int i = 0; i < 4; i++) {
        timer(SECOND / 4 * 3);
        cr_assert_null(error_put(NULL), "%d", i);
        blocked(worker[1], task[1], false);
        done(worker[1], task[1], LODE_DONE_OK, 1000);
        task[1] = ran(0, &worker[1]);
        cr_assert_neq(task[1], 0);
        submit(FIRST_WORKER + worker[1], (struct call){.parent = task[1]});
        blocked(worker[1], task[1], true);
    }
}

/* No worker comes or goes, and there are no CPUs for it: nothing else would have it looked at. */
Test(core_relief, a_program_whose_workers_all_wait_is_looked_at_when_a_task_of_it_becomes_ready)
{
    uint32_t worker[2];
    uint64_t task[2];
    start_two();
    for (int i = 0; i < 2; i++) {
        task[i] = run_now(PROGRAM, (struct call){0}, &worker[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        blocked(worker[i], task[i], true);
        worker_up(3 + i);
    }
    for (int i = 0; i < 2; i++) {
        (void)run_now(OTHER, (struct call){0}, NULL);
    }
    for (int i = 0; i < 4; i++) {
        timer(SECOND * INT64_C(10)); /* nothing is due any more */
    }
    cr_assert_null(find(CORE_ARM_TIMER, 0, 0));
    submit(PROGRAM, (struct call){0});
    cr_assert_not_null(find(CORE_ARM_TIMER, 0, 0));
}

Test(core_relief, a_program_with_all_of_its_workers_has_no_more_started)
{
    int spawned = 0;
    start_two();
    for (int i = 0; i < 5; i++) {
        submit(PROGRAM, (struct call){.cpus_zero = 1});
        spawned += count(CORE_SPAWN, 0);
    }
    cr_assert_eq(spawned, 0);
}

Test(core_relief, a_stranger_behind_a_program_that_has_all_of_its_workers_has_one_started)
{
    start_two();
    for (int i = 0; i < 2; i++) {
        (void)run_now(PROGRAM, (struct call){.cpus = ONE_CPU / 4 * 3}, NULL);
    }
    submit(PROGRAM, (struct call){0}); /* no CPU is free for it */
    submit(OTHER, (struct call){.cpus = ONE_CPU / 4});
    cr_assert_eq(count(CORE_SPAWN, 0), 1);
}

Test(core_relief, strangers_keep_their_workers_and_lose_nothing)
{
    uint32_t worker[2], other = 0;
    uint64_t task[2];
    start_two();
    block_two(worker, task);
    worker_up(3);
    (void)run_now(OTHER, (struct call){0}, &other);
    cr_assert_eq(other, 3);
    timer(SECOND);
    cr_assert_eq(lode_id_session(failed_result()), FIRST_WORKER + worker[0]);
    error_done();
    cr_assert_eq(stats().failed, 1);
}

Test(core_relief, if_only_its_own_tasks_are_ready_the_call_that_blocked_last_gives_up)
{
    uint32_t worker[2];
    uint64_t task[2], session;
    start_two();
    for (int i = 0; i < 2; i++) {
        task[i] = run_now(PROGRAM, (struct call){0}, &worker[i]);
    }
    for (int i = 0; i < 2; i++) {
        blocked(worker[i], task[i], true);
    }
    submit(PROGRAM, (struct call){0}); /* what they wait for */
    timer(SECOND);
    cr_assert_null(error_put(NULL), "the task itself may run later");
    const struct lode_task_give_up *message = sent(LODE_TASK_GIVE_UP, &session);
    cr_assert_eq(session, FIRST_WORKER + worker[1]);
    cr_assert_eq(message->call, calls);
    cr_assert_eq(message->workers, 2);
    timer(SECOND);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_GIVE_UP), 0, "the call looks once a second");
    timer(SECOND);
    (void)sent(LODE_TASK_GIVE_UP, &session);
    cr_assert_eq(session, FIRST_WORKER + worker[0], "each is told once");
    timer(SECOND);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_GIVE_UP), 0);
    blocked(worker[1], task[1], false);
    done(worker[1], task[1], LODE_DONE_FAILED, 1000);
    cr_assert_neq(ran(0, NULL), 0);
}

/* No wide task of a program that has all its workers holds CPUs free: none can be placed. */
Test(core_relief, a_wide_task_of_a_program_without_one_more_worker_keeps_no_cpus_from_strangers)
{
    uint32_t worker[2], other;
    uint64_t task[2];
    start_two();
    for (int i = 0; i < 2; i++) {
        task[i] = run_now(PROGRAM, (struct call){0}, &worker[i]);
    }
    blocked(worker[0], task[0], true);
    worker_up(3);
    submit(PROGRAM, (struct call){.cpus = 2 * ONE_CPU});
    timer(SECOND / 2); /* longer than what is wide waits before the others do */
    (void)run_now(OTHER, (struct call){0}, &other);
    cr_assert_eq(other, 3);
}

Test(core_relief, a_program_that_waits_for_others_with_nothing_ready_is_left_alone)
{
    uint32_t worker;
    start_with((struct core_options){.cpus = ONE_CPU, .worker_max = 1});
    uint64_t task = run_now(PROGRAM, (struct call){0}, &worker);
    blocked(worker, task, true);
    timer(SECOND);
    timer(SECOND);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_GIVE_UP), 0);
    cr_assert_null(error_put(NULL));
}

Test(core_relief, workers_that_somebody_kills_as_they_start_fail_no_task)
{
    start(2);
    for (uint32_t i = 1; i <= 2; i++) {
        die(i, 0, SIGKILL);
    }
    submit(PROGRAM, (struct call){0});
    for (uint32_t i = 3; i < 40; i++) {
        timer(INT64_C(6000000000));
        die(i, 0, i % 2 ? SIGKILL : SIGTERM);
        cr_assert_null(error_put(NULL), "after %u", i);
    }
    timer(INT64_C(6000000000));
    const struct seen *spawn = find(CORE_SPAWN, 0, 0);
    cr_assert_not_null(spawn, "it is tried for ever, with patience");
    worker_up((uint32_t)spawn->a.target);
    cr_assert_neq(ran(0, NULL), 0);
}

Test(core_relief, where_no_more_can_be_started_the_program_that_waits_is_relieved_and_no_other)
{
    uint32_t worker[2];
    uint64_t task[2];
    const char *text;
    start(2);
    block_two(worker, task);
    submit(OTHER, (struct call){0});
    for (uint32_t i = 3; i < 20; i++) { /* as without threads: they end by themselves */
        die(i, 0, 1 << 8);
        if (error_put(NULL) != NULL) {
            break;
        }
        timer(INT64_C(6000000000));
        if (error_put(NULL) != NULL) {
            break;
        }
    }
    cr_assert_eq(error_put(&text)->code, LODE_ELIMIT);
    cr_assert_not_null(strstr(text, "no more can be started"), "%s", text);
    cr_assert_eq(lode_id_session(failed_result()), FIRST_WORKER + worker[0]);
    blocked(worker[0], task[0], false);
    done(worker[0], task[0], LODE_DONE_FAILED, 1000);
    cr_assert_neq(ran(0, NULL), 0, "the worker that is free serves on");
}

/* Five workers that ended as they began: no more can be started. */
static void
let_starts_fail(uint32_t first)
{
    for (uint32_t i = first; i < first + 5; i++) {
        timer(INT64_C(6000000000));
        die(i, 0, 1 << 8);
    }
}

Test(core_relief, where_no_more_can_be_started_the_program_with_the_most_workers_pays)
{
    uint32_t worker[3];
    uint64_t task[3];
    start(3);
    for (int i = 0; i < 3; i++) {
        task[i] = run_now(i < 2 ? PROGRAM : OTHER, (struct call){0}, &worker[i]);
    }
    for (int i = 0; i < 3; i++) {
        submit(FIRST_WORKER + worker[i], (struct call){.parent = task[i]});
        blocked(worker[i], task[i], true);
    }
    let_starts_fail(4);
    for (int failed = 0; failed < 2;) {
        timer(SECOND);
        if (error_put(NULL) != NULL) {
            cr_assert_eq(count(CORE_PUT_ERROR, 0), 1);
            cr_assert_neq(lode_id_session(failed_result()), FIRST_WORKER + worker[2]);
            failed++;
            error_done();
        }
    }
    blocked(worker[0], task[0], false);
    done(worker[0], task[0], LODE_DONE_FAILED, 1000);
    cr_assert_neq(ran(0, NULL), 0, "the other program's goes on");
}

Test(core_relief, a_stranger_without_a_worker_gets_one_of_the_program_that_has_the_most)
{
    enum { STRANGER = 3 };
    uint32_t worker[3];
    uint64_t task[3], session;
    start(3);
    for (int i = 0; i < 3; i++) {
        task[i] = run_now(i == 0 ? OTHER : PROGRAM, (struct call){0}, &worker[i]);
        blocked(worker[i], task[i], true);
    }
    open_session(STRANGER, 0);
    submit(STRANGER, (struct call){0});
    let_starts_fail(4);
    for (int i = 0; i < 10 && find(CORE_SEND, LODE_TASK_GIVE_UP, 0) == NULL; i++) {
        timer(SECOND);
    }
    (void)sent(LODE_TASK_GIVE_UP, &session);
    cr_assert_eq(session, FIRST_WORKER + worker[2], "of PROGRAM the one that blocked last");
}

/* ---- one program at a time ------------------------------------------------------------------- */

static uint64_t queue[200];
static bool is_of_other[200];
static int queued;

/* Notes what the last event has sent. True: a task of OTHER is among it. */
static bool
note_runs(void)
{
    bool is_other = false;
    const struct seen *s;
    for (int i = 0; (s = find(CORE_SEND, LODE_TASK_RUN, i)) != NULL; i++) {
        const struct lode_task_run *run = (const void *)s->bytes;
        is_of_other[queued] = lode_id_session(run->results) == OTHER;
        is_other = is_other || is_of_other[queued];
        queue[queued++] = run->task;
    }
    return is_other;
}

Test(core_relief, a_queue_holds_tasks_of_one_program_and_the_other_one_gets_its_turn)
{
    enum { RUN_NS = 100000, MOST = 100 };
    start(1);
    learn(RUN_NS, 50);
    for (int i = 0; i < MOST; i++) {
        submit(PROGRAM, (struct call){0});
        cr_assert_not(note_runs());
    }
    cr_assert_geq(queued, 2);
    submit(OTHER, (struct call){0});
    cr_assert_not(note_runs(), "the worker serves the first program");
    int at = 0;
    do {
        cr_assert_lt(at, queued);
        done(1, queue[at++], LODE_DONE_OK, RUN_NS);
    } while (!note_runs());
    cr_assert_eq(at, queued - 1, "the queue was empty");
    cr_assert_lt(at, 40, "2 ms of tasks of 100 us: %d", at);
}

/* It waits for one more worker itself, and the other program may have none. */
Test(core_relief, the_queue_of_the_only_program_that_is_hungry_never_runs_dry)
{
    enum { RUN_NS = 100000, MOST = 100 };
    start_with((struct core_options){.cpus = ONE_CPU, .worker_max = 2});
    learn(RUN_NS, 50);
    for (uint32_t i = 0; i < 2; i++) {
        submit(OTHER, (struct call){.function = 3, .cpus_zero = 1});
        if (ran(0, NULL) == 0) {
            worker_up(1 + i);
        }
    }
    submit(OTHER, (struct call){.function = 3, .cpus_zero = 1});
    cr_assert_eq(ran(0, NULL), 0, "it has all of its workers");
    submit(PROGRAM, (struct call){0});
    worker_up(3);
    cr_assert(!note_runs() && queued == 1);
    uint32_t worker = 0;
    (void)ran(0, &worker);
    for (int i = 1; i < MOST; i++) {
        submit(PROGRAM, (struct call){0});
        cr_assert_not(note_runs());
    }
    for (int at = 1; at <= MOST - 2; at++) {
        done(worker, queue[at - 1], LODE_DONE_OK, RUN_NS);
        (void)note_runs();
        cr_assert_geq(queued - at, 2, "%d of %d after %d", queued, MOST, at);
    }
}

/* How many tasks of one program in a row were sent, from that place on. */
static int
turn_at(int place)
{
    int at = place;
    while (at < queued && is_of_other[at] == is_of_other[place]) {
        at++;
    }
    return at - place;
}

Test(core_relief, each_program_has_its_whole_turn_at_a_worker)
{
    enum { RUN_NS = 100000, EACH = 60, TURN = 20, TURN_MOST = 25 };
    start(1);
    learn(RUN_NS, 50);
    for (int i = 0; i < 2 * EACH; i++) {
        submit(i % 2 ? OTHER : PROGRAM, (struct call){0});
        (void)note_runs();
    }
    for (int at = 0; at < EACH + TURN; at++) {
        done(1, queue[at], LODE_DONE_OK, RUN_NS);
        (void)note_runs();
    }
    for (int turn = 0, at = 0; turn < 3; turn++, at += turn_at(at)) {
        cr_assert(turn_at(at) >= TURN && turn_at(at) <= TURN_MOST, "%d", turn_at(at));
        cr_assert_eq(is_of_other[at], turn % 2 == 1);
    }
}

Test(core_relief, what_is_queued_ahead_comes_back_when_its_function_is_seen_to_submit_tasks)
{
    start(1);
    learn(10000, 50);
    uint64_t task = 0;
    for (int i = 0; i < 3; i++) {
        submit(PROGRAM, (struct call){0});
        task = task != 0 ? task : ran(0, NULL);
        cr_assert_neq(ran(0, NULL), 0);
    }
    submit(FIRST_WORKER + 1, (struct call){.parent = task});
    const struct lode_task_recall *recall = sent(LODE_TASK_RECALL, NULL);
    cr_assert_eq(recall->count, 0, "all that it has not started");
    submit(FIRST_WORKER + 1, (struct call){.parent = task});
    cr_assert_eq(count(CORE_SEND, LODE_TASK_RECALL), 0, "once");
    cr_assert_eq(ran(0, NULL), 0, "nothing more is queued ahead of it");
}
