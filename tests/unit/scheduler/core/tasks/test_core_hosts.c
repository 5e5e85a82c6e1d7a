/* Sessions that are opened in a worker, or in a process that a task has started. */
#include "tests/unit/scheduler/core/driver.h"

#include <time.h>

TestSuite(core_hosts, .fini = stop);

enum { INNER = 50, OUTER_PID = 7000, WORKER = 1, SESSIONS_FIRST = 1000, FEW = 500, MANY = 20000 };

static uint64_t key = PROGRAM; /* of the program whose task has started it, as that process says */

/* `task`: that has started its process, as that says. */
static void
open_in_worker(uint64_t session, int64_t pid, uint64_t task)
{
    struct core_event event = {.type = CORE_SESSION_OPEN};
    event.u.open.session = event.u.open.store_session = session;
    event.u.open.role = LODE_ROLE_PROGRAM;
    event.u.open.worker = WORKER;
    event.u.open.task = task;
    event.u.open.key = key;
    event.u.open.pid = pid;
    step(event);
}

static uint64_t
run_parent(lode_id *result_out)
{
    start(1);
    *result_out = submit(PROGRAM, (struct call){0});
    uint64_t parent = ran(0, NULL);
    cr_assert_neq(parent, 0);
    return parent;
}

static void
cancel(lode_id result)
{
    struct lode_task_cancel cancel = {.result = result, .flags = LODE_CANCEL_RECURSIVE};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
}

static bool
has_failed(lode_id result)
{
    const struct seen *s;
    for (int i = 0; (s = find(CORE_PUT_ERROR, 0, i)) != NULL; i++) {
        if (lode_id_same(((const struct core_put_error *)s->bytes)->results, result)) {
            return true;
        }
    }
    return false;
}

Test(core_hosts, what_a_session_in_a_worker_submits_is_a_child_of_the_task_that_runs_there)
{
    lode_id result;
    uint64_t parent = run_parent(&result);
    open_in_worker(INNER, 5000 + WORKER, 0);
    lode_id aside = submit(INNER, (struct call){.parent = parent});
    lode_id child = submit(FIRST_WORKER + WORKER, (struct call){.parent = parent});
    cancel(result);
    cr_assert(has_failed(aside) && has_failed(child), "through whichever session");
}

Test(core_hosts, between_tasks_it_is_a_program_of_its_own)
{
    lode_id result;
    uint64_t parent = run_parent(&result);
    open_in_worker(INNER, 5000 + WORKER, 0);
    done(WORKER, parent, LODE_DONE_OK, 1000);
    submit(INNER, (struct call){0});
    uint64_t own = ran(0, NULL);
    cr_assert_neq(own, 0);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_STOP_TASK), 0);
}

Test(core_hosts, a_process_that_a_task_has_started_belongs_to_that_task_and_to_no_later_one)
{
    lode_id first, second, child, later;
    uint64_t parent = run_parent(&first);
    open_in_worker(INNER, OUTER_PID, parent);
    child = submit(INNER, (struct call){0});
    blocked(WORKER, parent, true);
    uint64_t child_task = ran(0, NULL);
    cr_assert_eq(child_task, 0, "it waits for the next worker");
    cancel(first);
    cr_assert(has_failed(child));
    done(WORKER, parent, LODE_DONE_OK, 1000);
    second = submit(OTHER, (struct call){0});
    (void)second;
    later = submit(INNER, (struct call){0});
    cancel(second);
    cr_assert(!has_failed(later), "the task that runs there now is a stranger");
}

Test(core_hosts, a_worker_that_is_not_there_hosts_nobody)
{
    lode_id result;
    (void)run_parent(&result);
    struct core_event event = {.type = CORE_SESSION_OPEN};
    event.u.open.session = event.u.open.store_session = INNER;
    event.u.open.role = LODE_ROLE_PROGRAM;
    event.u.open.worker = 77;
    step(event);
    lode_id own = submit(INNER, (struct call){0});
    cancel(result);
    cr_assert(!has_failed(own));
}

/* Two sessions have a link each: what is said through one can overtake what the other one says. */
Test(core_hosts, what_a_task_submits_is_the_programs_own_though_its_end_came_first)
{
    lode_id first;
    uint64_t parent = run_parent(&first);
    open_in_worker(INNER, 5000 + WORKER, 0);
    done(WORKER, parent, LODE_DONE_OK, 1000);
    lode_id stranger = submit(OTHER, (struct call){0});
    cr_assert_neq(ran(0, NULL), 0);
    lode_id late = submit(INNER, (struct call){.parent = parent});
    cancel(stranger);
    cr_assert(!has_failed(late), "the task that runs there now is a stranger");
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    timer(1100000000);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert(has_failed(late), "it goes with the program, as its other orphans do");
}

