#include "api/client/context/task_context.h"

#include "api/base/fail.h"
#include "api/layout/error_object.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * An error object with its texts waits for room less long than a result: without texts it needs
 * none.
 */
enum { ERROR_BYTES_MAX = 4096, ERROR_TIMEOUT_MS = 1000 };

lode_err
lode_task_init(lode_task *task, lode *db, const _Atomic uint64_t *cancelled)
{
    *task = (lode_task){.db = db, .cancelled = cancelled};
    task->small = aligned_alloc(LODE_LINE, LODE_TASK_SMALL_BYTES);
    task->recent = lode_recent_create();
    if (task->small == NULL || task->recent == NULL) {
        lode_task_fini(task);
        return lode_fail_with(LODE_ENOMEM, "no room for the results of tasks");
    }
    return LODE_OK;
}

void
lode_task_fini(lode_task *task)
{
    free(task->small);
    lode_recent_destroy(task->recent);
    free(task->input);
    free(task->output);
    free(task->commit);
    *task = (lode_task){0};
}

lode_err
lode_task_refuse(lode_task *task, lode_err code, const char *format, ...)
{
    va_list args;
    task->why = (lode_failure_info){.code = code};
    va_start(args, format);
    vsnprintf(task->why.message, sizeof task->why.message, format, args);
    va_end(args);
    return code;
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

/* ---- begin --------------------------------------------------------------------------------- */

/* Grows an array that is kept from task to task. What it held is of no use. */
static lode_err
make_room(void **array, size_t *room, size_t count, size_t element)
{
    if (count <= *room) {
        return LODE_OK;
    }
    void *grown = calloc(count, element);
    if (grown == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no room for a task with %zu arguments or results",
                              count);
    }
    free(*array);
    *array = grown;
    *room = count;
    return LODE_OK;
}

static lode_err
take_order(lode_task *task, const struct lode_task_order *order)
{
    task->order = *order;
    task->small_used = 0;
    task->failed = LODE_OK;
    task->message[0] = '\0';
    task->why.code = LODE_OK;
    task->was_quick = false;
    if (lode_last_error()[0] != '\0') {
        lode_fail_with(LODE_OK, "%s", ""); /* what an earlier task said is not of this one */
    }
    LODE_TRY(
        make_room((void **)&task->input, &task->input_room, order->arg_count, sizeof *task->input));
    LODE_TRY(make_room((void **)&task->output, &task->output_room, order->declared,
                       sizeof *task->output));
    LODE_TRY(make_room((void **)&task->commit, &task->commit_room, order->result_count,
                       sizeof *task->commit));
    if (order->declared > 0) {
        memset(task->output, 0, order->declared * sizeof *task->output);
    }
    return LODE_OK;
}

/* Clears all views first: release_inputs() releases them all, also if one argument is damaged. */
static lode_err
read_args(lode_task *task)
{
    size_t at = 0;
    for (uint32_t i = 0; i < task->order.arg_count; i++) {
        task->input[i].view = (lode_view){0};
    }
    for (uint32_t i = 0; i < task->order.arg_count; i++) {
        lode_err err =
            lode_args_next(task->order.args, task->order.args_size, &at, &task->input[i].in);
        if (err != LODE_OK) {
            return lode_task_refuse(task, err, "%s: %s", task->order.function, lode_last_error());
        }
    }
    return LODE_OK;
}

/* An argument whose own task failed: this one fails for the same reason, and is not called. */
static lode_err
inherit_failure(lode_task *task, lode_id id, lode_err err)
{
    lode_failure_info info;
    if (lode_failure(task->db, id, &info) != LODE_OK) {
        return lode_task_refuse(task, err, "%s: %s", task->order.function, lode_last_error());
    }
    task->why = info;
    return err;
}

/* LODE_OK, LODE_EAGAIN or LODE_EDOWN; else the task is refused. */
static lode_err
pin(lode_task *task, uint32_t index)
{
    struct lode_task_input *input = &task->input[index];
    lode_id id;
    memcpy(&id, input->in.value, sizeof id);
    if (lode_recent_find(task->recent, id, input->copy, &input->view)) {
        return LODE_OK;
    }
    lode_err err = lode_get(task->db, id, 0, &input->view);
    switch (err) {
    case LODE_OK:
    case LODE_EDOWN:
        return err;
    case LODE_ETIMEDOUT:
        return LODE_EAGAIN;
    case LODE_EGONE:
    case LODE_EABORTED:
    case LODE_EINVAL:
        return lode_task_refuse(task, LODE_ETASK, "%s: argument %u: %s", task->order.function,
                                index + 1, lode_last_error());
    default:
        return inherit_failure(task, id, err);
    }
}

static lode_err
pin_all(lode_task *task)
{
    for (uint32_t i = 0; i < task->order.arg_count; i++) {
        if (task->input[i].in.kind == LODE_ARG_REF) {
            LODE_TRY(pin(task, i));
        }
    }
    return LODE_OK;
}

static void
release_inputs(lode_task *task)
{
    for (uint32_t i = 0; i < task->order.arg_count; i++) {
        lode_release(&task->input[i].view);
    }
    task->order.arg_count = 0;
}

enum lode_task_begun
lode_task_begin(lode_task *task, const struct lode_task_order *order, lode_err *err_out)
{
    lode_err err = take_order(task, order);
    if (err == LODE_OK && (err = read_args(task)) == LODE_OK) {
        err = pin_all(task);
    }
    *err_out = err;
    return err == LODE_OK              ? LODE_TASK_GO
           : err == LODE_EAGAIN        ? LODE_TASK_MISSING
           : task->why.code != LODE_OK ? LODE_TASK_REFUSED
                                       : LODE_TASK_BROKEN;
}

