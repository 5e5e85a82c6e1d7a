/* What workers print: whose it is, and where a line ends. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_printed, .init = one_cpu, .fini = stop);

/* The scheduler has read it, from the pipe of that program, while the page named the task. */
static void
read_live(uint32_t worker, uint64_t task, uint64_t program, const char *text)
{
    struct core_event event = {.type = CORE_OUTPUT};
    event.u.output.worker = worker;
    event.u.output.task = task;
    event.u.output.program = program;
    event.u.output.bytes = text;
    event.u.output.size = (uint32_t)strlen(text);
    step(event);
}

/* The worker has read it, when the task ended. */
static void
read_last(uint32_t worker, uint64_t task, const char *text)
{
    struct {
        struct lode_task_printed head;
        char text[64];
    } printed = {.head = {.task = task, .size = (uint32_t)strlen(text)}};
    memcpy(printed.text, text, printed.head.size);
    record(FIRST_WORKER + worker, LODE_TASK_PRINTED, &printed,
           sizeof printed.head + printed.head.size);
}

static void
expect_sent(const char *want)
{
    uint64_t session;
    const struct lode_task_output *output = sent(LODE_TASK_OUTPUT, &session);
    cr_assert_eq(session, PROGRAM);
    cr_assert_eq(output->text_size, strlen(want));
    cr_assert_eq(memcmp((const char *)(output + 1) + output->name_size, want, strlen(want)), 0);
}

static uint64_t
run_one(uint32_t *worker_out)
{
    submit(PROGRAM, (struct call){0});
    return ran(0, worker_out);
}

Test(core_printed, a_line_is_joined_from_what_both_have_read)
{
    uint32_t worker = 0;
    uint64_t task = run_one(&worker);
    read_live(worker, task, PROGRAM, "one\ntw");
    expect_sent("one\n");
    read_last(worker, task, "o\nthree\n");
    expect_sent("two\nthree\n");
}

Test(core_printed, a_last_line_without_line_feed_ends_with_its_task)
{
    uint32_t worker = 0;
    uint64_t task = run_one(&worker);
    read_live(worker, task, PROGRAM, "no end");
    cr_assert_eq(count(CORE_SEND, LODE_TASK_OUTPUT), 0);
    done(worker, task, LODE_DONE_OK, 1000);
    expect_sent("no end\n");
}

/* What a constructor prints, while a worker looks into the library. */
static void
read_of_library(const char *text)
{
    uint64_t worker = 0;
    sent(LODE_TASK_DESCRIBE, &worker);
    read_last((uint32_t)(worker - FIRST_WORKER), LODE_PRINTING_LIBRARY, text);
}

Test(core_printed, a_constructors_last_line_without_line_feed_ends_with_the_description)
{
    ask_load("/state/lib/2.so", LODE_OK, NULL);
    uint64_t worker = 0;
    sent(LODE_TASK_DESCRIBE, &worker);
    const struct lode_task_load *ask = sent(LODE_TASK_DESCRIBE, NULL);
    const struct lode_task_loaded failed = {.tag = ask->tag, .err = LODE_ELIBRARY};
    read_of_library("no end");
    cr_assert_eq(count(CORE_SEND, LODE_TASK_OUTPUT), 0);
    record(worker, LODE_TASK_DESCRIBED, &failed, sizeof failed);
    expect_sent("no end\n");
}

Test(core_printed, a_library_that_a_task_loads_prints_to_the_tasks_program)
{
    uint32_t worker = 0;
    stop();
    start(2); /* one runs the task, the other one looks into the library */
    uint64_t task = run_one(&worker);
    ask_load_file((struct file){FIRST_WORKER + worker, 0, "/m.so", "/state/lib/m.so", task},
                  LODE_OK, NULL);
    read_of_library("hello\n");
    expect_sent("hello\n");
}

/* A task of that program, which ends; then one of PROGRAM runs at the same worker. */
static uint64_t
change_over_from(uint64_t program, uint32_t *worker_out)
{
    submit(program, (struct call){0});
    uint64_t task = ran(0, worker_out);
    done(*worker_out, task, LODE_DONE_OK, 1000);
    return run_one(worker_out);
}

