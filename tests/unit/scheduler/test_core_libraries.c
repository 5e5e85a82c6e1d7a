/* Libraries in the scheduler's core: loading, resolving, new versions. */
#include "tests/unit/scheduler/driver.h"

static void
two_cpus(void)
{
    start(2);
}

TestSuite(core_libraries, .init = two_cpus, .fini = stop);

static void
resolve(const char *name)
{
    struct lode_task_resolve head = {.tag = 4};
    uint8_t bytes[sizeof head + 64];
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, name, strlen(name));
    record(PROGRAM, LODE_TASK_RESOLVE, bytes, sizeof head + strlen(name));
}

static const char *
resolved(uint32_t *err_out, uint32_t *function_out)
{
    const struct lode_task_resolved *message = sent(LODE_TASK_RESOLVED, NULL);
    cr_assert_eq(message->tag, 4);
    *err_out = message->err;
    *function_out = message->function;
    return (const char *)(message + 1);
}

Test(core_libraries, a_loaded_function_is_resolved_with_its_number_of_results)
{
    resolve("lib.g");
    const struct lode_task_resolved *message = sent(LODE_TASK_RESOLVED, NULL);
    cr_assert_eq(message->err, LODE_OK);
    cr_assert_eq(message->function, 2);
    cr_assert_eq(message->results, 2);
}

Test(core_libraries, what_is_not_there_is_said_with_what_is_there)
{
    uint32_t err, function;
    resolve("nolib.f");
    const char *text = resolved(&err, &function);
    cr_assert_eq(err, LODE_ELIBRARY);
    cr_assert_not_null(strstr(text, "loaded: lib"), "%s", text);
    resolve("lib.nofunction");
    text = resolved(&err, &function);
    cr_assert_eq(err, LODE_ELIBRARY);
    cr_assert_not_null(strstr(text, "it has: f, g, n"), "%s", text);
    resolve("nodot");
    resolved(&err, &function);
    cr_assert_eq(err, LODE_ELIBRARY);
}

Test(core_libraries, the_built_in_library_is_loaded_when_it_is_first_asked_for)
{
    resolve("blas.f");
    const struct seen *copy = find(CORE_COPY_LIBRARY, 0, 0);
    cr_assert_not_null(copy);
    cr_assert_str_eq((const char *)copy->bytes, "/b/liblode-blas.so");
    uint64_t cookie = copy->a.cookie;
    resolve("blas.g");
    cr_assert_null(find(CORE_COPY_LIBRARY, 0, 0), "once");
    struct core_event event = {.type = CORE_LIBRARY_COPIED};
    event.u.copied.cookie = cookie;
    event.u.copied.path = "/state/lib/b.so";
    step(event);
    describe("blas");
    cr_assert_eq(count(CORE_SEND, LODE_TASK_RESOLVED), 2);
    uint32_t err, function;
    resolved(&err, &function);
    cr_assert_eq(err, LODE_OK);
    cr_assert_geq(function, 4);
}

Test(core_libraries, a_library_that_cannot_be_copied_is_said_with_its_reason)
{
    ask_load(NULL, LODE_ELIBRARY, "no such file");
    const struct lode_task_loaded *loaded = sent(LODE_TASK_LOADED, NULL);
    cr_assert_eq(loaded->err, LODE_ELIBRARY);
    cr_assert_str_eq((const char *)(loaded + 1), "no such file");
}

Test(core_libraries, a_worker_that_dies_over_a_library_makes_the_load_fail)
{
    ask_load("/state/lib/n.so", LODE_OK, NULL);
    uint64_t session;
    sent(LODE_TASK_DESCRIBE, &session);
    die((uint32_t)(session - FIRST_WORKER), 0, SIGSEGV);
    const struct lode_task_loaded *loaded = sent(LODE_TASK_LOADED, NULL);
    cr_assert_eq(loaded->err, LODE_ELIBRARY);
    cr_assert_not_null(strstr((const char *)(loaded + 1), "SIGSEGV"));
}

Test(core_libraries, a_description_that_lies_is_refused)
{
    struct lode_task_loaded head = {.tag = 1};
    record(FIRST_WORKER + 1, LODE_TASK_DESCRIBED, &head, sizeof head);
    cr_assert_not_null(find(CORE_CUT, 0, 0), "nobody asked");
    cr_assert_not_null(find(CORE_KILL, 0, 0));
}

Test(core_libraries, the_same_copy_again_is_only_made_current)
{
    load("lib", "/state/lib/1.so");
    cr_assert_null(find(CORE_SEND, LODE_TASK_DESCRIBE, 0));
    const struct lode_task_loaded *loaded = sent(LODE_TASK_LOADED, NULL);
    cr_assert_eq(loaded->err, LODE_OK);
}

Test(core_libraries, a_new_version_runs_in_workers_that_never_held_the_old_one)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    done(worker, task, LODE_DONE_OK, 1000);
    load("lib", "/state/lib/2.so");
    uint32_t err, function;
    resolve("lib.f");
    resolved(&err, &function);
    cr_assert_eq(function, 4, "a new number");
    /* Both workers have held the first version by now (one described it), so they are replaced. */
    uint32_t next = 2;
    uint64_t second = 0;
    submit(PROGRAM, (struct call){.function = function});
    for (int i = 0; i < 6 && (second = ran(0, &worker)) == 0; i++) {
        worker_up(++next);
    }
    cr_assert_neq(second, 0);
    const struct lode_task_function *told = sent(LODE_TASK_FUNCTION, NULL);
    cr_assert_str_eq((const char *)(told + 1), "/state/lib/2.so");
    cr_assert_gt(worker, 0);
    done(worker, second, LODE_DONE_OK, 1000);
    submit(PROGRAM, (struct call){.function = 1});
    cr_assert(ran(0, NULL) != 0 || find(CORE_SEND, LODE_TASK_QUIT, 0) != NULL ||
                  stats().tasks_ready == 1,
              "old numbers stay callable");
}
