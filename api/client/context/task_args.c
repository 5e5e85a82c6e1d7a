/*
 * The arguments of a task, as its function asks for them. A scalar may come inline or as a
 * reference to a scalar object: the result of one task is the argument of the next.
 */
#include "api/client/context/task_context.h"

#include "api/base/fail.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* What came, for sentences. */
struct came {
    char text[256];
};

static struct came
came_array(const lode_array *array)
{
    struct came came;
    size_t room = sizeof came.text;
    size_t used =
        (size_t)snprintf(came.text, room, "%s %s", array->ndim == 0 ? "the scalar" : "an array",
                         lode_dtype_name(array->dtype));
    for (int32_t i = 0; i < array->ndim; i++) {
        used += (size_t)snprintf(came.text + used, room - used, "%s%lld", i == 0 ? "[" : ",",
                                 (long long)array->shape[i]);
    }
    if (array->ndim > 0) {
        snprintf(came.text + used, room - used, "]");
    }
    return came;
}

static struct came
came_as(const struct lode_task_input *input)
{
    struct came came;
    if (input->in.kind != LODE_ARG_REF) {
        snprintf(came.text, sizeof came.text, "%s", lode_arg_kind_name(input->in.kind));
    } else if (input->view.kind == LODE_KIND_ARRAY) {
        return came_array(&input->view.array);
    } else {
        snprintf(came.text, sizeof came.text, "%s of %zu bytes",
                 input->view.kind == LODE_KIND_PYTHON ? "a Python object" : "a blob",
                 input->view.size);
    }
    return came;
}

static lode_err
wrong(lode_task *task, size_t index, const char *want)
{
    return lode_fail(task, LODE_ETYPE, "%s: argument %zu is %s, want %s", task->order.function,
                     index + 1, came_as(&task->input[index]).text, want);
}

static lode_err
check_index(lode_task *task, size_t index, const char *want)
{
    if (index >= task->order.arg_count) {
        bool known = task->order.signature != NULL && task->order.signature[0] != '\0';
        return lode_fail(task, LODE_ETYPE, "%s: argument %zu is missing (%u came), want %s%s%s%s",
                         task->order.function, index + 1, task->order.arg_count, want,
                         known ? ": " : "", known ? task->order.function : "",
                         known ? task->order.signature : "");
    }
    return LODE_OK;
}

size_t
lode_task_arg_count(const lode_task *task)
{
    return task->order.arg_count;
}

/* The 8 bytes of a number that came inline or as a scalar object; NULL: it is none of that type. */
static const void *
number_of(const struct lode_task_input *input, enum lode_arg_kind kind, lode_dtype dtype)
{
    if (input->in.kind == kind) {
        return input->in.value;
    }
    bool scalar = input->in.kind == LODE_ARG_REF && input->view.kind == LODE_KIND_ARRAY &&
                  input->view.array.ndim == 0 && input->view.array.dtype == dtype;
    return scalar ? input->view.data : NULL;
}

lode_err
lode_task_i64(lode_task *task, size_t index, int64_t *value_out)
{
    LODE_NEED("lode_task_i64", value_out);
    LODE_TRY(check_index(task, index, "an i64"));
    const void *value = number_of(&task->input[index], LODE_ARG_I64, LODE_I64);
    if (value == NULL) {
        return wrong(task, index, "an i64");
    }
    memcpy(value_out, value, sizeof *value_out);
    return LODE_OK;
}

/* A whole number is a number, too; one beyond 2^53 that no f64 is equal to would be another one. */
static lode_err
f64_of_i64(lode_task *task, size_t index, double *value_out)
{
    const void *value = number_of(&task->input[index], LODE_ARG_I64, LODE_I64);
    int64_t whole;
    if (value == NULL) {
        return wrong(task, index, "an f64");
    }
    memcpy(&whole, value, sizeof whole);
    double converted = (double)whole;
    if (converted >= 0x1p63 || (int64_t)converted != whole) {
        return lode_fail(task, LODE_ETYPE,
                         "%s: argument %zu is the i64 %lld, which is no f64 exactly; want an f64",
                         task->order.function, index + 1, (long long)whole);
    }
    *value_out = converted;
    return LODE_OK;
}

