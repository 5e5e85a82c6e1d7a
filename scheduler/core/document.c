#include "scheduler/core/document.h"

#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/stats.h"

#include <stdarg.h>
#include <stdio.h>

enum { DOCUMENT_BYTES = 32 << 10, WORKERS_SHOWN = 64, FUNCTIONS_SHOWN = 32, LIBRARIES_SHOWN = 32 };

struct document {
    char *text;
    size_t used, room;
};

static void add(struct document *d, const char *format, ...) LODE_PRINTF(2, 3);

/* What does not fit is left out; parts are small, and room for the closing is kept. */
static void
add(struct document *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(d->text + d->used, d->room - d->used, format, args);
    va_end(args);
    if (size > 0 && (size_t)size < d->room - d->used) {
        d->used += (size_t)size;
    }
    d->text[d->used] = '\0';
}

static void
add_string(struct document *d, const char *text)
{
    char out[2048];
    size_t used = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c && used < sizeof out - 8; c++) {
        if (*c == '"' || *c == '\\') {
            out[used++] = '\\';
            out[used++] = (char)*c;
        } else if (*c < 0x20) {
            used += (size_t)sprintf(out + used, "\\u%04x", *c);
        } else {
            out[used++] = (char)*c;
        }
    }
    out[used] = '\0';
    add(d, "\"%s\"", out);
}

static const char *
worker_state(const struct core_worker *worker)
{
    switch (worker->state) {
    case CORE_WORKER_STARTING:
        return "starting";
    case CORE_WORKER_UP:
        return worker->blocked ? "blocked" : worker->count > 0 ? "busy" : "idle";
    case CORE_WORKER_QUITTING:
        return "ending";
    default:
        return "dead";
    }
}

/* Numbers of tasks need more than the 53 bits that a number of JSON may have. */
static void
add_task(struct document *d, const struct core_task *task)
{
    char room[LODE_TASK_NAME_MAX + 1];
    const struct core_lane *lane = task->lane;
    add(d, ",\"function\":");
    add_string(d, core_task_name(task, room));
    add(d, ",\"task\":\"%llu\",\"program\":%lld,\"depth\":%u", (unsigned long long)task->number,
        (long long)lane->program->pid, lane->depth);
    if (lane->owner != 0) {
        add(d, ",\"parent\":\"%llu\"", (unsigned long long)lane->owner);
    }
}

static void
add_workers(struct document *d, const struct core *core)
{
    const struct core_worker *worker;
    int shown = 0;
    add(d, ",\"workers\":[");
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        if (shown == WORKERS_SHOWN) {
            break;
        }
        add(d, "%s{\"worker\":%u,\"pid\":%lld,\"state\":\"%s\",\"tasks\":%u,\"finished\":%llu",
            shown++ ? "," : "", worker->number, (long long)worker->pid, worker_state(worker),
            worker->count, (unsigned long long)worker->finished);
        if (worker->count > 0) {
            add_task(d, TAILQ_FIRST(&worker->queue));
        }
        add(d, "}");
    }
    add(d, "]");
}

static uint64_t
running_of(const struct core *core, const struct core_function *function)
{
    uint64_t running = 0;
    const struct core_worker *worker;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        running += worker->count > 0 && TAILQ_FIRST(&worker->queue)->function == function;
    }
    return running;
}

static void
add_demands(struct document *d, const struct core *core)
{
    int shown = 0;
    add(d, ",\"demands\":[");
    for (uint32_t i = 0; i < core->function_count && shown < FUNCTIONS_SHOWN; i++) {
        const struct core_function *f = core->function[i];
        if (f->waiting + f->ready + f->placed == 0) {
            continue;
        }
        uint64_t running = running_of(core, f);
        add(d, "%s{\"function\":", shown++ ? "," : "");
        add_string(d, f->name);
        add(d, ",\"cpus\":%u,\"waiting\":%llu,\"ready\":%llu,\"running\":%llu}", f->cpus,
            (unsigned long long)f->waiting, (unsigned long long)(f->ready + f->placed - running),
            (unsigned long long)running);
    }
    add(d, "]");
}

static void
add_failures(struct document *d, const struct core *core)
{
    uint64_t count =
        core->failure_count < CORE_FAILURES_KEPT ? core->failure_count : CORE_FAILURES_KEPT;
    add(d, ",\"failures\":[");
    for (uint64_t i = 0; i < count; i++) {
        const struct core_failure *f =
            &core->failure[(core->failure_count - 1 - i) % CORE_FAILURES_KEPT];
        add(d, "%s{\"age_ns\":%lld,\"code\":\"%s\",\"pid\":%lld,\"signal\":%d", i ? "," : "",
            (long long)(core->now - f->when_ns), lode_err_name(f->code), (long long)f->pid,
            f->signal);
        add(d, ",\"program\":%lld,\"depth\":%u,\"function\":", (long long)f->program, f->depth);
        add_string(d, f->function);
        add(d, ",\"message\":");
        add_string(d, f->message);
        add(d, "}");
    }
    add(d, "]");
}

/* `program`: whose they are, as a pid; 0: offered to all. */
static void
add_names(struct document *d, const struct core_names *names, int64_t program, int *shown_io)
{
    for (const struct core_named *n = names->first; n && *shown_io < LIBRARIES_SHOWN; n = n->next) {
        add(d, "%s{\"name\":", (*shown_io)++ ? "," : "");
        add_string(d, n->library->name);
        add(d, ",\"path\":");
        add_string(d, n->library->path);
        add(d, ",\"source\":");
        add_string(d, n->source);
        if (program != 0) {
            add(d, ",\"program\":%lld", (long long)program);
        }
        add(d, ",\"functions\":%u}", n->library->count);
    }
}

static void
add_libraries(struct document *d, const struct core *core)
{
    int shown = 0;
    add(d, ",\"libraries\":[");
    add_names(d, &core->offered, 0, &shown);
    const struct core_session *session, *next;
    HASH_ITER(by_number, core->sessions, session, next)
    {
        add_names(d, &session->program->names, session->program->pid, &shown);
    }
    add(d, "]");
}

void
core_send_stats(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    const struct lode_task_stats *asked = bytes;
    if (size < offsetof(struct lode_task_stats, stats)) {
        core_cut(core, session, LODE_EPROTO, "a STATS of %u bytes", size);
        return;
    }
    char text[DOCUMENT_BYTES];
    struct document d = {text, 0, sizeof text - 2};
    add(&d, "{\"schema\":\"lode.status/2\"");
    add_workers(&d, core);
    add_demands(&d, core);
    add_libraries(&d, core);
    add_failures(&d, core);
    memcpy(d.text + d.used, "}", 2);
    uint32_t text_size = (uint32_t)d.used + 1;
    struct lode_task_stats *answer =
        core_send(core, session, LODE_TASK_STATS_ARE, (uint32_t)sizeof *answer + text_size);
    if (answer == NULL) {
        return;
    }
    *answer = (struct lode_task_stats){.tag = asked->tag};
    core_get_stats(core, core->now, &answer->stats);
    memcpy(answer + 1, d.text, text_size);
}
