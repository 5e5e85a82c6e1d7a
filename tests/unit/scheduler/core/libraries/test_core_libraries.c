/* Libraries in the scheduler's core: loading, resolving, new versions. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_libraries, .init = two_cpus, .fini = stop);

static void
resolve_as(uint64_t session, uint64_t parent, const char *name)
{
    struct lode_task_resolve head = {.tag = 4, .parent = parent};
    uint8_t bytes[sizeof head + 64];
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, name, strlen(name));
    record(session, LODE_TASK_RESOLVE, bytes, sizeof head + strlen(name));
}

static void
resolve(const char *name)
{
    resolve_as(PROGRAM, 0, name);
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
    resolve("another.f");
    const char *text = resolved(&err, &function);
    cr_assert_eq(err, LODE_ENOTFOUND);
    cr_assert_not_null(strstr(text, "there are: lib, blas"), "%s", text);
    resolve("lib.nofunction");
    text = resolved(&err, &function);
    cr_assert_eq(err, LODE_ENOTFOUND);
    cr_assert_not_null(strstr(text, "it has: f, g, n"), "%s", text);
    resolve("nodot");
    resolved(&err, &function);
    cr_assert_eq(err, LODE_ENOTFOUND);
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

Test(core_libraries, what_is_wrong_with_a_library_is_said_of_its_file)
{
    ask_load("/state/lib/n.so", LODE_OK, NULL);
    uint64_t session;
    struct {
        struct lode_task_loaded head;
        char text[64];
    } failed = {{.err = LODE_ELIBRARY}, "cannot open it: /state/lib/n.so: invalid"};
    failed.head.tag = ((const struct lode_task_load *)sent(LODE_TASK_DESCRIBE, &session))->tag;
    record(session, LODE_TASK_DESCRIBED, &failed, sizeof failed);
    cr_assert_str_eq(
        (const char *)((const struct lode_task_loaded *)sent(LODE_TASK_LOADED, NULL) + 1),
        "/l.so: cannot open it: invalid");
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

/* What the function is called by that task in that session; 0: it knows none. */
static uint32_t
number_in(uint64_t session, uint64_t task, const char *name)
{
    uint32_t err, function;
    resolve_as(session, task, name);
    resolved(&err, &function);
    cr_assert(err == LODE_OK ? function > 0 : function == 0);
    return function;
}

static uint32_t
number_of(uint64_t session, const char *name)
{
    return number_in(session, 0, name);
}

static const struct lode_task_loaded *
loaded(void)
{
    return sent(LODE_TASK_LOADED, NULL);
}

static const struct file A1 = {PROGRAM, 0, "/a/lib.so", "/state/lib/a1.so", 0},
                         A2 = {PROGRAM, 0, "/a/lib.so", "/state/lib/a2.so", 0},
                         B = {OTHER, 0, "/b/lib.so", "/state/lib/b.so", 0};

Test(core_libraries, a_program_has_its_own_library_whatever_others_load)
{
    cr_assert_eq(number_of(PROGRAM, "lib.f"), 1);
    cr_assert_eq(number_of(OTHER, "lib.f"), 0, "another program's");
    load_file(B, "lib");
    cr_assert_eq(loaded()->err, LODE_OK);
    uint32_t other = number_of(OTHER, "lib.f");
    cr_assert_gt(other, 3);
    cr_assert_eq(number_of(PROGRAM, "lib.f"), 1);
    load_file((struct file){OTHER, LODE_LOAD_FOR_ALL, "/all/lib.so", "/state/lib/all.so", 0},
              "lib");
    cr_assert_eq(number_of(OTHER, "lib.f"), other, "its own goes first");
    cr_assert_eq(number_of(PROGRAM, "lib.f"), 1);
    open_session(3, 0);
    cr_assert_gt(number_of(3, "lib.f"), other, "else what is offered to all");
}

