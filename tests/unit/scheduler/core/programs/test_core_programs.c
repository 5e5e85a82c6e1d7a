/* Thousands of programs with ready tasks: those that wait cost the others nothing. */
#include "scheduler/core/state/tasks.h"
#include "tests/unit/scheduler/core/driver.h"

#include <time.h>

TestSuite(core_programs, .fini = stop);

enum { FIRST_PROGRAM = 1000, MANY = 10000, TASKS = 4000, BATCH = 200, BATCHES = 11 };

static uint64_t run[2 * TASKS];
static size_t runs;
static uint64_t runs_at; /* the worker's session to which the last one was sent */
static uint32_t spawned; /* the last worker that was asked for */

/* Without core_check(), which looks at all programs. */
static void
quick_step(struct core_event event)
{
    const struct core_action *a;
    event.now_ns = clock_ns += 100;
    core_step(core, &event);
    while ((a = core_next_action(core)) != NULL) {
        spawned = a->type == CORE_SPAWN ? (uint32_t)a->target : spawned;
        if (a->type == CORE_SEND && a->message == LODE_TASK_RUN) {
            run[runs++] = ((const struct lode_task_run *)core_action_bytes(a))->task;
            runs_at = a->target;
        }
    }
}

static void
quick_record(uint64_t session, enum lode_task_msg type, const void *bytes, size_t size)
{
    struct core_event event = {.type = CORE_RECORD};
    event.u.record.session = session;
    event.u.record.type = (uint16_t)type;
    event.u.record.bytes = bytes;
    event.u.record.size = (uint32_t)size;
    quick_step(event);
}

static void
quick_submit(uint64_t session, uint64_t number, uint32_t cpus)
{
    struct lode_task_submit head = {.submission = number,
                                    .results = result_id(session, 10 * number),
                                    .function = 1,
                                    .result_count = 1,
                                    .cpus = cpus};
    quick_record(session, LODE_TASK_SUBMIT, &head, sizeof head);
}

static void
quick_done(uint32_t worker, uint64_t task)
{
    struct lode_task_done done = {.task = task, .run_ns = 1000, .status = LODE_DONE_OK};
    quick_record(FIRST_WORKER + worker, LODE_TASK_DONE, &done, sizeof done);
}

static void
open_programs(uint64_t count)
{
    for (uint64_t session = FIRST_PROGRAM; session < FIRST_PROGRAM + count; session++) {
        struct core_event event = {.type = CORE_SESSION_OPEN};
        event.u.open.session = event.u.open.store_session = session;
        event.u.open.role = LODE_ROLE_PROGRAM;
        quick_step(event);
        quick_submit(session, 1, ONE_CPU);
    }
}

static double
cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The CPU time of a batch of tasks that end, and of the next ones that are placed: the median. */
static double
time_beside(uint64_t programs)
{
    double took[BATCHES];
    size_t next = 0;
    runs = 0;
    start(1);
    for (uint64_t i = 1; i <= TASKS; i++) {
        quick_submit(PROGRAM, i, ONE_CPU);
    }
    open_programs(programs);
    for (int i = 0; i < BATCHES; i++) {
        double begin = cpu_seconds();
        for (size_t end = next + BATCH; next < end; next++) {
            cr_assert_lt(next, runs);
            quick_done(1, run[next]);
        }
        took[i] = cpu_seconds() - begin;
    }
    stop();
    qsort(took, BATCHES, sizeof took[0], compare);
    return took[BATCHES / 2];
}

Test(core_programs, that_wait_cost_the_one_that_runs_nothing)
{
    double alone = time_beside(10), crowded = time_beside(MANY);
    cr_assert_lt(crowded, 10 * alone + BATCH * 10e-6, "%.1f us, %.1f beside %d programs",
                 alone / BATCH * 1e6, crowded / BATCH * 1e6, MANY);
}

/* ---- part of a CPU is free ------------------------------------------------------------------ */

enum { IDLE = 3, LONG_NS = 20000000 };

static uint64_t whole; /* the task that has a CPU, */
static uint32_t place; /* and its worker */

/* A CPU and a half are in use, and one worker is idle: the last one. */
static void
leave_half_a_cpu(void)
{
    uint32_t worker;
    start(2);
    submit(PROGRAM, (struct call){.cpus = ONE_CPU / 2});
    submit(PROGRAM, (struct call){.cpus = ONE_CPU});
    whole = ran(0, &place);
    submit(PROGRAM, (struct call){.cpus = ONE_CPU / 4});
    worker_up(IDLE);
    uint64_t task = ran(0, &worker);
    cr_assert_eq(worker, IDLE);
    done(IDLE, task, LODE_DONE_OK, 1000);
}

/* A task that needs little comes, and ends: programs that are looked at for it. */
static uint64_t
looks_beside(uint64_t programs)
{
    enum { LITTLE_TASKS = 100 };
    leave_half_a_cpu();
    open_programs(programs);
    uint64_t looks = core->looks;
    runs = 0;
    for (uint64_t i = 1; i <= LITTLE_TASKS; i++) {
        quick_submit(OTHER, i, ONE_CPU / 8);
        cr_assert_eq(runs, i);
        quick_done(IDLE, run[i - 1]);
    }
    looks = core->looks - looks;
    core_check(core);
    stop();
    return looks / LITTLE_TASKS;
}

