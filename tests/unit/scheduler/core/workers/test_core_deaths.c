/*
 * Deaths of workers in the scheduler's core: settlement with the store, retries, what callers are
 * told.
 */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_deaths, .init = two_cpus, .fini = stop);

Test(core_deaths, a_recalled_task_whose_worker_dies_instead_of_answering_goes_back_uncharged)
{
    learn(2000000, 3);
    uint32_t worker[4];
    uint64_t task[4];
    for (int i = 0; i < 4; i++) {
        submit(PROGRAM, (struct call){.retries = 0});
        task[i] = ran(0, &worker[i]);
    }
    for (int i = 0; i < 4; i++) {
        if (worker[i] != worker[0]) {
            done(worker[i], task[i], LODE_DONE_OK, 2000000);
        }
    }
    die(worker[0], task[0], SIGKILL);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    cr_assert_eq(error_put(NULL)->code, LODE_ECRASHED, "the one that ran had no retries");
    cr_assert_neq(ran(0, NULL), 0, "the other one runs");
    cr_assert_eq(((const struct lode_task_run *)sent(LODE_TASK_RUN, NULL))->attempt, 1);
}

Test(core_deaths, a_crash_is_retried_and_then_told_with_all_that_is_known)
{
    submit(PROGRAM, (struct call){.retries = 1});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    die(worker, task, SIGSEGV);
    cr_assert_not_null(find(CORE_SPAWN, 0, 0), "replaced");
    cr_assert_eq(ran(0, NULL), 0, "not before the store was asked");
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    cr_assert_eq(ran(0, &worker), task);
    cr_assert_eq(((const struct lode_task_run *)sent(LODE_TASK_RUN, NULL))->attempt, 2);
    cr_assert_eq(stats().retried, 1);
    die(worker, task, SIGSEGV);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    const char *text;
    const struct lode_error_object *error = error_put(&text);
    cr_assert_eq(error->code, LODE_ECRASHED);
    cr_assert_eq(error->signal, SIGSEGV);
    cr_assert_eq(error->pid, 5000 + worker);
    cr_assert_eq(error->attempt, 2);
    cr_assert_eq(error->may_have_run, 1);
    cr_assert_str_eq((const char *)(error + 1), "lib.f");
    cr_assert_not_null(strstr(text, "SIGSEGV"), "%s", text);
    cr_assert_eq(stats().cpus_used, 0);
}

Test(core_deaths, a_fault_is_told_with_its_address_and_a_signal_that_was_sent_without)
{
    static const int CODES[] = {SEGV_MAPERR, SI_USER, SI_TKILL, SI_KERNEL};
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
        submit(PROGRAM, (struct call){0});
        uint32_t worker = 0;
        uint64_t task = ran(0, &worker);
        die_at(worker, task, SIGSEGV, CODES[i]);
        uint32_t next = (uint32_t)find(CORE_SPAWN, 0, 0)->a.target;
        settle(CORE_SETTLE, LODE_FOUND_PENDING);
        const char *text;
        cr_assert_not_null(error_put(&text));
        bool told = strstr(text, "SIGSEGV) at address 0x1234560,") != NULL;
        cr_assert_eq(told, CODES[i] == SEGV_MAPERR, "%d: %s", CODES[i], text);
        worker_up(next);
    }
}

Test(core_deaths, a_result_that_the_store_has_is_no_crash)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    die(worker, task, SIGKILL);
    settle(CORE_SETTLE, LODE_FOUND_SEALED);
    cr_assert_null(error_put(NULL));
    cr_assert_eq(stats().finished, 1);
    cr_assert_eq(stats().failed, 0);
}

Test(core_deaths, words_of_a_reaped_worker_count_no_more)
{
    submit(PROGRAM, (struct call){.retries = 3});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    die(worker, task, SIGKILL);
    struct core_event settled = {.type = CORE_SETTLED};
    settled.u.settled.cookie = find(CORE_SETTLE, 0, 0)->a.cookie;
    done(worker, task, LODE_DONE_OK, 1000);
    cr_assert_eq(stats().finished, 0);
    cr_assert_null(find(CORE_CUT, 0, 0));
    step(settled); /* the store knows nothing */
    cr_assert_eq(ran(0, NULL), task);
}

Test(core_deaths, a_worker_whose_socket_ends_is_killed_and_settled_when_it_is_reaped)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    ran(0, &worker);
    session_end(FIRST_WORKER + worker);
    const struct seen *killed = find(CORE_KILL, 0, 0);
    cr_assert_not_null(killed);
    cr_assert_eq(killed->a.target, worker);
    cr_assert_eq(killed->a.value, SIGKILL);
    cr_assert_null(find(CORE_SETTLE, 0, 0), "it may still write");
}

Test(core_deaths, only_what_had_begun_and_has_no_result_is_charged)
{
    enum { MISSING, RUNNING, UNTOUCHED, TASKS };
    uint64_t task[TASKS];
    uint32_t worker[TASKS] = {0};
    learn(1000, 100);
    submit(OTHER, (struct call){0}); /* takes the other worker */
    uint32_t other;
    ran(0, &other);
    for (int i = 0; i < TASKS; i++) {
        do {
            submit(PROGRAM, (struct call){.retries = 3});
            task[i] = ran(0, &worker[i]);
        } while (worker[i] == other);
    }
    die(worker[0], task[RUNNING], SIGKILL); /* what it said of MISSING is lost */
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    worker_up(worker[0] + 2); /* the other one serves another program */
    for (int i = 0, seen_tasks = 0; seen_tasks < TASKS; i++) {
        const struct seen *s = find(CORE_SEND, LODE_TASK_RUN, i);
        cr_assert_not_null(s);
        const struct lode_task_run *run = (const void *)s->bytes;
        for (int t = 0; t < TASKS; t++) {
            if (run->task == task[t]) {
                cr_assert_eq(run->attempt, t == RUNNING ? 2 : 1, "task %d", t);
                seen_tasks++;
            }
        }
    }
}