Test(core_libraries, a_task_means_the_libraries_of_its_program)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    load_file(B, "lib");
    cr_assert_eq(number_in(FIRST_WORKER + worker, task, "lib.f"), 1);
    done(worker, task, LODE_DONE_OK, 1000);
    cr_assert_eq(number_of(FIRST_WORKER + worker, "lib.f"), 0, "of no program's");
    submit(PROGRAM, (struct call){0});
    task = ran(0, &worker);
    struct file by_a_task = {FIRST_WORKER + worker, 0, "/c/tool.so", "/state/lib/tool.so", task};
    load_file(by_a_task, "tool");
    cr_assert_eq(loaded()->err, LODE_OK);
    cr_assert_gt(number_of(PROGRAM, "tool.f"), 0);
    cr_assert_eq(number_of(OTHER, "tool.f"), 0);
}

/* Two sessions have a link each: what is said through one can overtake what the other one says. */
Test(core_libraries, what_a_task_asks_late_is_answered_for_its_own_program)
{
    enum { INNER = 50 };
    uint32_t worker = 0, same = 0;
    submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    load_file(B, "lib"); /* the other worker describes these */
    load_file((struct file){OTHER, 0, "/b/own.so", "/state/lib/own.so", 0}, "own");
    uint32_t strange = number_of(OTHER, "lib.f"), own = number_of(OTHER, "own.f");
    struct core_event event = {.type = CORE_SESSION_OPEN};
    event.u.open.session = event.u.open.store_session = INNER;
    event.u.open.role = LODE_ROLE_PROGRAM;
    event.u.open.worker = worker;
    event.u.open.pid = 5000 + worker;
    step(event);
    done(worker, task, LODE_DONE_OK, 1000);
    submit(OTHER, (struct call){.function = own});
    uint64_t stranger = ran(0, &same);
    cr_assert_eq(same, worker);
    cr_assert_eq(number_in(INNER, task, "lib.f"), 1, "the worker runs a stranger's task by now");
    load_file((struct file){INNER, 0, "/c/tool.so", "/state/lib/tool.so", task}, "tool");
    cr_assert_gt(number_of(PROGRAM, "tool.f"), 0);
    cr_assert_eq(number_of(OTHER, "tool.f"), 0);
    cr_assert_eq(number_in(INNER, stranger, "lib.f"), strange);
}

/* Its results are wanted by somebody: it runs on when its program is gone. */
Test(core_libraries, a_task_that_outlives_its_program_is_answered_when_it_loads)
{
    uint32_t parents = 0, worker = 0;
    submit(PROGRAM, (struct call){0});
    uint64_t parent = ran(0, &parents);
    submit(FIRST_WORKER + parents, (struct call){.parent = parent});
    uint64_t child = ran(0, &worker);
    done(parents, parent, LODE_DONE_OK, 1000);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    load_file((struct file){FIRST_WORKER + worker, 0, "/c/tool.so", "/state/lib/tool.so", child},
              "tool");
    cr_assert_eq(loaded()->err, LODE_OK);
    cr_assert_gt(number_in(FIRST_WORKER + worker, child, "tool.f"), 0);
}

Test(core_libraries, a_load_for_a_program_that_is_gone_meanwhile_fails)
{
    uint32_t parents = 0, worker = 0;
    submit(PROGRAM, (struct call){0});
    uint64_t parent = ran(0, &parents);
    submit(FIRST_WORKER + parents, (struct call){.parent = parent});
    uint64_t child = ran(0, &worker);
    done(parents, parent, LODE_DONE_OK, 1000);
    ask_load_file(
        (struct file){FIRST_WORKER + worker, 0, "/c/tool.so", "/state/lib/tool.so", child}, LODE_OK,
        NULL);
    struct seen asked = *find(CORE_SEND, LODE_TASK_DESCRIBE, 0);
    struct lode_task_load message = *(const struct lode_task_load *)asked.bytes;
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    done(worker, child, LODE_DONE_OK, 1000);
    static const char NAME[] = "tool";
    struct {
        struct lode_task_loaded head;
        char name[sizeof NAME];
    } described = {.head = {.tag = message.tag}};
    memcpy(described.name, NAME, sizeof NAME);
    record(asked.a.target, LODE_TASK_DESCRIBED, &described, sizeof described.head + sizeof NAME);
    cr_assert_eq(loaded()->err, LODE_ECLOSED);
}