lode_err
lode_task_f64(lode_task *task, size_t index, double *value_out)
{
    LODE_NEED("lode_task_f64", value_out);
    LODE_TRY(check_index(task, index, "an f64"));
    const void *value = number_of(&task->input[index], LODE_ARG_F64, LODE_F64);
    if (value == NULL) {
        return f64_of_i64(task, index, value_out);
    }
    memcpy(value_out, value, sizeof *value_out);
    return LODE_OK;
}

lode_err
lode_task_str(lode_task *task, size_t index, const char **text_out)
{
    LODE_NEED("lode_task_str", text_out);
    LODE_TRY(check_index(task, index, "a string"));
    if (task->input[index].in.kind != LODE_ARG_STR) {
        return wrong(task, index, "a string");
    }
    *text_out = task->input[index].in.value;
    return LODE_OK;
}

lode_err
lode_task_ref(lode_task *task, size_t index, lode_id *id_out)
{
    LODE_NEED("lode_task_ref", id_out);
    LODE_TRY(check_index(task, index, "a reference"));
    if (task->input[index].in.kind != LODE_ARG_REF) {
        return wrong(task, index, "a reference");
    }
    memcpy(id_out, task->input[index].in.value, sizeof *id_out);
    return LODE_OK;
}

/* A copy that has no pin: the task may release it early, twice or never. */
static lode_view
lent(const lode_view *view)
{
    lode_view copy = *view;
    memset(copy.reserved_, 0, sizeof copy.reserved_);
    return copy;
}

lode_err
lode_task_view(lode_task *task, size_t index, lode_view *view_out)
{
    LODE_NEED("lode_task_view", view_out);
    LODE_TRY(check_index(task, index, "an object or bytes"));
    const struct lode_task_input *input = &task->input[index];
    if (input->in.kind == LODE_ARG_REF) {
        *view_out = lent(&input->view);
        return LODE_OK;
    }
    if (input->in.kind != LODE_ARG_BYTES && input->in.kind != LODE_ARG_STR) {
        return wrong(task, index, "an object or bytes");
    }
    size_t size = input->in.size - (input->in.kind == LODE_ARG_STR);
    *view_out = (lode_view){
        .data = input->in.value,
        .size = size,
        .kind = LODE_KIND_BLOB,
        .array = {.dtype = LODE_U8, .ndim = 1, .shape = {(int64_t)size}, .strides = {1}},
    };
    return LODE_OK;
}

/* "an f64 array with 2 axes", "an array" … */
static struct came
wanted_array(lode_dtype dtype, int32_t ndim)
{
    struct came want;
    size_t room = sizeof want.text;
    size_t used = (size_t)snprintf(want.text, room, "an array%s%s", dtype != 0 ? " of " : "",
                                   dtype != 0 ? lode_dtype_name(dtype) : "");
    if (ndim >= 0) {
        snprintf(want.text + used, room - used, " with %d ax%s", ndim, ndim == 1 ? "is" : "es");
    }
    return want;
}

lode_err
lode_task_array(lode_task *task, size_t index, lode_dtype dtype, int32_t ndim, lode_view *view_out)
{
    LODE_NEED("lode_task_array", view_out);
    if (index >= task->order.arg_count) {
        return check_index(task, index, wanted_array(dtype, ndim).text);
    }
    const struct lode_task_input *input = &task->input[index];
    const lode_array *array = &input->view.array;
    if (input->in.kind != LODE_ARG_REF || input->view.kind != LODE_KIND_ARRAY ||
        (dtype != 0 && array->dtype != dtype) || (ndim >= 0 && array->ndim != ndim)) {
        return wrong(task, index, wanted_array(dtype, ndim).text);
    }
    *view_out = lent(&input->view);
    return LODE_OK;
}

lode *
lode_task_session(lode_task *task)
{
    return task->db;
}

bool
lode_task_cancelled(const lode_task *task)
{
    return atomic_load_explicit(task->cancelled, memory_order_relaxed) == task->order.task;
}

int32_t
lode_task_threads(const lode_task *task)
{
    return (int32_t)task->order.threads;
}

int32_t
lode_task_attempt(const lode_task *task)
{
    return (int32_t)task->order.attempt;
}

const char *
lode_task_function(const lode_task *task)
{
    return task->order.function;
}
