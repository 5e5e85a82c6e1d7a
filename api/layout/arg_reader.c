#include "api/layout/arg_reader.h"

#include "api/base/fail.h"

#include <string.h>

static bool
is_id(const char *value, uint32_t size)
{
    static const lode_id zero;
    return size == sizeof zero && memcmp(value, &zero, sizeof zero) != 0;
}

/* There are no actors yet: no call may have one as an argument. */
static bool
is_valid(uint8_t kind, uint32_t size, const char *value)
{
    switch (kind) {
    case LODE_ARG_REF:
        return is_id(value, size);
    case LODE_ARG_I64:
    case LODE_ARG_F64:
        return size == sizeof(int64_t);
    case LODE_ARG_STR:
        return size > 0 && value[size - 1] == '\0';
    case LODE_ARG_BYTES:
        return true;
    default:
        return false;
    }
}

lode_err
lode_args_next(const void *bytes, size_t size, size_t *at, struct lode_arg_in *arg_out)
{
    struct lode_task_arg head;
    if (*at > size || size - *at < sizeof head) {
        return lode_fail_with(LODE_EPROTO, "the arguments end within the head of one");
    }
    memcpy(&head, (const char *)bytes + *at, sizeof head);
    size_t left = size - *at - sizeof head;
    const char *value = (const char *)bytes + *at + sizeof head;
    if (lode_align8(head.size) > left || !is_valid(head.kind, head.size, value)) {
        return lode_fail_with(LODE_EPROTO,
                              "an argument of kind %u and %u bytes makes no sense; %zu are left",
                              head.kind, head.size, left);
    }
    *at += sizeof head + lode_align8(head.size);
    *arg_out = (struct lode_arg_in){(enum lode_arg_kind)head.kind, head.size, value};
    return LODE_OK;
}

const char *
lode_arg_kind_name(enum lode_arg_kind kind)
{
    switch (kind) {
    case LODE_ARG_REF:
        return "a reference";
    case LODE_ARG_I64:
        return "an i64";
    case LODE_ARG_F64:
        return "an f64";
    case LODE_ARG_STR:
        return "a string";
    case LODE_ARG_BYTES:
        return "inline bytes";
    case LODE_ARG_ACTOR:
        return "an actor";
    }
    return "an unknown kind";
}
