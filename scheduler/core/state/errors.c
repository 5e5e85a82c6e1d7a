#include "scheduler/core/state/errors.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/state/tasks.h"

#include <stdio.h>

void
core_describe_death(const struct core_death *death, char *text_out, size_t room)
{
    if (death->signal != 0) {
        const char *name = sigabbrev_np(death->signal);
        char where[32] = "";
        if (death->at_address) {
            snprintf(where, sizeof where, " at address 0x%llx", (unsigned long long)death->address);
        }
        snprintf(text_out, room, "was ended by signal %d (SIG%s)%s", death->signal,
                 name != NULL ? name : "?", where);
    } else {
        snprintf(text_out, room, "exited with status %d", death->exit_status);
    }
}

static struct core_failure *
next_failure(struct core *core, const struct core_task *task, lode_err code)
{
    struct core_failure *failure = &core->failure[core->failure_count++ % CORE_FAILURES_KEPT];
    char room[LODE_TASK_NAME_MAX + 1];
    failure->when_ns = core->now;
    failure->code = code;
    failure->pid = 0;
    failure->signal = 0;
    const struct core_program *program = core_task_program(task);
    failure->program = program != NULL ? program->pid : 0;
    failure->depth = program != NULL ? task->lane->depth : 0;
    snprintf(failure->function, sizeof failure->function, "%s", core_task_name(task, room));
    return failure;
}

void
core_failure_note(struct core *core, const struct core_task *task, lode_err code,
                  const struct core_death *death, const char *message)
{
    struct core_failure *failure = next_failure(core, task, code);
    if (death != NULL) {
        failure->pid = death->pid;
        failure->signal = death->signal;
    }
    snprintf(failure->message, sizeof failure->message, "%s", message);
}

void
core_failure_note_said(struct core *core, const struct core_task *task, lode_err code,
                       const struct core_worker *worker, const char *why, size_t size)
{
    struct core_failure *failure = next_failure(core, task, code);
    failure->pid = worker->pid;
    snprintf(failure->message, sizeof failure->message, "%.*s", (int)size, why);
    if (failure->message[0] == '\0') {
        snprintf(failure->message, sizeof failure->message, "%s", lode_err_text(code));
    }
}

static struct lode_error_object
error_head(const struct core_task *task, lode_err code, const struct core_death *death)
{
    struct lode_error_object head = {.code = (int32_t)code,
                                     .attempt = (int32_t)task->attempts,
                                     .may_have_run = task->attempts > 0,
                                     .task = task->number};
    if (death != NULL) {
        head.pid = death->pid;
        head.signal = death->signal;
        head.exit_status = death->exit_status;
    }
    return head;
}

void
core_put_error(struct core *core, const struct core_task *task, lode_id copy_from, lode_err code,
               const struct core_death *death, const char *message)
{
    char room[LODE_TASK_NAME_MAX + 1];
    const char *name = core_task_name(task, room);
    struct lode_error_parts parts = {
        .head = error_head(task, code, death),
        .function = task->function != NULL ? task->function->name : name,
        .message = message,
    };
    size_t error_size = lode_error_object_size(&parts);
    struct core_put_error *put =
        core_emit(core, CORE_PUT_ERROR, 0, task->number, 0, (uint32_t)(sizeof *put + error_size));
    *put = (struct core_put_error){.copy_from = copy_from,
                                   .results = task->results,
                                   .result_count = task->result_count,
                                   .error_size = (uint32_t)error_size};
    const struct core_session *audience =
        (task->flags & LODE_SUBMIT_UNATTENDED) != 0 ? core_task_audience(task) : NULL;
    put->report_session = audience != NULL ? audience->number : 0;
    memcpy(put->name, name, strnlen(name, LODE_TASK_NAME_MAX));
    lode_error_object_write(&parts, put + 1, error_size);
}
