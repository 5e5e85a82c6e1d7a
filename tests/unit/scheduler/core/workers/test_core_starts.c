/* Workers that do not come up: killed, for lack of something, or because they cannot work. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_starts, .fini = stop);

#define SECOND INT64_C(1000000000)

/* The start that is under way. */
static uint32_t
starting(void)
{
    static uint32_t last;
    const struct seen *s = find(CORE_SPAWN, 0, 0);
    if (s != NULL) {
        last = (uint32_t)s->a.target;
    }
    return last;
}

static void
refuse(uint32_t worker, lode_err err)
{
    struct core_event event = {.type = CORE_SPAWNED};
    event.u.spawned.worker = worker;
    event.u.spawned.err = (uint32_t)err;
    step(event);
}

/* One CPU, whose worker has died; a task of each program waits. */
static void
lose_the_only_worker(void)
{
    start(1);
    die(1, 0, SIGKILL);
    (void)starting();
    submit(PROGRAM, (struct call){0});
    submit(OTHER, (struct call){0});
    cr_assert_eq(ran(0, NULL), 0);
}

/* The error of the task that fails first, once that and the other program's have the same one. */
static const struct lode_error_object *
both_failed(const char **text_out)
{
    cr_assert_eq(count(CORE_PUT_ERROR, 0), 2);
    return error_put(text_out);
}

Test(core_starts, a_missing_program_ends_all_that_waits_with_that_reason)
{
    const char *text;
    lose_the_only_worker();
    for (int i = 0; i < 5; i++) {
        cr_assert_null(error_put(NULL), "%d", i);
        refuse(starting(), LODE_ENOTFOUND);
        if (i < 4) {
            timer(SECOND / 4);
        }
    }
    cr_assert_eq(both_failed(&text)->code, LODE_ECRASHED);
    cr_assert_str_eq(text, "not run: no worker can be started: the program lode-worker is not "
                           "beside `lode`: is the installation complete?");
    cr_assert_eq(stats().workers_died, 1, "the others were none");
}

/* A call of a name whose library is still to be loaded: nothing is known of the name itself. */
Test(core_starts, a_name_that_waits_for_a_load_is_answered_with_why_no_worker_can_be_started)
{
    static const struct {
        struct lode_task_resolve head;
        char name[8];
    } ask = {.head = {.tag = 4}, .name = "blas.sum"};
    cr_assert_eq(sizeof ask, sizeof ask.head + sizeof ask.name);
    struct core_event copied = {.type = CORE_LIBRARY_COPIED};
    start(1);
    die(1, 0, SIGKILL);
    uint32_t next = starting();
    record(PROGRAM, LODE_TASK_RESOLVE, &ask, sizeof ask);
    copied.u.copied.cookie = find(CORE_COPY_LIBRARY, 0, 0)->a.cookie;
    copied.u.copied.path = "/state/lib/b.so";
    step(copied);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(count(CORE_SEND, LODE_TASK_RESOLVED), 0, "%d", i);
        refuse(i == 0 ? next : starting(), LODE_ENOTFOUND);
        if (i < 4) {
            timer(SECOND / 4);
        }
    }
    const struct lode_task_resolved *answer = sent(LODE_TASK_RESOLVED, NULL);
    cr_assert_eq(answer->err, LODE_ECRASHED);
    cr_assert_not_null(strstr((const char *)(answer + 1), "lode-worker is not beside"));
}

Test(core_starts, a_worker_that_ends_by_itself_as_it_starts_cannot_work)
{
    static const int32_t STATUS[] = {1 << 8, SIGSEGV};
    static const char *const TEXT[] = {"exited with status 1 as it started", "SIGSEGV"};
    for (int s = 0; s < 2; s++) {
        const char *text;
        lose_the_only_worker();
        for (int i = 0; i < 5; i++) {
            cr_assert_null(error_put(NULL), "%d", i);
            die(starting(), 0, STATUS[s]);
            if (i < 4) {
                timer(SECOND / 4);
            }
        }
        cr_assert_eq(both_failed(&text)->code, LODE_ECRASHED);
        cr_assert_not_null(strstr(text, TEXT[s]), "%s", text);
        stop();
    }
    start(1);
}

