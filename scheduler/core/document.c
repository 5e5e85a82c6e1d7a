#include "scheduler/core/document.h"

#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/stats.h"
#include "scheduler/core/text.h"

/*
 * Names and paths of others may be of any bytes, and longer than themselves once escaped. A list
 * ends where the document is so long: one entry more, at most 64 KiB, fits into a record still.
 */
enum {
    WORKERS_SHOWN = 64,
    FUNCTIONS_SHOWN = 32,
    LIBRARIES_SHOWN = 32,
    WORKERS_BYTES = LODE_TASK_RECORD_MAX / 2,
    DOCUMENT_BYTES = LODE_TASK_RECORD_MAX - (256 << 10)
};

static const char *
worker_state(const struct core_worker *worker)
{
    switch (worker->state) {
    case CORE_WORKER_STARTING:
        return "starting";
    case CORE_WORKER_UP:
        return worker->blocked              ? "blocked"
               : worker->describing != NULL ? "loading"
               : worker->count > 0          ? "busy"
                                            : "idle";
    case CORE_WORKER_QUITTING:
        return "ending";
    default:
        return "dead";
    }
}

/* Numbers of tasks need more than the 53 bits that a number of JSON may have. */
static void
add_task(struct core_text *d, const struct core_task *task)
{
    char room[LODE_TASK_NAME_MAX + 1];
    const struct core_lane *lane = task->lane;
    core_text_add(d, ",\"function\":");
    core_text_add_string(d, core_task_name(task, room));
    core_text_add(d, ",\"task\":\"%llu\",\"program\":%lld,\"depth\":%u,\"id\":",
                  (unsigned long long)task->number, (long long)lane->program->pid, lane->depth);
    core_text_add_id(d, task->results);
    if (lane->owner != 0) {
        core_text_add(d, ",\"parent\":\"%llu\"", (unsigned long long)lane->owner);
    }
}

static void
add_workers(struct core_text *d, const struct core *core, uint32_t most)
{
    const struct core_worker *worker;
    uint32_t shown = 0, left_out = 0;
    core_text_add(d, ",\"workers\":[");
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        if (shown == most || d->used > WORKERS_BYTES) {
            left_out++;
            continue;
        }
        core_text_add(
            d, "%s{\"worker\":%u,\"pid\":%lld,\"state\":\"%s\",\"tasks\":%u,\"finished\":%llu",
            shown++ ? "," : "", worker->number, (long long)worker->pid, worker_state(worker),
            worker->count, (unsigned long long)worker->finished);
        if (worker->count > 0) {
            core_text_add(d, ",\"busy_ns\":%lld", (long long)(core->now - worker->head_since));
            add_task(d, TAILQ_FIRST(&worker->queue));
        }
        if (worker->describing != NULL) {
            core_text_add(d, ",\"library\":");
            core_text_add_string(d, worker->describing->source);
        }
        core_text_add(d, "}");
    }
    core_text_add(d, "],\"workers_left_out\":%u", left_out);
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
add_demands(struct core_text *d, const struct core *core)
{
    int shown = 0;
    core_text_add(d, ",\"demands\":[");
    for (uint32_t i = 0; i < core->function_count && shown < FUNCTIONS_SHOWN; i++) {
        const struct core_function *f = core->function[i];
        if (f->waiting + f->ready + f->placed == 0) {
            continue;
        }
        uint64_t running = running_of(core, f);
        core_text_add(d, "%s{\"function\":", shown++ ? "," : "");
        core_text_add_string(d, f->name);
        core_text_add(d, ",\"cpus\":%u,\"waiting\":%llu,\"ready\":%llu,\"running\":%llu}", f->cpus,
                      (unsigned long long)f->waiting,
                      (unsigned long long)(f->ready + f->placed - running),
                      (unsigned long long)running);
    }
    core_text_add(d, "]");
}

