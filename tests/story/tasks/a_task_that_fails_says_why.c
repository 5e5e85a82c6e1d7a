/*
 * A task that returns an error, crashes, aborts, exits, is killed, forgets its result, or never
 * could run: its caller gets a typed error with function, signal and attempt, and the next task
 * runs.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const lode_call_options once = {.struct_size = sizeof once, .max_retries = LODE_ZERO};

static lode_failure_info
call_fails(lode *db, const char *function, lode_args args, const lode_call_options *options,
           lode_err want)
{
    lode_failure_info failure;
    lode_id result;
    lode_view view;
    must(lode_call(db, function, args, options, &result));
    fails(lode_get(db, result, LODE_FOREVER, &view), want);
    expect_text(lode_last_error(), function);
    must(lode_failure(db, result, &failure));
    expect_eq(failure.code, want);
    expect_text(failure.function, function);
    lode_drop(db, result);
    return failure;
}

static void
expect_working(lode *db)
{
    lode_id result;
    int64_t value;
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(6)), NULL, &result));
    must(lode_get_i64(db, result, LODE_FOREVER, &value));
    expect_eq(value, 7);
    lode_drop(db, result);
}

static void
errors_that_functions_return(lode *db)
{
    lode_failure_info f =
        call_fails(db, "play.fail", LODE_ARGS(lode_str("no luck")), NULL, LODE_ETASK);
    expect_eq(f.task_code, LODE_EINVAL);
    expect_text(f.message, "it said: no luck");
    expect_eq(f.attempt, 1); /* an error of the function is no reason to try again */
    expect_lt(0, f.pid);
    call_fails(db, "play.forget", LODE_NO_ARGS, NULL, LODE_ETASK);
    f = call_fails(db, "play.increment", LODE_ARGS(lode_str("six")), NULL, LODE_ETASK);
    expect_eq(f.task_code, LODE_ETYPE);
    f = call_fails(db, "play.increment", LODE_NO_ARGS, NULL, LODE_ETASK);
    expect_eq(f.task_code, LODE_ETYPE);
    f = call_fails(db, "play.return", LODE_ARGS(lode_i64(777)), NULL, LODE_ETASK);
    expect_eq(f.task_code, 777);
    expect_text(f.message, "it returned 777, which is no error of lode's");
    expect_working(db);
}

static void
workers_that_die(lode *db)
{
    lode_failure_info f = call_fails(db, "play.crash", LODE_NO_ARGS, &once, LODE_ECRASHED);
    expect_eq(f.signal, SIGSEGV);
    expect(strstr(f.message, "at address 0x40,") != NULL); /* where it wrote */
    expect_eq(f.attempt, 1);
    expect(f.may_have_run);
    expect_working(db);
    f = call_fails(db, "play.abort", LODE_NO_ARGS, &once, LODE_ECRASHED);
    expect_eq(f.signal, SIGABRT);
    expect_working(db);
    f = call_fails(db, "play.exit", LODE_ARGS(lode_i64(7)), &once, LODE_ECRASHED);
    expect_eq(f.signal, 0);
    expect_eq(f.exit_status, 7);
    f = call_fails(db, "play.exit", LODE_ARGS(lode_i64(0)), &once, LODE_ECRASHED); /* never "ok" */
    expect_eq(f.exit_status, 0);
    f = call_fails(db, "play.crash", LODE_NO_ARGS, NULL, LODE_ECRASHED);
    expect_eq(f.attempt, 4); /* three retries by default */
    expect_working(db);
}

static void
a_worker_that_is_killed(lode *db)
{
    char fifo[256];
    char byte;
    lode_id result;
    lode_view view;
    lode_failure_info f;
    snprintf(fifo, sizeof fifo, "%s/loops", story_files());
    expect_eq(mkfifo(fifo, 0600), 0);
    must(lode_call(db, "play.loop", LODE_ARGS(lode_str(fifo)), &once, &result));
    int fd = open(fifo, O_RDONLY | O_CLOEXEC);
    expect(read(fd, &byte, 1) == 1);
    close(fd);
    fails(lode_get(db, result, 10, &view), LODE_ETIMEDOUT); /* it loops */
    kill(story_process("lode-worker"), SIGKILL);
    fails(lode_get(db, result, LODE_FOREVER, &view), LODE_ECRASHED);
    must(lode_failure(db, result, &f));
    expect_eq(f.signal, SIGKILL);
    lode_drop(db, result);
    expect_working(db);
}

/* A worker that dies is followed by another attempt; nobody who waits hears of the first. */
static void
a_retry_makes_the_result(lode *db)
{
    char path[256];
    struct stat st;
    lode_id result;
    int64_t attempt;
    snprintf(path, sizeof path, "%s/attempts", story_files());
    must(lode_call(db, "play.die_until", LODE_ARGS(lode_i64(3), lode_str(path)), NULL, &result));
    must(lode_get_i64(db, result, LODE_FOREVER, &attempt)); /* waits over two deaths */
    expect_eq(attempt, 3);
    expect_eq(stat(path, &st), 0);
    expect_eq(st.st_size, 3);
    lode_drop(db, result);
}

