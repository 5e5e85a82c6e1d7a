#include "scheduler/core/state/errors.h"

#include "api/base/printable.h"
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

/* ---- remembered for people ------------------------------------------------------------------ */

/* The failure becomes the latest: those that came before it move down by one. */
static struct core_failure *
move_up(struct core *core, uint32_t place)
{
    uint8_t index = core->failure_order[place];
    memmove(core->failure_order + 1, core->failure_order, place);
    core->failure_order[0] = index;
    return &core->failure[index];
}

/* The same reason in the same program is one failure: of a chain, or of many alike. */
static struct core_failure *
find_failure(struct core *core, int64_t program, const char *reason)
{
    for (uint32_t i = 0; i < core->failure_count; i++) {
        struct core_failure *failure = &core->failure[core->failure_order[i]];
        if (failure->program == program && strcmp(failure->reason, reason) == 0) {
            return move_up(core, i);
        }
    }
    return NULL;
}

static struct core_failure *
new_failure(struct core *core, int64_t program, const char *reason)
{
    uint32_t place = core->failure_count;
    if (place < CORE_FAILURES_KEPT) {
        core->failure_order[place] = (uint8_t)place;
        core->failure_count++;
    } else {
        place = CORE_FAILURES_KEPT - 1; /* the oldest goes */
    }
    struct core_failure *failure = move_up(core, place);
    *failure = (struct core_failure){.program = program};
    snprintf(failure->reason, sizeof failure->reason, "%s", reason);
    return failure;
}

static void
note(struct core *core, const struct core_task *task, lode_err code, const struct core_death *death,
     int64_t pid, const char *message)
{
    char room[LODE_TASK_NAME_MAX + 1], reason[sizeof core->failure->reason];
    char shown[LODE_TASK_WHY_MAX + 1]; /* as the sentence has it that a parent passes on */
    const struct core_program *program = core_task_program(task);
    const char *function = core_task_name(task, room);
    int64_t whose = program != NULL ? program->pid : 0;
    uint32_t depth = program != NULL ? task->lane->depth : 0;
    lode_printable(message, strlen(message), 0, shown, sizeof shown);
    lode_error_reason(code, function, shown, reason, sizeof reason);
    struct core_failure *failure = find_failure(core, whose, reason);
    if (failure == NULL) {
        failure = new_failure(core, whose, reason);
    }
    failure->when_ns = core->now;
    if (failure->tasks++ == 0 || depth <= failure->depth) { /* the first task of a chain is told */
        failure->code = code;
        failure->pid = death != NULL ? death->pid : pid;
        failure->signal = death != NULL ? death->signal : 0;
        failure->depth = depth;
        snprintf(failure->function, sizeof failure->function, "%s", function);
        lode_error_tell(shown, failure->message, sizeof failure->message);
    }
}

void
core_failure_note(struct core *core, const struct core_task *task, lode_err code,
                  const struct core_death *death, const char *message)
{
    note(core, task, code, death, 0, message);
}

void
core_failure_note_said(struct core *core, const struct core_task *task, lode_err code,
                       const struct core_worker *worker, const char *why, size_t size)
{
    char message[LODE_TASK_WHY_MAX + 1];
    snprintf(message, sizeof message, "%.*s", (int)size, why);
    note(core, task, code, NULL, worker->pid, message[0] != '\0' ? message : lode_err_text(code));
}

/* ---- error objects --------------------------------------------------------------------------- */

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

/* Returns the room for the error's bytes. */
static void *
ask_for_errors(struct core *core, const struct core_task *task, lode_id copy_from, uint32_t size)
{
    char room[LODE_TASK_NAME_MAX + 1];
    const char *name = core_task_name(task, room);
    struct core_put_error *put =
        core_emit(core, CORE_PUT_ERROR, 0, task->number, 0, (uint32_t)sizeof *put + size);
    *put = (struct core_put_error){.copy_from = copy_from,
                                   .results = task->results,
                                   .result_count = task->result_count,
                                   .error_size = size};
    const struct core_session *audience =
        (task->flags & LODE_SUBMIT_UNATTENDED) != 0 ? core_task_audience(task) : NULL;
    put->report_session = audience != NULL ? audience->number : 0;
    memcpy(put->name, name, strnlen(name, LODE_TASK_NAME_MAX));
    return put + 1;
}

void
core_put_error_bytes(struct core *core, const struct core_task *task, const void *error,
                     uint32_t size)
{
    memcpy(ask_for_errors(core, task, (lode_id){{0}}, size), error, size);
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
    uint32_t size = (uint32_t)lode_error_object_size(&parts);
    lode_error_object_write(&parts, ask_for_errors(core, task, copy_from, size), size);
}