void
lode_task_abandon(lode_task *task)
{
    release_inputs(task);
}

/* ---- finish -------------------------------------------------------------------------------- */

static lode_err
check_all_given(lode_task *task)
{
    for (uint32_t i = 0; i < task->order.declared; i++) {
        if (!task->output[i].given) {
            return lode_fail(task, LODE_EINVAL, "%s returned LODE_OK without result %u of %u",
                             task->order.function, i + 1, task->order.declared);
        }
    }
    return LODE_OK;
}

static lode_err
commit_results(lode_task *task)
{
    uint32_t count = task->order.result_count;
    size_t bytes = 0;
    bool has_draft = false;
    for (uint32_t i = 0; i < count; i++) {
        struct lode_result *to = &task->commit[i];
        *to = (struct lode_result){.id = lode_id_plus(task->order.results, i)};
        if (i >= task->order.declared) {
            continue; /* no result: an empty blob says done */
        }
        struct lode_task_output_slot *from = &task->output[i];
        if (from->draft.data != NULL) {
            to->draft = &from->draft;
            has_draft = true;
            continue;
        }
        to->array = from->is_array ? &from->array : NULL;
        to->data = from->data != NULL ? from->data : from->scalar;
        to->size = from->size;
        bytes += from->size;
    }
    LODE_TRY(lode_ring_commit(task->db, task->order.task, task->commit, count,
                              LODE_TASK_RESULT_TIMEOUT_MS));
    task->was_quick = !has_draft && bytes <= LODE_INLINE_MAX;
    for (uint32_t i = 0; i < task->order.declared; i++) {
        const struct lode_result *made = &task->commit[i];
        if (made->draft == NULL) {
            lode_recent_note(task->recent, made->id, made->array, made->data, made->size);
        }
    }
    return LODE_OK;
}

/* Drafts that no commit has named. */
static void
abort_results(lode_task *task)
{
    for (uint32_t i = 0; i < task->order.declared; i++) {
        lode_abort(&task->output[i].draft);
    }
}

/* Why the function failed: what it said last, and what it returned. */
static void
explain(lode_task *task, lode_err err)
{
    const char *message = task->failed == err && task->message[0] != '\0' ? task->message
                          : lode_last_error()[0] != '\0'                  ? lode_last_error()
                                                                          : lode_err_text(err);
    task->why = (lode_failure_info){
        .code = err == LODE_ECANCELLED ? LODE_ECANCELLED : LODE_ETASK,
        .task_code = err,
        .pid = getpid(),
        .attempt = (int32_t)task->order.attempt,
        .may_have_run = true,
    };
    snprintf(task->why.function, sizeof task->why.function, "%s", task->order.function);
    if (message == lode_err_text(err) && !lode_err_is_known(err)) {
        snprintf(task->why.message, sizeof task->why.message,
                 "it returned %d, which is no error of lode's", (int)err);
    } else {
        snprintf(task->why.message, sizeof task->why.message, "%s", message);
    }
}

/* Fills in what lode_task_refuse() did not know. */
static void
complete(lode_task *task)
{
    if (task->why.function[0] == '\0') {
        snprintf(task->why.function, sizeof task->why.function, "%s", task->order.function);
        task->why.pid = getpid();
        task->why.attempt = (int32_t)task->order.attempt;
    }
}

static lode_err
commit_error(lode_task *task, const struct lode_error_parts *parts, int64_t timeout_ms)
{
    char bytes[ERROR_BYTES_MAX];
    size_t size = lode_error_object_write(parts, bytes, sizeof bytes);
    for (uint32_t i = 0; i < task->order.result_count; i++) {
        task->commit[i] = (struct lode_result){
            .id = lode_id_plus(task->order.results, i),
            .kind = LODE_KIND_ERROR,
            .data = bytes,
            .size = size,
        };
    }
    return lode_ring_commit(task->db, task->order.task, task->commit, task->order.result_count,
                            timeout_ms);
}

/*
 * Where the store has no page left for the whole error, its codes are committed without the texts:
 * they lie in the entry of the object and need no page. Where it has no entry either, the scheduler
 * is told, and puts the whole error.
 */
static lode_err
commit_failure(lode_task *task)
{
    struct lode_error_parts parts;
    lode_error_parts_of_info(&task->why, task->order.task, &parts);
    lode_err err = commit_error(task, &parts, ERROR_TIMEOUT_MS);
    if (err == LODE_EFULL || err == LODE_ELIMIT) {
        parts.function = parts.message = "";
        static_assert(sizeof parts.head + 2 <= LODE_INLINE_MAX, "such an error lies in its entry");
        err = commit_error(task, &parts, ERROR_TIMEOUT_MS);
    }
    return err;
}

uint32_t
lode_task_write_failure(const lode_task *task, void *out)
{
    struct lode_error_parts parts;
    static_assert(sizeof parts.head + sizeof task->why.function + sizeof task->why.message <=
                      LODE_TASK_ERROR_MAX,
                  "no text is cut");
    lode_error_parts_of_info(&task->why, task->order.task, &parts);
    return (uint32_t)lode_error_object_write(&parts, out, LODE_TASK_ERROR_MAX);
}

lode_err
lode_task_finish(lode_task *task, lode_err err, lode_err *ended_out)
{
    lode_err committed = LODE_OK;
    if (err == LODE_OK && (err = check_all_given(task)) == LODE_OK) {
        err = commit_results(task);
    }
    if (err != LODE_OK && task->why.code == LODE_OK) {
        explain(task, err);
    }
    if (err != LODE_OK) {
        abort_results(task);
        complete(task);
        committed = commit_failure(task);
    }
    *ended_out = err == LODE_OK ? LODE_OK : task->why.code;
    release_inputs(task);
    return committed;
}
