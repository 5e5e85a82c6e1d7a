/* speed.c: a program and two workers that answer at once, in batches as links make them. */
#include "tests/sim/speed.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/layout/id.h"
#include "api/wire/rendezvous_msg.h"
#include "scheduler/core/core.h"

#include <lode/task.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAM = 1, WORKER_SESSION = 10, WORKERS = 2 };

struct line {
    uint64_t *task;
    uint64_t count, room;
};

struct course {
    struct core *core;
    struct line line[WORKERS + 1]; /* by worker number */
    uint64_t submitted, ended;
};

static void
step(struct course *c, struct core_event *event)
{
    event->now_ns = lode_now_ns();
    core_step(c->core, event);
}

static void
record(struct course *c, uint64_t session, uint16_t type, const void *bytes, uint32_t size)
{
    struct core_event event = {.type = CORE_RECORD};
    event.u.record.session = session;
    event.u.record.type = type;
    event.u.record.bytes = bytes;
    event.u.record.size = size;
    step(c, &event);
}

static void
describe(struct course *c, uint64_t session, const struct lode_task_load *load)
{
    struct lode_task_loaded head = {.tag = load->tag};
    uint32_t results = 1;
    uint8_t bytes[sizeof head + 4 + 2 + 3 + sizeof results];
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, "lib\0f\0()", 9);
    memcpy(bytes + sizeof head + 9, &results, sizeof results);
    record(c, session, LODE_TASK_DESCRIBED, bytes, sizeof head + 9 + sizeof results);
}

static void
open_session(struct course *c, uint64_t session, uint32_t worker)
{
    struct core_event event = {.type = CORE_SESSION_OPEN};
    event.u.open.session = event.u.open.store_session = session;
    event.u.open.role = worker ? LODE_ROLE_WORKER : LODE_ROLE_PROGRAM;
    event.u.open.worker = worker;
    step(c, &event);
}

static void
queue_run(struct course *c, uint64_t worker, uint64_t task)
{
    struct line *line = &c->line[worker];
    if (line->count == line->room) {
        line->room = line->room ? 2 * line->room : 1024;
        line->task = realloc(line->task, line->room * sizeof *line->task);
    }
    line->task[line->count++] = task;
}

static void
carry_out(struct course *c, const struct core_action *a)
{
    const void *bytes = core_action_bytes(a);
    if (a->type == CORE_SEND && a->message == LODE_TASK_RUN) {
        queue_run(c, a->target - WORKER_SESSION, ((const struct lode_task_run *)bytes)->task);
    } else if (a->type == CORE_SEND && a->message == LODE_TASK_ENDED) {
        c->ended += ((const struct lode_task_ended *)bytes)->count;
    }
}

static void
carry_out_all(struct course *c)
{
    const struct core_action *a;
    while ((a = core_next_action(c->core)) != NULL) {
        carry_out(c, a);
    }
}

static void
load_library(struct course *c)
{
    struct lode_task_load load = {.tag = 1};
    uint8_t bytes[sizeof load + 3];
    memcpy(bytes, &load, sizeof load);
    memcpy(bytes + sizeof load, "/a", 3);
    record(c, PROGRAM, LODE_TASK_LOAD, bytes, sizeof bytes);
    struct core_event event = {.type = CORE_LIBRARY_COPIED};
    const struct core_action *a;
    while ((a = core_next_action(c->core)) != NULL) {
        if (a->type == CORE_COPY_LIBRARY) {
            event.u.copied.cookie = a->cookie;
        }
    }
    event.u.copied.path = "/state/a.so";
    step(c, &event);
    uint64_t session = 0;
    struct lode_task_load ask = {0};
    while ((a = core_next_action(c->core)) != NULL) {
        if (a->type == CORE_SEND && a->message == LODE_TASK_DESCRIBE) {
            session = a->target;
            memcpy(&ask, core_action_bytes(a), sizeof ask);
        }
    }
    LODE_ASSERT(session != 0);
    describe(c, session, &ask);
    carry_out_all(c);
}

static void
submit(struct course *c)
{
    struct lode_task_submit head = {.submission = ++c->submitted,
                                    .function = 1,
                                    .result_count = 1,
                                    .cpus = LODE_CPU_UNIT,
                                    .max_retries = 3,
                                    .arg_count = 1};
    head.results = lode_id_make(LODE_ID_RESULT, PROGRAM, c->submitted);
    struct lode_task_arg arg = {.kind = LODE_ARG_I64, .size = 8};
    uint8_t bytes[sizeof head + sizeof arg + 8];
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, &arg, sizeof arg);
    memset(bytes + sizeof head + sizeof arg, 0, 8);
    record(c, PROGRAM, LODE_TASK_SUBMIT, bytes, sizeof bytes);
}

static void
finish_line(struct course *c, uint64_t worker)
{
    struct line *line = &c->line[worker], rest = *line;
    *line = (struct line){0};
    for (uint64_t i = 0; i < rest.count; i++) {
        struct lode_task_done done = {.task = rest.task[i], .run_ns = 200, .status = LODE_DONE_OK};
        record(c, WORKER_SESSION + worker, LODE_TASK_DONE, &done, sizeof done);
    }
    free(rest.task);
}

/* Of this process: what others do on the machine does not count. */
static double
cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double
sim_speed(uint64_t tasks, uint64_t outstanding)
{
    struct core_options options = {.cpus = WORKERS * LODE_CPU_UNIT};
    struct course c = {.core = core_create(&options, lode_now_ns())};
    open_session(&c, PROGRAM, 0);
    for (uint32_t i = 1; i <= WORKERS; i++) {
        struct lode_task_worker ready = {0};
        open_session(&c, WORKER_SESSION + i, i);
        record(&c, WORKER_SESSION + i, LODE_TASK_READY, &ready, sizeof ready);
    }
    carry_out_all(&c);
    load_library(&c);
    double start = cpu_seconds();
    while (c.ended < tasks / 64 * 64) {
        while (c.submitted < tasks && c.submitted - c.ended < outstanding) {
            submit(&c);
        }
        carry_out_all(&c);
        for (uint64_t i = 1; i <= WORKERS; i++) {
            finish_line(&c, i);
        }
        carry_out_all(&c);
    }
    double seconds = cpu_seconds() - start;
    core_destroy(c.core);
    for (int i = 0; i <= WORKERS; i++) {
        free(c.line[i].task);
    }
    return (double)tasks / seconds;
}