static void
add_failures(struct core_text *d, const struct core *core)
{
    core_text_add(d, ",\"failures\":[");
    for (uint32_t i = 0; i < core->failure_count; i++) {
        const struct core_failure *f = &core->failure[core->failure_order[i]];
        core_text_add(d, "%s{\"age_ns\":%lld,\"code\":\"%s\",\"pid\":%lld,\"signal\":%d",
                      i ? "," : "", (long long)(core->now - f->when_ns), lode_err_name(f->code),
                      (long long)f->pid, f->signal);
        core_text_add(d, ",\"tasks\":%llu,\"program\":%lld,\"depth\":%u,\"function\":",
                      (unsigned long long)f->tasks, (long long)f->program, f->depth);
        core_text_add_string(d, f->function);
        core_text_add(d, ",\"message\":");
        core_text_add_string(d, f->message);
        core_text_add(d, "}");
    }
    core_text_add(d, "]");
}

/* `program`: whose they are, as a pid; 0: offered to all. */
static void
add_names(struct core_text *d, const struct core_names *names, int64_t program, int *shown_io)
{
    for (const struct core_named *n = names->first;
         n && *shown_io < LIBRARIES_SHOWN && d->used < DOCUMENT_BYTES; n = n->next) {
        core_text_add(d, "%s{\"name\":", (*shown_io)++ ? "," : "");
        core_text_add_string(d, n->library->name);
        core_text_add(d, ",\"path\":");
        core_text_add_string(d, n->library->path);
        core_text_add(d, ",\"source\":");
        core_text_add_string(d, n->source);
        if (program != 0) {
            core_text_add(d, ",\"program\":%lld", (long long)program);
        }
        core_text_add(d, ",\"functions\":%u}", n->library->count);
    }
}

static void
add_libraries(struct core_text *d, const struct core *core)
{
    int shown = 0;
    core_text_add(d, ",\"libraries\":[");
    add_names(d, &core->offered, 0, &shown);
    const struct core_session *session, *next;
    HASH_ITER(by_number, core->sessions, session, next)
    {
        add_names(d, &session->program->names, session->program->pid, &shown);
    }
    core_text_add(d, "]");
}

static void
add_lost(struct core_text *d, const struct core *core)
{
    int shown = 0;
    core_text_add(d, ",\"lost_libraries\":[");
    for (const struct core_offer *o = core->offers; o && shown < LIBRARIES_SHOWN; o = o->next) {
        if (o->why == NULL || d->used > DOCUMENT_BYTES) {
            continue;
        }
        core_text_add(d, "%s{\"name\":", shown++ ? "," : "");
        core_text_add_string(d, o->name);
        core_text_add(d, ",\"source\":");
        core_text_add_string(d, o->source);
        core_text_add(d, ",\"message\":");
        core_text_add_string(d, o->why);
        core_text_add(d, "}");
    }
    core_text_add(d, "]");
}

void
core_send_stats(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    const struct lode_task_stats *asked = bytes;
    if (size < offsetof(struct lode_task_stats, stats)) {
        core_cut(core, session, LODE_EPROTO, "a STATS of %u bytes", size);
        return;
    }
    struct core_text d = {.bytes = NULL};
    bool wants_all = (asked->err & LODE_STATS_ALL_WORKERS) != 0;
    core_text_add(&d, "{\"schema\":\"lode.status/2\"");
    add_workers(&d, core, wants_all ? UINT32_MAX : WORKERS_SHOWN);
    add_demands(&d, core);
    add_libraries(&d, core);
    add_lost(&d, core);
    add_failures(&d, core);
    core_text_add(&d, "}");
    struct lode_task_stats *answer =
        core_send(core, session, LODE_TASK_STATS_ARE, (uint32_t)(sizeof *answer + d.used + 1));
    if (answer != NULL) {
        *answer = (struct lode_task_stats){.tag = asked->tag};
        core_get_stats(core, core->now, &answer->stats);
        memcpy(answer + 1, d.bytes, d.used + 1);
    }
    core_text_free(&d);
}