Test(core_libraries, a_worker_forgets_names_when_it_changes_programs)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0, next = 0;
    uint64_t task = ran(0, &worker);
    number_in(FIRST_WORKER + worker, task, "lib.f");
    done(worker, task, LODE_DONE_OK, 1000);
    submit(PROGRAM, (struct call){0});
    task = ran(0, &next);
    cr_assert_eq(next, worker);
    cr_assert_null(find(CORE_SEND, LODE_TASK_FORGET, 0), "the same program's");
    submit(PROGRAM, (struct call){0}); /* holds the other worker */
    done(worker, task, LODE_DONE_OK, 1000);
    submit(OTHER, (struct call){0});
    cr_assert_neq(ran(0, &next), 0);
    cr_assert_eq(next, worker);
    const struct lode_task_forget *forget = sent(LODE_TASK_FORGET, NULL);
    cr_assert_eq(forget->flags, LODE_FORGET_PROGRAM);
}

Test(core_libraries, a_name_of_lodes_own_is_nobodys)
{
    static const char *const NAMES[] = {"blas", "lode"};
    for (int i = 0; i < 2; i++) {
        load_file((struct file){OTHER, LODE_LOAD_FOR_ALL, "/evil.so", "/state/lib/evil.so", 0},
                  NAMES[i]);
        cr_assert_eq(loaded()->err, LODE_ELIBRARY);
        cr_assert_not_null(strstr((const char *)(loaded() + 1), "a name of lode's own"));
        cr_assert_eq(number_of(PROGRAM, "lode.f"), 0);
    }
    resolve("blas.f");
    cr_assert_str_eq((const char *)find(CORE_COPY_LIBRARY, 0, 0)->bytes, "/b/liblode-blas.so");
}

Test(core_libraries, the_same_name_from_another_file_is_refused_with_both)
{
    load_file((struct file){PROGRAM, 0, "/elsewhere/l.so", "/state/lib/e.so", 0}, "lib");
    cr_assert_eq(loaded()->err, LODE_EEXIST);
    const char *text = (const char *)(loaded() + 1);
    cr_assert_not_null(strstr(text, "stands for /l.so, and /elsewhere/l.so"), "%s", text);
    cr_assert_eq(number_of(PROGRAM, "lib.f"), 1);
    load_file((struct file){PROGRAM, LODE_LOAD_REPLACE, "/elsewhere/l.so", "/state/lib/e.so", 0},
              "");
    cr_assert_eq(loaded()->err, LODE_OK);
    cr_assert_gt(number_of(PROGRAM, "lib.f"), 3);
}

Test(core_libraries, what_is_submitted_after_a_load_runs_the_new_version_whatever_its_session_knew)
{
    load_file((struct file){OTHER, LODE_LOAD_FOR_ALL, A1.source, A1.copy, 0}, "all");
    uint32_t known = number_of(PROGRAM, "all.f");
    submit(PROGRAM, (struct call){.function = known});
    uint64_t before = ran(0, NULL);
    cr_assert_neq(before, 0);
    load_file((struct file){OTHER, LODE_LOAD_FOR_ALL, A2.source, A2.copy, 0}, "all");
    cr_assert_eq(loaded()->err, LODE_OK);
    int forgets = count(CORE_SEND, LODE_TASK_FORGET);
    cr_assert_eq(forgets, 1, "%d", forgets);
    cr_assert_eq(find(CORE_SEND, LODE_TASK_FORGET, 0)->a.target, PROGRAM);
    submit(PROGRAM, (struct call){.function = known}); /* it has not heard yet */
    uint64_t after = 0;
    for (uint32_t next = 3; next < 9 && (after = ran(0, NULL)) == 0; next++) {
        worker_up(next);
    }
    cr_assert_neq(after, 0);
    const struct lode_task_function *told = sent(LODE_TASK_FUNCTION, NULL);
    cr_assert_str_eq((const char *)(told + 1), A2.copy);
    submit(PROGRAM, (struct call){.function = known, .results = 2});
    const char *text;
    const struct lode_error_object *error = error_put(&text);
    cr_assert_not_null(error);
    cr_assert_not_null(strstr(text, "loaded again meanwhile"), "%s", text);
}

