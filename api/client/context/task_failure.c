/* The bytes of an error object, and how a task says why it fails. */
#include "api/client/context/task_context.h"

#include "api/base/fail.h"
#include "api/wire/error_msg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Appends a text with its closing zero, cut so that `keep` bytes stay free behind it. */
static size_t
append_text(char *out, size_t at, size_t room, size_t keep, const char *text)
{
    size_t length = strlen(text);
    size_t most = room - at - keep - 1;
    if (length > most) {
        length = most;
    }
    memcpy(out + at, text, length);
    out[at + length] = '\0';
    return at + length + 1;
}

size_t
lode_failure_encode(const lode_failure_info *info, uint64_t task, void *out, size_t room)
{
    struct lode_error_object head = {
        .magic = LODE_ERROR_MAGIC,
        .major = 1,
        .code = (int32_t)info->code,
        .task_code = (int32_t)info->task_code,
        .pid = info->pid,
        .signal = info->signal,
        .exit_status = info->exit_status,
        .attempt = info->attempt,
        .may_have_run = info->may_have_run,
        .task = task,
    };
    memcpy(out, &head, sizeof head);
    size_t at = append_text(out, sizeof head, room, 2, info->function);
    at = append_text(out, at, room, 1, info->message);
    return append_text(out, at, room, 0, info->backtrace);
}

lode_err
lode_fail(lode_task *task, lode_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(task->message, sizeof task->message, format, args);
    va_end(args);
    task->failed = err;
    return lode_fail_with(err, "%s", task->message);
}
