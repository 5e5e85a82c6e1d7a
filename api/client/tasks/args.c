#include "api/client/tasks/args.h"

#include "api/base/fail.h"
#include "api/layout/arg_reader.h"
#include "api/layout/id.h"

#include <string.h>

lode_arg
lode_ref(lode_id id)
{
    return (lode_arg){.kind = LODE_ARG_REF, .u.id = id};
}

lode_arg
lode_i64(int64_t value)
{
    return (lode_arg){.kind = LODE_ARG_I64, .u.i64 = value};
}

lode_arg
lode_f64(double value)
{
    return (lode_arg){.kind = LODE_ARG_F64, .u.f64 = value};
}

/* The closing zero travels along. NULL is refused by the call that takes the argument. */
lode_arg
lode_str(const char *text)
{
    size_t size = text == NULL ? 0 : strlen(text) + 1;
    return (lode_arg){.kind = LODE_ARG_STR, .u.bytes = {text, size}};
}

lode_arg
lode_bytes(const void *data, size_t size_bytes)
{
    return (lode_arg){.kind = LODE_ARG_BYTES, .u.bytes = {data, size_bytes}};
}

/* Where the value's bytes are and how many. */
static const void *
value_of(const lode_arg *arg, size_t *size_out)
{
    switch (arg->kind) {
    case LODE_ARG_STR:
    case LODE_ARG_BYTES:
        *size_out = arg->u.bytes.size;
        return arg->u.bytes.data;
    case LODE_ARG_REF:
    case LODE_ARG_ACTOR:
        *size_out = sizeof(lode_id);
        return &arg->u.id;
    default:
        *size_out = sizeof(int64_t);
        return &arg->u.i64;
    }
}

static lode_err
check_arg(const lode_arg *arg, size_t index)
{
    switch (arg->kind) {
    case LODE_ARG_I64:
    case LODE_ARG_F64:
        return LODE_OK;
    case LODE_ARG_REF:
        if (lode_id_none(arg->u.id)) {
            return lode_fail_with(LODE_EINVAL, "argument %zu refers to the zero id", index + 1);
        }
        return LODE_OK;
    case LODE_ARG_STR:
        if (arg->u.bytes.data == NULL || arg->u.bytes.size == 0) {
            return lode_fail_with(LODE_EINVAL, "argument %zu is a string of NULL", index + 1);
        }
        return LODE_OK;
    case LODE_ARG_BYTES:
        if (arg->u.bytes.data == NULL && arg->u.bytes.size > 0) {
            return lode_fail_with(LODE_EINVAL, "argument %zu is %zu bytes at NULL", index + 1,
                                  arg->u.bytes.size);
        }
        return LODE_OK;
    case LODE_ARG_ACTOR:
        return lode_fail_with(LODE_EUNSUPPORTED, "argument %zu is an actor: there are none yet",
                              index + 1);
    }
    return lode_fail_with(LODE_EINVAL,
                          "argument %zu is of the unknown kind %d; use lode_ref(), "
                          "lode_i64() and the like",
                          index + 1, (int)arg->kind);
}

lode_err
lode_args_measure(lode_args args, size_t *bytes_out)
{
    size_t bytes = 0, inline_bytes = 0;
    if (args.count > LODE_TASK_ARGS_MAX || (args.count > 0 && args.arg == NULL)) {
        return lode_fail_with(LODE_EINVAL, "%zu arguments at %p; a call takes up to %d", args.count,
                              (const void *)args.arg, LODE_TASK_ARGS_MAX);
    }
    for (size_t i = 0; i < args.count; i++) {
        size_t size;
        LODE_TRY(check_arg(&args.arg[i], i));
        value_of(&args.arg[i], &size);
        if (size > LODE_TASK_INLINE_MAX - inline_bytes) {
            return lode_fail_with(LODE_ETOOBIG,
                                  "the inline arguments up to argument %zu (%zu bytes) exceed %d "
                                  "bytes: put them into the store and pass references",
                                  i + 1, size, LODE_TASK_INLINE_MAX);
        }
        inline_bytes += size;
        bytes += sizeof(struct lode_task_arg) + lode_align8(size);
    }
    *bytes_out = bytes;
    return LODE_OK;
}

void
lode_args_encode(lode_args args, bool (*ready)(void *arg, lode_id id), void *arg, void *out)
{
    char *at = out;
    for (size_t i = 0; i < args.count; i++) {
        const lode_arg *from = &args.arg[i];
        struct lode_task_arg head = {.kind = (uint8_t)from->kind};
        size_t size;
        const void *value = value_of(from, &size);
        head.size = (uint32_t)size;
        head.ready = from->kind == LODE_ARG_REF && ready != NULL && ready(arg, from->u.id);
        memcpy(at, &head, sizeof head);
        at += sizeof head;
        if (size > 0) {
            memcpy(at, value, size);
        }
        memset(at + size, 0, lode_align8(size) - size);
        at += lode_align8(size);
    }
}
