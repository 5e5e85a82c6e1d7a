/* Workers in the scheduler's core: CPUs, depth, recall, blocking, starting. */
#include "tests/unit/scheduler/core/driver.h"

enum { LARGE = 1 << 20 };

TestSuite(core_workers, .init = two_cpus, .fini = stop);
TestSuite(core_one_cpu, .init = one_cpu, .fini = stop);

Test(core_workers, unmeasured_tasks_are_given_one_at_a_time)
{
    uint32_t first, second;
    submit(PROGRAM, (struct call){0});
    ran(0, &first);
    submit(PROGRAM, (struct call){0});
    ran(0, &second);
    cr_assert_neq(first, second);
    submit(PROGRAM, (struct call){0});
    cr_assert_eq(ran(0, NULL), 0);
    cr_assert_eq(stats().cpus_used, 2 * ONE_CPU);
}

Test(core_workers, short_tasks_are_queued_by_time_and_long_ones_are_not)
{
    learn(3000, 1100);
    int queued = 0;
    for (int i = 0; i < 2000; i++) {
        submit(PROGRAM, (struct call){0});
        queued += ran(0, NULL) != 0;
    }
    cr_assert_geq(queued, 2 * 95, "about 300 us of 3 us each, at two workers: %d", queued);
    cr_assert_leq(queued, 2 * 105);
}

/* One call with a mebibyte of arguments: as large as a call may be. */
static void
submit_large(void)
{
    static uint8_t bytes[sizeof(struct lode_task_submit) + sizeof(struct lode_task_arg) + LARGE];
    uint64_t number = ++submissions[PROGRAM];
    struct lode_task_submit head = {.submission = number,
                                    .results = result_id(PROGRAM, 10 * number),
                                    .function = 1,
                                    .result_count = 1,
                                    .cpus = ONE_CPU,
                                    .arg_count = 1};
    struct lode_task_arg arg = {.kind = LODE_ARG_BYTES, .size = LARGE};
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, &arg, sizeof arg);
    record(PROGRAM, LODE_TASK_SUBMIT, bytes, sizeof bytes);
}

/* A worker may be stopped: all that it is sent waits in its link, which breaks at 256 MiB. */
Test(core_workers, what_waits_for_a_worker_is_bounded_in_bytes)
{
    learn(100, 1100);
    int queued[3] = {0};
    for (int i = 0; i < 200; i++) {
        uint32_t worker = 0;
        submit_large();
        cr_assert_null(find(CORE_CUT, 0, 0));
        if (ran(0, &worker) != 0) {
            queued[worker]++;
        }
    }
    for (int worker = 1; worker <= 2; worker++) {
        cr_assert_geq(queued[worker], 15);
        cr_assert_leq(queued[worker], 17, "16 MiB and one task more: %d", queued[worker]);
    }
}

Test(core_workers, the_depth_has_an_end_and_a_slow_start)
{
    learn(100, 10);
    int queued = 0;
    for (int i = 0; i < 3000; i++) {
        submit(PROGRAM, (struct call){0});
        queued += ran(0, NULL) != 0;
    }
    cr_assert_eq(queued, 2 * 11, "ten were measured: %d", queued);
}

Test(core_workers, an_idle_worker_gets_what_is_queued_at_another_after_the_answer)
{
    learn(2000000, 3);
    uint32_t worker[4];
    uint64_t task[4];
    for (int i = 0; i < 4; i++) {
        submit(PROGRAM, (struct call){0});
        task[i] = ran(0, &worker[i]);
        cr_assert_neq(task[i], 0, "one runs, one is queued behind it: %d", i);
    }
    for (int i = 0; i < 4; i++) {
        if (worker[i] != worker[0]) {
            done(worker[i], task[i], LODE_DONE_OK, 2000000);
        }
    }
    uint64_t session;
    const struct lode_task_recall *recall = sent(LODE_TASK_RECALL, &session);
    cr_assert_eq(session, FIRST_WORKER + worker[0]);
    cr_assert_eq(recall->count, 1);
    uint64_t back = *(const uint64_t *)(recall + 1);
    cr_assert_eq(ran(0, NULL), 0, "not sent elsewhere before the answer");
    recalled(worker[0], &back, 1);
    uint32_t now;
    cr_assert_eq(ran(0, &now), back);
    cr_assert_neq(now, worker[0]);
    const struct lode_task_run *run = sent(LODE_TASK_RUN, NULL);
    cr_assert_eq(run->attempt, 1);
}

Test(core_workers, a_short_queue_behind_a_long_task_is_recalled_a_little_later)
{
    learn(20000, 3);
    uint32_t worker[4];
    uint64_t task[4];
    for (int i = 0; i < 4; i++) {
        submit(PROGRAM, (struct call){0});
        task[i] = ran(0, &worker[i]);
    }
    for (int i = 0; i < 4; i++) {
        if (worker[i] != worker[0]) {
            done(worker[i], task[i], LODE_DONE_OK, 20000);
        }
    }
    cr_assert_null(find(CORE_SEND, LODE_TASK_RECALL, 0));
    timer(1100000);
    cr_assert_not_null(find(CORE_SEND, LODE_TASK_RECALL, 0));
    for (int i = 0; i < 5; i++) { /* one question at a time, until it is answered */
        timer(1100000);
        cr_assert_null(find(CORE_SEND, LODE_TASK_RECALL, 0));
    }
}

