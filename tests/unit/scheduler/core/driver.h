/*
 * driver.h: a core under a test's hand: events in, actions out, one at a time, with a clock that
 * moves when the test says so. One cluster of `cpus` CPUs; worker N has session 100 + N.
 */
#ifndef LODE_TESTS_UNIT_SCHEDULER_DRIVER_H
#define LODE_TESTS_UNIT_SCHEDULER_DRIVER_H

#include "api/layout/id.h"
#include "api/wire/rendezvous_msg.h"
#include "scheduler/core/check.h"
#include "scheduler/core/core.h"
#include "scheduler/core/stats.h"

#include <criterion/criterion.h>
#include <lode/task.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAM = 1, OTHER = 2, FIRST_WORKER = 100, ACTIONS_MAX = 4096, ONE_CPU = LODE_CPU_UNIT };

struct seen {
    struct core_action a;
    uint8_t *bytes;
};

static struct core *core;
static int64_t clock_ns;
static struct seen seen[ACTIONS_MAX];
static int seen_count;
static uint64_t submissions[300];

static inline void
forget(void)
{
    for (int i = 0; i < seen_count; i++) {
        free(seen[i].bytes);
    }
    seen_count = 0;
}

/* Fetches the actions; they are kept until the next event. */
static inline void
fetch(void)
{
    const struct core_action *a;
    while ((a = core_next_action(core)) != NULL) {
        cr_assert_lt(seen_count, ACTIONS_MAX);
        seen[seen_count].a = *a;
        seen[seen_count].bytes = malloc(a->size + 1);
        memcpy(seen[seen_count].bytes, core_action_bytes(a), a->size);
        seen[seen_count++].bytes[a->size] = 0;
    }
    core_check(core);
}

static inline void
step(struct core_event event)
{
    forget();
    event.now_ns = clock_ns += 1000;
    core_step(core, &event);
    fetch();
}

/* The n-th action of that type (and message, if it is a SEND) after the last event; NULL: none. */
static inline const struct seen *
find(enum core_action_type type, int message, int n)
{
    for (int i = 0; i < seen_count; i++) {
        if (seen[i].a.type == type && (type != CORE_SEND || seen[i].a.message == message) &&
            n-- == 0) {
            return &seen[i];
        }
    }
    return NULL;
}

static inline int
count(enum core_action_type type, int message)
{
    int n = 0;
    while (find(type, message, n) != NULL) {
        n++;
    }
    return n;
}

static inline const void *
sent(enum lode_task_msg message, uint64_t *session_out)
{
    const struct seen *s = find(CORE_SEND, message, 0);
    cr_assert_not_null(s, "message %d was not sent", message);
    if (session_out != NULL) {
        *session_out = s->a.target;
    }
    return s->bytes;
}

static inline void
record(uint64_t session, enum lode_task_msg type, const void *bytes, size_t size)
{
    struct core_event event = {.type = CORE_RECORD};
    event.u.record.session = session;
    event.u.record.type = (uint16_t)type;
    event.u.record.bytes = bytes;
    event.u.record.size = (uint32_t)size;
    step(event);
}

static inline void
open_session(uint64_t session, uint32_t worker)
{
    struct core_event event = {.type = CORE_SESSION_OPEN};
    event.u.open.session = event.u.open.store_session = session;
    event.u.open.role = worker ? LODE_ROLE_WORKER : LODE_ROLE_PROGRAM;
    event.u.open.worker = worker;
    event.u.open.pid = worker ? 5000 + worker : 0;
    event.u.open.secret = session;
    step(event);
}

static inline void
worker_up(uint32_t worker)
{
    struct core_event event = {.type = CORE_SPAWNED};
    event.u.spawned.worker = worker;
    event.u.spawned.pid = 5000 + worker;
    step(event);
    open_session(FIRST_WORKER + worker, worker);
    struct lode_task_worker ready = {0};
    record(FIRST_WORKER + worker, LODE_TASK_READY, &ready, sizeof ready);
}

/* A library "lib" with functions f (1 result), g (2), n (0): numbers 1, 2, 3. */
static inline void
describe(const char *name)
{
    uint64_t session;
    const struct lode_task_load *ask = sent(LODE_TASK_DESCRIBE, &session);
    struct lode_task_loaded head = {.tag = ask->tag};
    uint8_t bytes[256];
    size_t at = sizeof head, name_size = strlen(name) + 1;
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + at, name, name_size);
    at += name_size;
    static const char NAMES[] = "fgn";
    static const uint32_t RESULTS[] = {1, 2, 0};
    for (int i = 0; i < 3; i++) {
        bytes[at++] = (uint8_t)NAMES[i];
        bytes[at++] = 0;
        memcpy(bytes + at, "()", 3);
        memcpy(bytes + at + 3, &RESULTS[i], 4);
        at += 7;
    }
    record(session, LODE_TASK_DESCRIBED, bytes, at);
}