Test(core_deaths, a_handed_back_task_whose_answer_is_lost_is_not_done)
{
    submit(PROGRAM, (struct call){.retries = 3});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    struct lode_worker_page page = {
        .magic = LODE_WORKER_PAGE_MAGIC, .started = task, .finished = task};
    struct core_event event = {.type = CORE_EXITED};
    event.u.exited.worker = worker;
    event.u.exited.status = SIGKILL;
    event.u.exited.page = &page;
    step(event);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    cr_assert_eq(ran(0, NULL), task);
    cr_assert_eq(((const struct lode_task_run *)sent(LODE_TASK_RUN, NULL))->attempt, 1);
}

/* The program of a task ends while somebody wants its result. Then its worker dies, and by now the
 * store has forgotten the result. `finished`: what the page says. */
static uint64_t
die_when_the_store_has_forgotten(bool finished)
{
    submit(PROGRAM, (struct call){.retries = 3});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_PENDING);
    struct lode_worker_page page = {.magic = LODE_WORKER_PAGE_MAGIC,
                                    .started = task,
                                    .finished = finished ? task : 0,
                                    .begun = {task}};
    struct core_event event = {.type = CORE_EXITED};
    event.u.exited.worker = worker;
    event.u.exited.status = SIGKILL;
    event.u.exited.page = &page;
    step(event);
    settle(CORE_SETTLE, LODE_FOUND_GONE);
    return task;
}

Test(core_deaths, where_the_store_has_forgotten_a_task_that_finished_is_done)
{
    (void)die_when_the_store_has_forgotten(true);
    cr_assert_eq(ran(0, NULL), 0);
    cr_assert_eq(stats().finished, 1);
}

Test(core_deaths, where_the_store_has_forgotten_a_task_that_ran_is_tried_again)
{
    uint64_t task = die_when_the_store_has_forgotten(false);
    cr_assert_eq(ran(0, NULL), task);
    cr_assert_eq(((const struct lode_task_run *)sent(LODE_TASK_RUN, NULL))->attempt, 2);
}

Test(core_deaths, what_a_worker_said_was_done_and_the_store_never_got_ends_in_an_error)
{
    lode_id lost = submit(PROGRAM, (struct call){.retries = 3});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    done(worker, task, LODE_DONE_OK, 1000);
    cr_assert_eq(stats().finished, 1);
    die(worker, 0, 0);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    const char *text;
    const struct lode_error_object *error = error_put(&text);
    cr_assert_not_null(error);
    cr_assert_eq(error->code, LODE_ECRASHED);
    cr_assert_eq(error->may_have_run, 1);
    const struct core_put_error *put = (const void *)find(CORE_PUT_ERROR, 0, 0)->bytes;
    cr_assert(lode_id_same(put->results, lost));
    error_done();
    cr_assert_eq(stats().finished, 1);
}

/* Of an ended session's results some may be awaited by others, while nobody asks for the first. */
Test(core_deaths, one_awaited_result_of_several_is_enough_for_an_error)
{
    submit(PROGRAM, (struct call){.function = 2}); /* it has two results */
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    done(worker, task, LODE_DONE_OK, 1000);
    die(worker, 0, SIGKILL);
    const struct seen *asked = find(CORE_SETTLE, 0, 0);
    cr_assert_not_null(asked);
    cr_assert_eq(asked->a.size, 2 * sizeof(lode_id));
    static const uint8_t STATUS[] = {LODE_FOUND_GONE, LODE_FOUND_PENDING};
    struct core_event settled = {.type = CORE_SETTLED};
    settled.u.settled.cookie = asked->a.cookie;
    settled.u.settled.status = STATUS;
    settled.u.settled.count = 2;
    step(settled);
    cr_assert_not_null(find(CORE_PUT_ERROR, 0, 0));
    error_done();
}

Test(core_deaths, a_death_after_results_that_arrived_costs_nothing)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    done(worker, task, LODE_DONE_OK, 1000);
    die(worker, 0, SIGKILL);
    settle(CORE_SETTLE, LODE_FOUND_SEALED);
    cr_assert_null(find(CORE_PUT_ERROR, 0, 0));
}

Test(core_deaths, a_late_done_of_another_worker_ends_no_later_attempt)
{
    submit(PROGRAM, (struct call){.retries = 3});
    uint32_t first = 0, second = 0;
    uint64_t task = ran(0, &first);
    die(first, task, SIGKILL);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    cr_assert_eq(ran(0, &second), task, "the same number");
    cr_assert_neq(second, first);
    done(first, task, LODE_DONE_OK, 1000);
    cr_assert_eq(stats().finished, 0);
    cr_assert_eq(stats().tasks_running, 1);
    done(second, task, LODE_DONE_OK, 1000);
    cr_assert_eq(stats().finished, 1);
}