Test(core_programs, that_wait_for_more_than_is_free_are_not_looked_at)
{
    uint64_t few = looks_beside(2), many = looks_beside(1000);
    cr_assert_leq(few, 4);
    cr_assert_eq(many, few, "%llu looks, %llu beside 1,000 programs", (unsigned long long)few,
                 (unsigned long long)many);
}

static void
cancel(lode_id result)
{
    struct lode_task_cancel cancel = {.result = result};
    record(OTHER, LODE_TASK_CANCEL, &cancel, sizeof cancel);
}

/* The wide task that is cancelled stood before a small one, for which there is room. */
Test(core_programs, that_wait_go_on_when_they_need_less)
{
    uint32_t worker;
    leave_half_a_cpu();
    open_programs(3);
    lode_id wide = submit(OTHER, (struct call){.cpus = ONE_CPU});
    submit(OTHER, (struct call){.cpus = ONE_CPU / 8});
    cr_assert_eq(ran(0, NULL), 0);
    cancel(wide);
    cr_assert_neq(ran(0, &worker), 0);
    cr_assert_eq(worker, IDLE);
}

/* A task of a task goes first, and may need less than what has waited longer. */
Test(core_programs, that_wait_go_on_when_a_task_of_theirs_asks_for_less)
{
    uint32_t worker;
    start(2);
    learn(LONG_NS, 4); /* nothing is queued behind such tasks */
    submit(OTHER, (struct call){.cpus = ONE_CPU / 2});
    uint64_t parent = ran(0, &worker);
    submit(PROGRAM, (struct call){.cpus = ONE_CPU});
    submit(PROGRAM, (struct call){.cpus = ONE_CPU / 4});
    worker_up(IDLE);
    done(IDLE, ran(0, NULL), LODE_DONE_OK, LONG_NS);
    open_programs(3);
    submit(OTHER, (struct call){.cpus = ONE_CPU});
    cr_assert_eq(ran(0, NULL), 0);
    submit(FIRST_WORKER + worker, (struct call){.cpus = ONE_CPU / 8, .parent = parent});
    cr_assert_neq(ran(0, &worker), 0);
    cr_assert_eq(worker, IDLE);
}

/* What ends gives room to who waits, in the order of their turns. */
Test(core_programs, that_wait_go_on_when_there_is_room)
{
    leave_half_a_cpu();
    open_programs(3);
    runs = 0;
    quick_done(place, whole);
    cr_assert_eq(runs, 1);
    cr_assert_eq(core_task_find(core, run[0])->lane->program->number, FIRST_PROGRAM);
}

/* ---- queues that have room ------------------------------------------------------------------ */

static void
quick_up(uint32_t worker)
{
    struct core_event event = {.type = CORE_SPAWNED};
    event.u.spawned.worker = worker;
    event.u.spawned.pid = 5000 + worker;
    quick_step(event);
    event = (struct core_event){.type = CORE_SESSION_OPEN};
    event.u.open.session = event.u.open.store_session = 2 * FIRST_PROGRAM + MANY + worker;
    event.u.open.role = LODE_ROLE_WORKER;
    event.u.open.worker = worker;
    event.u.open.pid = 5000 + worker;
    quick_step(event);
    struct lode_task_worker ready = {0};
    quick_record(2 * FIRST_PROGRAM + MANY + worker, LODE_TASK_READY, &ready, sizeof ready);
}

/* Programs that have one worker each, which runs a task that needs no CPU; another one is ready. */
static void
open_servers(uint64_t count)
{
    for (uint64_t session = FIRST_PROGRAM; session < FIRST_PROGRAM + count; session++) {
        struct core_event event = {.type = CORE_SESSION_OPEN};
        event.u.open.session = event.u.open.store_session = session;
        event.u.open.role = LODE_ROLE_PROGRAM;
        quick_step(event);
        quick_submit(session, 1, 0);
        quick_submit(session, 2, 0);
        while (spawned > 1 && runs < session - FIRST_PROGRAM + 1) {
            quick_up(spawned);
        }
    }
}

/* A task of another program comes, and ends: programs that are looked at for it. */
static uint64_t
looks_beside_servers(uint64_t servers)
{
    enum { SOME_TASKS = 100 };
    runs = 0;
    spawned = 0;
    start_with((struct core_options){.cpus = ONE_CPU, .worker_max = 1});
    open_servers(servers);
    cr_assert_eq(runs, servers);
    uint64_t looks = 0;
    for (uint64_t i = 1; i <= SOME_TASKS; i++) {
        looks = i == 2 ? core->looks : looks;
        quick_submit(OTHER, i, ONE_CPU);
        if (runs < servers + i) {
            cr_assert_eq(i, 1, "only the first one needs one more worker");
            quick_up(spawned);
        }
        struct lode_task_done done = {.task = run[runs - 1], .status = LODE_DONE_OK};
        quick_record(runs_at, LODE_TASK_DONE, &done, sizeof done);
    }
    looks = core->looks - looks;
    core_check(core);
    stop();
    return looks / SOME_TASKS;
}

Test(core_programs, whose_queues_have_room_are_looked_at_when_something_has_changed)
{
    uint64_t few = looks_beside_servers(2), many = looks_beside_servers(1000);
    cr_assert_leq(few, 4);
    cr_assert_eq(many, few, "%llu looks, %llu beside 1,000 programs", (unsigned long long)few,
                 (unsigned long long)many);
}