/* A file that a session loads, and where its copy is. */
struct file {
    uint64_t session;
    uint32_t flags;
    const char *source, *copy;
    uint64_t parent; /* the task that loads it */
};

/* A LOAD, and what came of the copying: where the copy is, or why there is none. */
static inline void
ask_load_file(struct file file, lode_err err, const char *why)
{
    struct lode_task_load head = {.tag = 9, .flags = file.flags, .parent = file.parent};
    uint8_t bytes[sizeof head + 64];
    size_t size = strlen(file.source) + 1;
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, file.source, size);
    record(file.session, LODE_TASK_LOAD, bytes, sizeof head + size);
    struct core_event event = {.type = CORE_LIBRARY_COPIED};
    event.u.copied.cookie = find(CORE_COPY_LIBRARY, 0, 0)->a.cookie;
    event.u.copied.path = file.copy;
    event.u.copied.err = err;
    event.u.copied.text = why;
    step(event);
}

static inline void
load_file(struct file file, const char *name)
{
    ask_load_file(file, LODE_OK, NULL);
    if (find(CORE_SEND, LODE_TASK_DESCRIBE, 0) != NULL) {
        describe(name);
    }
}

static inline void
ask_load(const char *copy, lode_err err, const char *why)
{
    ask_load_file((struct file){PROGRAM, 0, "/l.so", copy, 0}, err, why);
}

static inline void
load(const char *name, const char *copy)
{
    load_file((struct file){PROGRAM, 0, "/l.so", copy, 0}, name);
}

static inline void
start_with(struct core_options options)
{
    uint32_t cpus = options.cpus / ONE_CPU;
    options.builtin_name = "blas";
    options.builtin_path = "/b/liblode-blas.so";
    clock_ns = 1000000000;
    memset(submissions, 0, sizeof submissions);
    core = core_create(&options, clock_ns);
    fetch();
    open_session(PROGRAM, 0);
    open_session(OTHER, 0);
    for (uint32_t i = 1; i <= cpus; i++) {
        worker_up(i);
    }
    load("lib", "/state/lib/1.so");
}

static inline void
start(uint32_t cpus)
{
    start_with((struct core_options){.cpus = cpus * ONE_CPU});
}

/* Fixtures of suites. */
static inline void
one_cpu(void)
{
    start(1);
}

static inline void
two_cpus(void)
{
    start(2);
}

static inline void
stop(void)
{
    forget();
    core_destroy(core);
    core = NULL;
}

static inline lode_id
result_id(uint64_t session, uint64_t counter)
{
    return lode_id_make(LODE_ID_RESULT, session, counter);
}

struct call {
    uint32_t function, cpus, retries, flags, results, timeout_ms;
    int cpus_zero;
    lode_id arg[3];
    int args;
    uint8_t ready;
    uint64_t parent;
};

/* Submits one call; its first result is result_id(session, 10 × its number). */
static inline lode_id
submit(uint64_t session, struct call call)
{
    uint64_t number = ++submissions[session];
    lode_id results = result_id(session, 10 * number);
    struct lode_task_submit head = {.submission = number,
                                    .parent = call.parent,
                                    .results = results,
                                    .function = call.function ? call.function : 1,
                                    .result_count = call.results         ? call.results
                                                    : call.function == 2 ? 2
                                                                         : 1,
                                    .cpus = call.cpus_zero ? 0
                                            : call.cpus    ? call.cpus
                                                           : ONE_CPU,
                                    .max_retries = call.retries,
                                    .flags = call.flags,
                                    .arg_count = (uint16_t)call.args,
                                    .timeout_ms = call.timeout_ms};
    uint8_t bytes[sizeof head + 3 * 24];
    size_t at = sizeof head;
    memcpy(bytes, &head, sizeof head);
    for (int i = 0; i < call.args; i++) {
        struct lode_task_arg arg = {.kind = LODE_ARG_REF, .ready = call.ready, .size = 16};
        memcpy(bytes + at, &arg, sizeof arg);
        memcpy(bytes + at + sizeof arg, &call.arg[i], 16);
        at += 24;
    }
    record(session, LODE_TASK_SUBMIT, bytes, at);
    return results;
}

/* The n-th RUN after the last event: its task; *worker_out: where. 0: there is none. */
static inline uint64_t
ran(int n, uint32_t *worker_out)
{
    const struct seen *s = find(CORE_SEND, LODE_TASK_RUN, n);
    if (worker_out != NULL) {
        *worker_out = s != NULL ? (uint32_t)(s->a.target - FIRST_WORKER) : UINT32_MAX;
    }
    if (s == NULL) {
        return 0;
    }
    return ((const struct lode_task_run *)s->bytes)->task;
}

/* Submits a task, which starts at once. */
static inline uint64_t
run_now(uint64_t session, struct call call, uint32_t *worker_out)
{
    submit(session, call);
    uint64_t task = ran(0, worker_out);
    cr_assert_neq(task, 0);
    return task;
}

