/* errors.c: why a task did not give its results, as bytes for the store and as words. */
#include "scheduler/core/state.h"

#include <stdio.h>

void
core_describe_death(const struct core_death *death, char *text_out, size_t room)
{
    if (death->signal != 0) {
        const char *name = sigabbrev_np(death->signal);
        snprintf(text_out, room, "was ended by signal %d (SIG%s)", death->signal,
                 name != NULL ? name : "?");
    } else {
        snprintf(text_out, room, "exited with status %d", death->exit_status);
    }
}

void
core_failure_note(struct core *core, const struct core_task *task, lode_err code,
                  const struct core_death *death, const char *message)
{
    struct core_failure *failure = &core->failure[core->failure_count++ % CORE_FAILURES_KEPT];
    char room[LODE_TASK_NAME_MAX + 1];
    failure->when_ns = core->now;
    failure->code = code;
    failure->pid = death != NULL ? death->pid : 0;
    failure->signal = death != NULL ? death->signal : 0;
    snprintf(failure->function, sizeof failure->function, "%s", core_task_name(task, room));
    snprintf(failure->message, sizeof failure->message, "%s", message);
}

static uint8_t *
append_text(uint8_t *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    at[size] = 0;
    return at + size + 1;
}

static void
fill_error(struct lode_error_object *error, const struct core_task *task, lode_err code,
           const struct core_death *death)
{
    *error = (struct lode_error_object){.magic = LODE_ERROR_MAGIC,
                                        .major = 1,
                                        .code = (int32_t)code,
                                        .attempt = (int32_t)task->attempts,
                                        .may_have_run = task->attempts > 0,
                                        .task = task->number};
    if (death != NULL) {
        error->pid = death->pid;
        error->signal = death->signal;
        error->exit_status = death->exit_status;
    }
}

void
core_put_error(struct core *core, const struct core_task *task, lode_id copy_from, lode_err code,
               const struct core_death *death, const char *message)
{
    char room[LODE_TASK_NAME_MAX + 1];
    const char *name = core_task_name(task, room);
    const char *function = task->function != NULL ? task->function->name : name;
    const char *backtrace = death != NULL ? death->backtrace : "";
    size_t function_size = strlen(function), message_size = strlen(message);
    size_t backtrace_size = strlen(backtrace);
    size_t error_size =
        sizeof(struct lode_error_object) + function_size + message_size + backtrace_size + 3;
    struct core_put_error *put =
        core_emit(core, CORE_PUT_ERROR, 0, task->number, 0, (uint32_t)(sizeof *put + error_size));
    *put = (struct core_put_error){.copy_from = copy_from,
                                   .results = task->results,
                                   .result_count = task->result_count,
                                   .error_size = (uint32_t)error_size};
    if ((task->flags & LODE_SUBMIT_UNATTENDED) != 0 && !task->session->ended) {
        put->report_session = task->session->number;
    }
    memcpy(put->name, name, strnlen(name, LODE_TASK_NAME_MAX));
    struct lode_error_object *error = (struct lode_error_object *)(put + 1);
    fill_error(error, task, code, death);
    uint8_t *at = append_text((uint8_t *)(error + 1), function, function_size);
    at = append_text(at, message, message_size);
    append_text(at, backtrace, backtrace_size);
}