Test(core_workers, tasks_that_no_worker_lives_to_begin_end_in_an_error)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0, next = 2;
    ran(0, &worker);
    for (int i = 0; i < 20 && error_put(NULL) == NULL; i++) {
        die(worker, 0, SIGSEGV);
        const struct seen *settling = find(CORE_SETTLE, 0, 0);
        cr_assert_not_null(settling);
        settle(CORE_SETTLE, LODE_FOUND_PENDING);
        if (ran(0, &worker) == 0 && error_put(NULL) == NULL) {
            worker_up(++next);
            cr_assert_neq(ran(0, &worker), 0);
        }
    }
    cr_assert_not_null(error_put(NULL));
    cr_assert_eq(error_put(NULL)->code, LODE_ECRASHED);
    cr_assert_eq(error_put(NULL)->may_have_run, 0);
}

Test(core_one_cpu, a_parent_that_waits_for_its_child_on_one_cpu_gets_it)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0, child_worker = 0;
    uint64_t parent = ran(0, &worker);
    submit(FIRST_WORKER + worker, (struct call){.parent = parent});
    cr_assert_eq(ran(0, NULL), 0, "the CPU is taken");
    blocked(worker, parent, true);
    cr_assert_eq(stats().cpus_used, 0);
    const struct seen *spawn = find(CORE_SPAWN, 0, 0);
    cr_assert_not_null(spawn, "one more worker for the CPU that is free");
    worker_up((uint32_t)spawn->a.target);
    uint64_t child = ran(0, &child_worker);
    cr_assert_neq(child, 0);
    cr_assert_neq(child_worker, worker);
    done(child_worker, child, LODE_DONE_OK, 1000);
    blocked(worker, parent, false);
    cr_assert_eq(stats().cpus_used, ONE_CPU);
    done(worker, parent, LODE_DONE_OK, 1000);
    cr_assert_eq(stats().cpus_used, 0);
    cr_assert_eq(stats().finished, 2);
    timer(3000000000);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_QUIT), 1, "the spare worker goes");
    uint32_t spare = (uint32_t)(find(CORE_SEND, LODE_TASK_QUIT, 0)->a.target - FIRST_WORKER);
    session_end(FIRST_WORKER + spare);
    cr_assert_eq(count(CORE_KILL, 0), 0, "it ends by itself");
    die(spare, 0, 0);
    cr_assert_eq(count(CORE_LOG, 0), 0, "in good order, which is no death");
    cr_assert_eq(stats().workers_died, 0);
}

Test(core_one_cpu, what_is_queued_behind_a_blocked_task_is_recalled_and_bounces_are_taken)
{
    learn(1000, 5);
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t first = ran(0, &worker);
    submit(PROGRAM, (struct call){0});
    uint64_t second = ran(0, NULL);
    cr_assert_neq(second, 0);
    blocked(worker, first, true);
    const struct lode_task_recall *recall = sent(LODE_TASK_RECALL, NULL);
    cr_assert_eq(recall->count, 0, "all that it has not begun");
    uint32_t spare = (uint32_t)(find(CORE_SPAWN, 0, 0) ? find(CORE_SPAWN, 0, 0)->a.target : 0);
    recalled(worker, &second, 1);
    if (spare == 0) {
        spare = (uint32_t)find(CORE_SPAWN, 0, 0)->a.target;
    }
    worker_up(spare);
    cr_assert_eq(ran(0, &worker), second);
    cr_assert_eq(worker, spare);
}

Test(core_one_cpu, an_unblocked_task_goes_on_at_once_and_nothing_new_starts_until_one_ends)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0, other = 0;
    uint64_t first = ran(0, &worker);
    blocked(worker, first, true);
    uint32_t spare = (uint32_t)find(CORE_SPAWN, 0, 0)->a.target;
    submit(PROGRAM, (struct call){0});
    worker_up(spare);
    uint64_t second = ran(0, &other);
    blocked(worker, first, false);
    cr_assert_eq(stats().cpus_used, 2 * ONE_CPU);
    submit(PROGRAM, (struct call){0});
    cr_assert_eq(ran(0, NULL), 0);
    done(other, second, LODE_DONE_OK, 20000000);
    cr_assert_neq(ran(0, &other), 0);
    cr_assert_eq(other, worker, "the CPU is the first one's: it is queued behind it");
    cr_assert_eq(stats().cpus_used, ONE_CPU);
}