Test(core_hosts, a_process_whose_task_has_ended_is_a_program_of_its_own)
{
    lode_id first;
    uint64_t parent = run_parent(&first);
    done(WORKER, parent, LODE_DONE_OK, 1000);
    lode_id stranger = submit(OTHER, (struct call){0});
    cr_assert_neq(ran(0, NULL), 0);
    open_in_worker(INNER, OUTER_PID, parent);
    lode_id late = submit(INNER, (struct call){0});
    cancel(stranger);
    cr_assert(!has_failed(late), "the task that runs there now is a stranger");
}

/* Numbers of workers and tasks begin anew with each scheduler. */
Test(core_hosts, a_process_of_an_earlier_schedulers_task_is_a_program_of_its_own)
{
    lode_id first;
    uint64_t same_number = run_parent(&first);
    key = PROGRAM + 77;
    open_in_worker(INNER, OUTER_PID, same_number);
    lode_id own = submit(INNER, (struct call){0});
    cancel(first);
    cr_assert(!has_failed(own), "the task of that number is a stranger");
}

/* Numbers of tasks can be guessed. A task knows the key of its own program alone. */
Test(core_hosts, nobody_is_of_another_programs_task_by_saying_so)
{
    lode_id first;
    uint64_t strangers = run_parent(&first);
    const struct lode_task_run *run = sent(LODE_TASK_RUN, NULL);
    cr_assert_eq(run->program_key, PROGRAM);
    key = OTHER;
    open_in_worker(INNER, OUTER_PID, strangers);
    lode_id own = submit(INNER, (struct call){0});
    cancel(first);
    cr_assert(!has_failed(own));
}

Test(core_hosts, a_thread_that_has_outlived_its_task_is_no_task_s)
{
    lode_id first;
    (void)run_parent(&first);
    open_in_worker(INNER, 5000 + WORKER, 0);
    lode_id own = submit(FIRST_WORKER + WORKER, (struct call){0});
    lode_id aside = submit(INNER, (struct call){0});
    cancel(first);
    cr_assert(!has_failed(own) && !has_failed(aside));
}

Test(core_hosts, a_task_that_waits_to_be_tried_again_is_cancelled_with_all_that_it_has_submitted)
{
    start(1);
    lode_id result = submit(PROGRAM, (struct call){.retries = 1});
    uint64_t parent = ran(0, NULL);
    open_in_worker(INNER, OUTER_PID, parent);
    lode_id child = submit(INNER, (struct call){0});
    die(WORKER, parent, SIGSEGV);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    cr_assert_eq(ran(0, NULL), 0, "there is no worker now");
    cancel(result);
    cr_assert(has_failed(result) && has_failed(child));
}

/* Without core_check(), which looks at all sessions. Gives the cookie of a RESULTS. */
static uint64_t
quick_step(struct core_event event)
{
    uint64_t cookie = 0;
    const struct core_action *a;
    event.now_ns = clock_ns += 100;
    core_step(core, &event);
    while ((a = core_next_action(core)) != NULL) {
        cookie = a->type == CORE_RESULTS ? a->cookie : cookie;
    }
    return cookie;
}

/* A session that the task opens, through which it submits something, and that it closes. */
static void
come_and_go(uint64_t session, uint64_t task)
{
    struct core_event open = {.type = CORE_SESSION_OPEN};
    open.u.open.session = open.u.open.store_session = session;
    open.u.open.role = LODE_ROLE_PROGRAM;
    open.u.open.worker = WORKER;
    open.u.open.pid = 5000 + WORKER;
    struct lode_task_submit head = {.submission = 1,
                                    .parent = task,
                                    .results = result_id(session, 10),
                                    .function = 1,
                                    .result_count = 1,
                                    .cpus = ONE_CPU};
    struct core_event submission = {.type = CORE_RECORD};
    submission.u.record.session = session;
    submission.u.record.type = LODE_TASK_SUBMIT;
    submission.u.record.bytes = &head;
    submission.u.record.size = sizeof head;
    struct core_event end = {.type = CORE_SESSION_END, .u.session = session};
    struct core_event answer = {.type = CORE_SETTLED};
    const uint8_t gone = LODE_FOUND_GONE;
    (void)quick_step(open);
    (void)quick_step(submission);
    answer.u.settled.cookie = quick_step(end);
    answer.u.settled.status = &gone;
    answer.u.settled.count = 1;
    (void)quick_step(answer);
}

static double
time_sessions(uint64_t first, uint64_t count, uint64_t task)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (uint64_t i = 0; i < count; i++) {
        come_and_go(first + i, task);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

Test(core_hosts, sessions_that_a_task_has_closed_leave_it_nothing)
{
    lode_id result;
    uint64_t task = run_parent(&result);
    double first = time_sessions(SESSIONS_FIRST, FEW, task);
    (void)time_sessions(SESSIONS_FIRST + FEW, MANY, task);
    double last = time_sessions(SESSIONS_FIRST + FEW + MANY, FEW, task);
    cr_assert_lt(last, 10 * first + FEW * 2e-6, "%.2f us, then %.2f", first / FEW * 1e6,
                 last / FEW * 1e6);
    core_check(core);
}