Test(core_printed, bytes_of_another_programs_pipe_are_not_the_running_tasks)
{
    uint32_t worker = 0;
    uint64_t task = change_over_from(OTHER, &worker), session = 0;
    read_live(worker, task, OTHER, "a stranger's\n");
    sent(LODE_TASK_OUTPUT, &session);
    cr_assert_eq(session, OTHER);
    session_end(OTHER);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    read_live(worker, task, OTHER, "a stranger's\n");
    cr_assert_eq(count(CORE_SEND, LODE_TASK_OUTPUT), 0);
    cr_assert_eq(count(CORE_SPILL, 0), 1, "its program has ended: the log has the line");
}

Test(core_printed, a_pipe_that_a_worker_calls_a_strangers_prints_to_nobody)
{
    uint32_t worker = 0;
    uint64_t task = run_one(&worker);
    read_live(worker, task, OTHER, "forged\n");
    cr_assert_eq(count(CORE_SEND, LODE_TASK_OUTPUT), 0);
    cr_assert_eq(count(CORE_LOG, 0), 1);
    struct core_event late = {.type = CORE_OUTPUT};
    late.u.output.worker = worker;
    late.u.output.program = OTHER;
    late.u.output.late = true;
    late.u.output.bytes = "forged\n";
    late.u.output.size = 7;
    step(late);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_OUTPUT), 0);
    cr_assert_eq(count(CORE_SPILL, 0), 1);
}

/* The worker is dead, and has left what its record of that number says. */
static void
read_after_death(uint32_t worker, uint64_t record_number, uint64_t task, const char *text)
{
    struct core_event event = {.type = CORE_OUTPUT};
    event.u.output.worker = worker;
    event.u.output.task = task;
    event.u.output.record = record_number;
    event.u.output.bytes = text;
    event.u.output.size = (uint32_t)strlen(text);
    step(event);
}

Test(core_printed, what_a_dead_worker_has_left_is_taken_once)
{
    uint32_t worker = 0;
    uint64_t task = run_one(&worker);
    read_last(worker, task, "one\n");
    read_after_death(worker, 1, task, "one\n");
    cr_assert_eq(count(CORE_SEND, LODE_TASK_OUTPUT), 0, "its record has come");
    read_after_death(worker, 2, task, "two\n");
    expect_sent("two\n");
    read_last(worker, task, "two\n");
    cr_assert_eq(count(CORE_SEND, LODE_TASK_OUTPUT), 0, "its bytes have come");
    read_last(worker, task, "three\n");
    expect_sent("three\n");
}

Test(core_printed, a_last_line_is_shown_though_the_end_of_its_task_is_on_its_way)
{
    uint32_t worker = 0;
    uint64_t task = run_one(&worker);
    struct core_event event = {.type = CORE_OUTPUT};
    event.u.output.worker = worker;
    event.u.output.ends_others = true;
    event.u.output.task = task;
    read_last(worker, task, "no end");
    step(event);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_OUTPUT), 0, "it prints still");
    event.u.output.task = task + 1;
    step(event);
    expect_sent("no end\n");
    done(worker, task, LODE_DONE_OK, 1000);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_OUTPUT), 0);
}

Test(core_printed, a_task_that_is_not_the_workers_is_nobodys)
{
    uint32_t worker = 0;
    run_one(&worker);
    read_last(worker, 12345, "lies\n");
    cr_assert_eq(count(CORE_SEND, LODE_TASK_OUTPUT), 0);
    cr_assert_eq(count(CORE_LOG, 0), 1);
}

Test(core_printed, a_worker_that_cannot_serve_a_program_is_replaced)
{
    uint32_t worker = 0;
    struct {
        struct lode_task_recall head;
        uint64_t task;
    } back = {.head = {.count = 1, .flags = LODE_RECALLED_CANNOT}};
    back.task = run_one(&worker);
    record(FIRST_WORKER + worker, LODE_TASK_RECALLED, &back, sizeof back);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_QUIT), 1);
    cr_assert_eq(count(CORE_SPAWN, 0), 1);
    worker_up(2);
    cr_assert_eq(ran(0, NULL), back.task);
}
