#include "scheduler/core/list.h"

#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/text.h"

static const char *
state_of_placed(const struct core_task *task)
{
    const struct core_worker *worker = task->worker;
    if (TAILQ_FIRST(&worker->queue) != task) {
        return "queued";
    }
    return worker->blocked && worker->blocked_task == task->number ? "blocked" : "running";
}

static const char *
state_of(const struct core_task *task)
{
    switch (task->state) {
    case CORE_TASK_WAITING:
        return "waiting";
    case CORE_TASK_READY:
        return "ready";
    case CORE_TASK_PLACED:
        return state_of_placed(task);
    case CORE_TASK_SETTLING:
        return "settling";
    default:
        return "ending";
    }
}

static void
add_worker(struct core_text *d, const struct core *core, const struct core_task *task)
{
    const struct core_worker *worker = task->worker;
    core_text_add(d, ",\"worker\":%u,\"pid\":%lld", worker->number, (long long)worker->pid);
    if (TAILQ_FIRST(&worker->queue) == task) {
        core_text_add(d, ",\"busy_ns\":%lld", (long long)(core->now - worker->head_since));
    }
}

static void
add_task(struct core_text *d, const struct core *core, const struct core_task *task)
{
    char room[LODE_TASK_NAME_MAX + 1];
    const struct core_lane *lane = task->lane;
    const char *name = core_task_name(task, room);
    const char *function = task->function != NULL ? task->function->name : name;
    core_text_add(d, "{\"task\":\"%llu\",\"id\":", (unsigned long long)task->number);
    core_text_add_id(d, task->results);
    core_text_add(d, ",\"state\":\"%s\",\"age_ns\":%lld,\"function\":", state_of(task),
                  (long long)core_task_age_ns(core, task));
    core_text_add_string(d, function);
    if (strcmp(name, function) != 0) {
        core_text_add(d, ",\"name\":");
        core_text_add_string(d, name);
    }
    core_text_add(d, ",\"program\":%lld,\"depth\":%u,\"cpus\":%llu,\"attempts\":%u",
                  (long long)lane->program->pid, lane->depth, (unsigned long long)task->needs.cpus,
                  task->attempts);
    if (lane->owner != 0) {
        core_text_add(d, ",\"parent\":\"%llu\"", (unsigned long long)lane->owner);
    }
    if (task->worker != NULL) {
        add_worker(d, core, task);
    }
    core_text_add(d, "}");
}

/* Returns where the next answer begins; 0: there is no further task. */
static uint64_t
add_tasks(struct core_text *d, const struct core *core, uint64_t from)
{
    uint64_t at = from, shown = 0;
    while (at < core->slot_used && at - from < CORE_LIST_SLOTS && shown < CORE_LIST_TASKS) {
        const struct core_task *task = core_task_at(core, (uint32_t)at++);
        if (task != NULL) {
            core_text_add(d, shown++ > 0 ? "," : "");
            add_task(d, core, task);
        }
    }
    return at < core->slot_used ? at : 0;
}

void
core_send_list(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    const struct lode_task_list *asked = bytes;
    if (size != sizeof *asked) {
        core_cut(core, session, LODE_EPROTO, "a LIST of %u bytes", size);
        return;
    }
    struct core_text d = {.bytes = NULL};
    struct lode_task_list head = {.tag = asked->tag};
    core_text_add(&d, "{\"tasks\":[");
    head.at = add_tasks(&d, core, asked->at);
    core_text_add(&d, "]}");
    struct lode_task_list *answer =
        core_send(core, session, LODE_TASK_LISTED, (uint32_t)(sizeof head + d.used + 1));
    if (answer != NULL) {
        *answer = head;
        memcpy(answer + 1, d.bytes, d.used + 1);
    }
    core_text_free(&d);
}
