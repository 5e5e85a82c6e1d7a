/* Thousands of programs with ready tasks: those that wait cost the others nothing. */
#include "tests/unit/scheduler/driver.h"

#include <time.h>

TestSuite(core_programs, .fini = stop);

enum { FIRST_PROGRAM = 1000, MANY = 10000, TASKS = 4000, BATCH = 200, BATCHES = 11 };

static uint64_t run[2 * TASKS];
static size_t runs;

/* Without core_check(), which looks at all programs. */
static void
quick_step(struct core_event event)
{
    const struct core_action *a;
    event.now_ns = clock_ns += 100;
    core_step(core, &event);
    while ((a = core_next_action(core)) != NULL) {
        if (a->type == CORE_SEND && a->message == LODE_TASK_RUN) {
            run[runs++] = ((const struct lode_task_run *)core_action_bytes(a))->task;
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
quick_submit(uint64_t session, uint64_t number)
{
    struct lode_task_submit head = {.submission = number,
                                    .results = result_id(session, 10 * number),
                                    .function = 1,
                                    .result_count = 1,
                                    .cpus = ONE_CPU};
    quick_record(session, LODE_TASK_SUBMIT, &head, sizeof head);
}

static void
quick_done(uint64_t task)
{
    struct lode_task_done done = {.task = task, .run_ns = 1000, .status = LODE_DONE_OK};
    quick_record(FIRST_WORKER + 1, LODE_TASK_DONE, &done, sizeof done);
}

static void
open_programs(uint64_t count)
{
    for (uint64_t session = FIRST_PROGRAM; session < FIRST_PROGRAM + count; session++) {
        struct core_event event = {.type = CORE_SESSION_OPEN};
        event.u.open.session = event.u.open.store_session = session;
        event.u.open.role = LODE_ROLE_PROGRAM;
        quick_step(event);
        quick_submit(session, 1);
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
        quick_submit(PROGRAM, i);
    }
    open_programs(programs);
    for (int i = 0; i < BATCHES; i++) {
        double begin = cpu_seconds();
        for (size_t end = next + BATCH; next < end; next++) {
            cr_assert_lt(next, runs);
            quick_done(run[next]);
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