static inline void
done(uint32_t worker, uint64_t task, uint32_t status, uint64_t run_ns)
{
    struct lode_task_done message = {
        .task = task, .run_ns = run_ns, .status = status, .err = LODE_ETASK};
    record(FIRST_WORKER + worker, LODE_TASK_DONE, &message, sizeof message);
}

static uint64_t calls; /* that slept, of all workers */

/* The worker's task sleeps, or goes on. */
static inline void
blocked(uint32_t worker, uint64_t task, bool is)
{
    calls += is;
    struct lode_task_worker message = {.task = task, .call = calls};
    record(FIRST_WORKER + worker, is ? LODE_TASK_BLOCKED : LODE_TASK_UNBLOCKED, &message,
           sizeof message);
}

static inline void
waits_for_room(uint32_t worker, uint64_t task)
{
    struct lode_task_worker message = {
        .task = task, .call = ++calls, .flags = LODE_BLOCKED_FOR_ROOM};
    record(FIRST_WORKER + worker, LODE_TASK_BLOCKED, &message, sizeof message);
}

/* Runs `tasks` of lib.f, each of run_ns, so that its run time is known. */
static inline void
learn(uint64_t run_ns, int tasks)
{
    for (int i = 0; i < tasks; i++) {
        submit(PROGRAM, (struct call){0});
        uint32_t worker = 0;
        uint64_t task = ran(0, &worker);
        done(worker, task, LODE_DONE_OK, run_ns);
    }
}

/* The worker gives these back. */
static inline void
recalled(uint32_t worker, const uint64_t *task, uint32_t tasks)
{
    uint8_t bytes[sizeof(struct lode_task_recall) + 64 * 8];
    struct lode_task_recall head = {.count = tasks};
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, task, tasks * 8);
    record(FIRST_WORKER + worker, LODE_TASK_RECALLED, bytes, sizeof head + tasks * 8);
}

enum { CRASH_ADDRESS = 0x1234560 };

/* The worker dies; `running` is what its page says that it had begun (0: nothing), `crash_code` how
 * the signal came (si_code; 0: nothing is said). */
static inline void
die_at(uint32_t worker, uint64_t running, int32_t status, int32_t crash_code)
{
    struct lode_worker_page page = {
        .magic = LODE_WORKER_PAGE_MAGIC, .started = running, .begun = {running}};
    if (crash_code != 0) {
        page.crash_set = 1;
        page.crash_signal = status;
        page.crash_code = crash_code;
        page.crash_address = CRASH_ADDRESS;
    }
    struct core_event event = {.type = CORE_EXITED};
    event.u.exited.worker = worker;
    event.u.exited.status = status;
    event.u.exited.page = &page;
    step(event);
}

static inline void
die(uint32_t worker, uint64_t running, int32_t status)
{
    die_at(worker, running, status, 0);
}

/* Answers the SETTLE (or RESULTS) of the last event: a status for each id. */
static inline void
settle_each(enum core_action_type type, const uint8_t *status)
{
    const struct seen *s = find(type, 0, 0);
    cr_assert_not_null(s);
    struct core_event event = {.type = CORE_SETTLED};
    event.u.settled.cookie = s->a.cookie;
    event.u.settled.status = status;
    event.u.settled.count = s->a.size / 16;
    step(event);
}

/* The same status for each id. */
static inline void
settle(enum core_action_type type, uint8_t status)
{
    uint8_t all[CORE_STORE_IDS];
    memset(all, status, sizeof all);
    settle_each(type, all);
}

static inline void
notify(uint64_t cookie, lode_id id, uint32_t status, uint32_t is_error)
{
    struct lode_msg_ready ready = {.id = id, .status = status, .is_error = is_error};
    struct core_event event = {.type = CORE_NOTIFY};
    event.u.notify.cookie = cookie;
    event.u.notify.ready = &ready;
    event.u.notify.count = 1;
    step(event);
}

static inline void
timer(int64_t later_ns)
{
    clock_ns += later_ns;
    step((struct core_event){.type = CORE_TIMER});
}

static inline void
session_end(uint64_t session)
{
    struct core_event event = {.type = CORE_SESSION_END};
    event.u.session = session;
    step(event);
}

/* The error that the last event put, with its text; NULL: none. */
static inline const struct lode_error_object *
error_put(const char **text_out)
{
    const struct seen *s = find(CORE_PUT_ERROR, 0, 0);
    if (s == NULL) {
        return NULL;
    }
    const struct lode_error_object *error =
        (const void *)(s->bytes + sizeof(struct core_put_error));
    const char *function = (const char *)(error + 1);
    if (text_out != NULL) {
        *text_out = function + strlen(function) + 1;
    }
    return error;
}

static inline void
error_done(void)
{
    struct core_event event = {.type = CORE_ERROR_DONE};
    event.u.cookie = find(CORE_PUT_ERROR, 0, 0)->a.cookie;
    step(event);
}

static inline lode_scheduler_stats
stats(void)
{
    lode_scheduler_stats s;
    core_get_stats(core, clock_ns, &s);
    return s;
}

#endif