Test(core_one_cpu, fractions_of_a_cpu_run_side_by_side_in_more_workers)
{
    submit(PROGRAM, (struct call){.cpus = ONE_CPU / 2});
    cr_assert_neq(ran(0, NULL), 0);
    submit(PROGRAM, (struct call){.cpus = ONE_CPU / 2});
    const struct seen *spawn = find(CORE_SPAWN, 0, 0);
    cr_assert_not_null(spawn);
    worker_up((uint32_t)spawn->a.target);
    cr_assert_neq(ran(0, NULL), 0);
    cr_assert_eq(stats().cpus_used, ONE_CPU);
}

Test(core_workers, a_wide_task_is_not_starved_by_narrow_ones_of_another_session)
{
    uint32_t worker[200];
    uint64_t task[200];
    int begun = 0, ended = 0;
    bool ran_wide = false;
    for (int i = 0; i < 60 && !ran_wide; i++) {
        clock_ns += 10000000;
        submit(i == 10 ? PROGRAM : OTHER, (struct call){.cpus = i == 10 ? 2 * ONE_CPU : ONE_CPU});
        for (int look = 0; look < 2; look++) {
            for (int n = 0; (task[begun] = ran(n, &worker[begun])) != 0; n++, begun++) {
                const struct seen *s = find(CORE_SEND, LODE_TASK_RUN, n);
                ran_wide =
                    ran_wide || ((const struct lode_task_run *)s->bytes)->cpus == 2 * ONE_CPU;
            }
            if (look == 0 && i > 2 && ended < begun) {
                done(worker[ended], task[ended], LODE_DONE_OK, 20000000);
                ended++;
            } else {
                break;
            }
        }
    }
    cr_assert(ran_wide);
}

Test(core_workers, a_worker_program_that_dies_at_its_start_backs_off_and_ends_in_errors)
{
    for (uint32_t i = 1; i <= 2; i++) {
        die(i, 0, SIGKILL);
    }
    submit(PROGRAM, (struct call){0});
    int starts = 0;
    for (uint32_t worker = 3; worker < 40 && error_put(NULL) == NULL; worker++) {
        die(worker, 0, 1 << 8);
        starts++;
        if (error_put(NULL) == NULL && find(CORE_SPAWN, 0, 0) == NULL && worker > 3) {
            timer(6000000000);
        }
    }
    cr_assert_not_null(error_put(NULL));
    cr_assert_eq(error_put(NULL)->code, LODE_ECRASHED);
    cr_assert_leq(starts, 12);
    error_done();
    timer(1000000);
    cr_assert_leq(count(CORE_SPAWN, 0), 2, "no spinning");
}

Test(core_workers, every_worker_blocked_and_no_more_allowed_ends_in_a_typed_error)
{
    stop();
    struct core_options options = {.cpus = ONE_CPU, .worker_max = 1};
    core = core_create(&options, clock_ns);
    memset(submissions, 0, sizeof submissions);
    fetch();
    open_session(PROGRAM, 0);
    worker_up(1);
    load("lib", "/state/lib/1.so");
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t parent = ran(0, &worker);
    submit(FIRST_WORKER + worker, (struct call){.parent = parent});
    blocked(worker, parent, true);
    cr_assert_null(error_put(NULL));
    timer(1100000000);
    cr_assert_eq(error_put(NULL)->code, LODE_ELIMIT);
}

Test(core_workers, output_goes_to_the_submitter_with_the_name_of_the_task)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    done(worker, task, LODE_DONE_OK, 1000);
    struct core_event event = {.type = CORE_OUTPUT};
    event.u.output.worker = worker;
    event.u.output.task = task;
    event.u.output.program = PROGRAM;
    event.u.output.bytes = "hello\n";
    event.u.output.size = 6;
    step(event);
    uint64_t session;
    const struct lode_task_output *output = sent(LODE_TASK_OUTPUT, &session);
    cr_assert_eq(session, PROGRAM);
    cr_assert_eq(output->pid, 5000 + worker);
    cr_assert_eq(memcmp(output + 1, "lib.fhello\n", 11), 0, "also after the task has ended");
}

/* Its CPUs would allow any number of them: but each is a process. A blocked one makes room. */
Test(core_workers, tasks_that_need_no_cpu_get_four_workers_for_each_and_64_more)
{
    enum { MOST = 4 * 2 + 64 };
    int spawned = 2;
    uint64_t first = 0;
    for (int i = 0; i < 4 * MOST; i++) {
        submit(PROGRAM, (struct call){.cpus_zero = 1});
        first = first != 0 ? first : ran(0, NULL);
        spawned += count(CORE_SPAWN, 0);
    }
    cr_assert_eq(spawned, MOST);
    for (uint32_t worker = 3; worker <= MOST; worker++) {
        worker_up(worker);
        cr_assert_neq(ran(0, NULL), 0);
        cr_assert_eq(count(CORE_SPAWN, 0), 0);
    }
    blocked(2, first, true);
    cr_assert_eq(count(CORE_SPAWN, 0), 1);
}