Test(core_starts, a_signal_from_outside_says_nothing_about_the_next_start)
{
    static const int SIGNALS[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP};
    lose_the_only_worker();
    for (int i = 0; i < 40; i++) {
        die(starting(), 0, SIGNALS[i % 4]);
        timer(6 * SECOND);
        cr_assert_null(error_put(NULL), "%d", i);
    }
    worker_up(starting());
    cr_assert_neq(ran(0, NULL), 0);
}

/* For a moment there may be no process, or no thread. */
static void
starve_for(int64_t ns, bool by_exit)
{
    for (int64_t end = clock_ns + ns; clock_ns < end; timer(SECOND / 10)) {
        if (starting() != 0 && find(CORE_SPAWN, 0, 0) != NULL) {
            if (by_exit) {
                die(starting(), 0, LODE_WORKER_LACKS << 8);
            } else {
                refuse(starting(), LODE_ELIMIT);
            }
        }
        if (error_put(NULL) != NULL) {
            return;
        }
    }
}

Test(core_starts, hunger_that_passes_within_a_second_fails_nothing)
{
    start(1);
    submit(PROGRAM, (struct call){.retries = 1});
    die(1, ran(0, NULL), SIGKILL);
    uint32_t next = starting();
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    refuse(next, LODE_ELIMIT);
    starve_for(SECOND / 10 * 8, false);
    cr_assert_null(error_put(NULL));
    timer(6 * SECOND);
    cr_assert_null(error_put(NULL));
    cr_assert_not_null(find(CORE_SPAWN, 0, 0));
}

Test(core_starts, hunger_that_lasts_with_no_worker_at_all_ends_what_waits_with_that_reason)
{
    for (int by_exit = 0; by_exit < 2; by_exit++) {
        const char *text;
        start(1);
        submit(PROGRAM, (struct call){.retries = 1});
        die(1, ran(0, NULL), SIGKILL);
        uint32_t next = starting();
        settle(CORE_SETTLE, LODE_FOUND_PENDING);
        cr_assert_eq(next, 2);
        refuse(next, LODE_ELIMIT);
        starve_for(20 * SECOND, by_exit);
        cr_assert_eq(error_put(&text)->code, LODE_ELIMIT);
        cr_assert_not_null(strstr(text, "`ulimit -u`"), "%s", text);
        stop();
    }
    start(1);
}

/*
 * All processes that the system allows are a program's, whose tasks wait for something from
 * outside. A stranger's task and load wait, and fail for none of it.
 */
Test(core_starts, a_stranger_gets_the_worker_of_the_program_that_has_them_all)
{
    uint32_t worker;
    uint64_t session;
    start(1);
    submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    blocked(worker, task, true);
    (void)starting();
    refuse(starting(), LODE_ELIMIT);
    submit(OTHER, (struct call){0});
    const struct lode_task_give_up *give_up = NULL;
    for (int i = 0; i < 200 && give_up == NULL; i++) {
        if (find(CORE_SPAWN, 0, 0) != NULL) {
            refuse(starting(), LODE_ELIMIT);
        }
        timer(SECOND / 10);
        cr_assert_null(error_put(NULL));
        if (find(CORE_SEND, LODE_TASK_GIVE_UP, 0) != NULL) {
            give_up = sent(LODE_TASK_GIVE_UP, &session);
        }
    }
    cr_assert_not_null(give_up);
    cr_assert_eq(session, FIRST_WORKER + worker);
    cr_assert_eq(give_up->call, calls);
    blocked(worker, task, false);
    done(worker, task, LODE_DONE_FAILED, 1000);
    cr_assert_neq(ran(0, NULL), 0, "the stranger's");
    cr_assert_eq(stats().failed, 1);
}

/* It is the core that ends it: somebody else's signal would say nothing. */
Test(core_starts, a_worker_that_is_not_up_in_time_cannot_work)
{
    const char *text;
    lose_the_only_worker();
    for (int i = 0; i < 5; i++) {
        uint32_t worker = starting();
        timer(31 * SECOND);
        cr_assert_null(error_put(NULL), "%d", i);
        cr_assert_eq(find(CORE_KILL, 0, 0)->a.target, worker);
        (void)starting(); /* the next one, at once */
        die(worker, 0, SIGKILL);
    }
    if (error_put(NULL) == NULL) {
        timer(31 * SECOND);
    }
    cr_assert_eq(both_failed(&text)->code, LODE_ECRASHED);
    cr_assert_not_null(strstr(text, "the last one was not up after 30 s"), "%s", text);
}