static void
what_can_never_run(lode *db)
{
    lode_id result;
    size_t count;
    fails(lode_call(db, "nolib.f", LODE_NO_ARGS, NULL, &result), LODE_ELIBRARY);
    expect_text(lode_last_error(), "nolib");
    fails(lode_call(db, "play.nosuch", LODE_NO_ARGS, NULL, &result), LODE_ELIBRARY);
    expect_text(lode_last_error(), "nosuch");
    fails(lode_result_count(db, "play.nosuch", &count), LODE_ELIBRARY);
    must(lode_result_count(db, "play.halves", &count));
    expect_eq(count, 2);
    must(lode_result_count(db, "play.nothing", &count));
    expect_eq(count, 1);
    fails(lode_load(db, "/nowhere/libnothing.so"), LODE_ELIBRARY);
    fails(lode_load(db, story_program("lode-worker")), LODE_ELIBRARY);
    lode_call_options greedy = {.struct_size = sizeof greedy, .num_cpus = 1000};
    fails(lode_call(db, "play.nothing", LODE_NO_ARGS, &greedy, &result), LODE_EINVAL);
}

static void
wrong_shapes(lode *db)
{
    static const double data[6] = {1, 2, 3, 4, 5, 6};
    lode_array array = {.dtype = LODE_F64, .ndim = 2, .shape = {2, 3}};
    lode_array whole = {.dtype = LODE_I64, .ndim = 1, .shape = {6}};
    lode_id a;
    lode_id b;
    must(lode_put_array(db, &array, data, 0, &a));
    must(lode_put_array(db, &whole, data, 0, &b));
    lode_failure_info f =
        call_fails(db, "blas.matmul", LODE_ARGS(lode_ref(a), lode_ref(a)), NULL, LODE_ETASK);
    expect_eq(f.task_code, LODE_ETYPE);
    expect_text(f.message, "3"); /* the inner sizes */
    f = call_fails(db, "blas.matmul", LODE_ARGS(lode_ref(a), lode_ref(b)), NULL, LODE_ETASK);
    expect_eq(f.task_code, LODE_ETYPE);
    lode_drop(db, a);
    lode_drop(db, b);
}

/* An argument that is a failure fails the task that needs it, with the first one's reason. */
static void
a_failed_argument_is_passed_on(lode *db)
{
    lode_id first;
    lode_id second;
    lode_id third;
    lode_view view;
    lode_failure_info f;
    must(lode_call(db, "play.fail", LODE_ARGS(lode_str("the source")), NULL, &first));
    must(lode_call(db, "play.copy", LODE_ARGS(lode_ref(first)), NULL, &second));
    must(lode_call(db, "play.copy", LODE_ARGS(lode_ref(second)), NULL, &third));
    fails(lode_get(db, third, LODE_FOREVER, &view), LODE_ETASK);
    must(lode_failure(db, third, &f));
    expect_text(f.message, "the source");
    lode_drop(db, first);
    lode_drop(db, second);
    lode_drop(db, third);
}

static void
a_success_is_no_failure(lode *db)
{
    lode_failure_info f;
    lode_id id;
    must(lode_put(db, "fine", 4, 0, &id));
    fails(lode_failure(db, id, &f), LODE_EINVAL);
    lode_drop(db, id);
}

/* Compiled with headers that know one option more. */
static void
a_newer_caller_is_served_or_told(lode *db)
{
    struct {
        lode_call_options known;
        uint64_t added;
    } call = {.known.struct_size = sizeof call};
    lode_id id;
    int64_t value;
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), &call.known, &id));
    must(lode_get_i64(db, id, LODE_FOREVER, &value));
    lode_drop(db, id);
    call.added = 1;
    fails(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), &call.known, &id),
          LODE_EUNSUPPORTED);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open_with("play");
    expect_working(db);
    errors_that_functions_return(db);
    workers_that_die(db);
    a_worker_that_is_killed(db);
    a_retry_makes_the_result(db);
    what_can_never_run(db);
    a_newer_caller_is_served_or_told(db);
    wrong_shapes(db);
    a_failed_argument_is_passed_on(db);
    a_success_is_no_failure(db);
    expect_working(db);
    await_stat(db, objects, 0);
    lode_scheduler_stats stats;
    do { /* a result is there before the scheduler hears that its task has ended */
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.tasks_running > 0);
    expect_eq(stats.cpus_used, 0);
    expect_eq(stats.tasks_waiting + stats.tasks_ready + stats.tasks_running, 0);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
