#include "tools/cli/describe.h"

#include "api/base/printable.h"

#include <stdio.h>
#include <string.h>

const char *
describe_kind(lode_kind kind)
{
    switch (kind) {
    case LODE_KIND_BLOB:
        return "blob";
    case LODE_KIND_ARRAY:
        return "array";
    case LODE_KIND_ERROR:
        return "error";
    case LODE_KIND_PYTHON:
        return "python";
    }
    return "?";
}

const char *
describe_state(lode_state state)
{
    switch (state) {
    case LODE_STATE_CREATED:
        return "created";
    case LODE_STATE_SEALED:
        return "sealed";
    case LODE_STATE_SPILLED:
        return "spilled";
    }
    return "?";
}

const char *
describe_class(lode_object_class object_class)
{
    return object_class == LODE_CLASS_CACHE ? "cache" : "keep";
}

const char *
describe_array(const lode_object_info *info, char text_out[DESCRIBE_MAX])
{
    const lode_array *array = &info->array;
    size_t used = 0;
    text_out[0] = '\0';
    if (info->kind != LODE_KIND_ARRAY) {
        return text_out;
    }
    used = (size_t)snprintf(text_out, DESCRIBE_MAX, "%s%s", lode_dtype_name(array->dtype),
                            array->ndim == 0 ? " scalar" : "");
    for (int i = 0; i < array->ndim && i < LODE_MAX_NDIM; i++) {
        used += (size_t)snprintf(text_out + used, DESCRIBE_MAX - used, "%s%lld",
                                 i == 0 ? " " : " x ", (long long)array->shape[i]);
    }
    return text_out;
}

const char *
describe_age(uint64_t ns, char text_out[DESCRIBE_MAX])
{
    static const struct {
        double seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {0, "s"}};
    double seconds = (double)ns / 1e9;
    size_t i = 0;
    /* Two of a unit, before it is used: "90 min" says more than "1 h". */
    while (units[i].seconds > 0 && seconds < 2 * units[i].seconds) {
        i++;
    }
    double number = units[i].seconds > 0 ? seconds / units[i].seconds : seconds;
    snprintf(text_out, DESCRIBE_MAX, "%.*f %s", number < 10 ? 1 : 0, number, units[i].unit);
    return text_out;
}

void
describe_text(const char *text, FILE *out)
{
    char shown[8192];
    lode_printable(text, strlen(text), 0, shown, sizeof shown);
    fputs(shown, out);
}

static json_t *
numbers(const int64_t *values, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        json_array_append_new(list, json_integer(values[i]));
    }
    return list;
}

json_t *
describe_json(const lode_object_info *info)
{
    char id[LODE_ID_TEXT_SIZE];
    lode_id_format(info->id, id);
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "id", id, "state",
                  describe_state(info->state), "kind", describe_kind(info->kind), "class",
                  describe_class(info->object_class), "size_bytes", (json_int_t)info->size_bytes,
                  "references", (json_int_t)info->references, "pins", (json_int_t)info->pins,
                  "age_ns", (json_int_t)info->age_ns, "maker_session",
                  (json_int_t)info->maker_session, "maker_pid", (json_int_t)info->maker_pid);
    if (object != NULL && info->kind == LODE_KIND_ARRAY) {
        json_object_set_new(object, "dtype", json_string(lode_dtype_name(info->array.dtype)));
        json_object_set_new(object, "shape", numbers(info->array.shape, info->array.ndim));
        json_object_set_new(object, "strides", numbers(info->array.strides, info->array.ndim));
    }
    return object;
}