Test(core_libraries, a_constructor_that_hangs_costs_one_worker_and_is_named)
{
    ask_load("/state/lib/n.so", LODE_OK, NULL);
    uint64_t session;
    sent(LODE_TASK_DESCRIBE, &session);
    struct lode_task_stats ask = {.tag = 5};
    record(PROGRAM, LODE_TASK_STATS, &ask, sizeof ask);
    const char *document =
        (const char *)((const struct lode_task_stats *)sent(LODE_TASK_STATS_ARE, NULL) + 1);
    cr_assert_not_null(strstr(document, "\"state\":\"loading\""), "%s", document);
    cr_assert_not_null(strstr(document, "\"library\":\"/l.so\""), "%s", document);
    timer(INT64_C(19000000000));
    cr_assert_null(find(CORE_KILL, 0, 0));
    timer(INT64_C(2000000000));
    cr_assert_eq(find(CORE_KILL, 0, 0)->a.target, session - FIRST_WORKER);
    cr_assert_eq(loaded()->err, LODE_ELIBRARY);
    const char *text = (const char *)(loaded() + 1);
    cr_assert_not_null(strstr(text, "/l.so was not open after 20 s: a constructor"), "%s", text);
    cr_assert_str_eq((const char *)find(CORE_REMOVE_COPY, 0, 0)->bytes, "/state/lib/n.so");
    die((uint32_t)(session - FIRST_WORKER), 0, SIGKILL);
    load("other", "/state/lib/o.so"); /* the next one is opened */
    cr_assert_eq(loaded()->err, LODE_OK);
}

static const char *
removed(void)
{
    return count(CORE_REMOVE_COPY, 0) == 1 ? (const char *)find(CORE_REMOVE_COPY, 0, 0)->bytes : "";
}

Test(core_libraries, the_copy_of_a_version_goes_when_nobody_means_it_and_no_task_runs_it)
{
    load_file(A1, "tool");
    uint32_t old = number_of(PROGRAM, "tool.f");
    load_file((struct file){OTHER, 0, "/b/tool.so", A1.copy, 0}, "tool");
    load_file(A2, "tool");
    cr_assert_eq(count(CORE_REMOVE_COPY, 0), 0, "another program means it");
    session_end(OTHER);
    if (find(CORE_RESULTS, 0, 0) != NULL) {
        settle(CORE_RESULTS, LODE_FOUND_GONE);
    }
    cr_assert_str_eq(removed(), A1.copy);
    submit(PROGRAM, (struct call){.function = old, .args = 1, .arg = {result_id(PROGRAM, 5)}});
    worker_up(3); /* the others hold a version */
    load_file((struct file){PROGRAM, 0, A1.source, "/state/lib/a3.so", 0}, "tool");
    cr_assert_eq(loaded()->err, LODE_OK);
    cr_assert_eq(count(CORE_REMOVE_COPY, 0), 0, "a task waits for its arguments");
    load_file((struct file){PROGRAM, 0, A1.source, A1.copy, 0}, "tool");
    cr_assert_eq(loaded()->err, LODE_OK, "it may come back");
    cr_assert_str_eq(removed(), "/state/lib/a3.so");
    cr_assert_eq(number_of(PROGRAM, "tool.f"), old);
}

/* A fresh worker can always, so this ends. */
Test(core_libraries, a_worker_that_can_serve_no_other_program_leaves_the_library_to_another)
{
    uint64_t first, second;
    ask_load("/state/lib/other.so", LODE_OK, NULL);
    const struct lode_task_load *ask = sent(LODE_TASK_DESCRIBE, &first);
    struct lode_task_loaded cannot = {.tag = ask->tag, .err = LODE_EAGAIN};
    record(first, LODE_TASK_DESCRIBED, &cannot, sizeof cannot);
    sent(LODE_TASK_DESCRIBE, &second);
    cr_assert_neq(first, second);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_QUIT), 1);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_LOADED), 0);
    describe("other");
    cr_assert_eq(((const struct lode_task_loaded *)sent(LODE_TASK_LOADED, NULL))->err, LODE_OK);
}
