#include "tools/lode/calls/result.h"

#include "api/base/printable.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum scalar_kind { SCALAR_NONE, SCALAR_INTEGER, SCALAR_UNSIGNED, SCALAR_FLOAT, SCALAR_BOOL };

struct scalar {
    enum scalar_kind kind;
    int64_t i64;
    uint64_t u64;
    double f64;
};

#define SCALAR_AS(type, to, of)                                                                    \
    do {                                                                                           \
        type value_;                                                                               \
        memcpy(&value_, data, sizeof value_);                                                      \
        scalar.to = value_;                                                                        \
        scalar.kind = (of);                                                                        \
    } while (0)

/* Types that C has no type for (f16, bf16, f8, complex) are shown as shapes only. */
static struct scalar
read_scalar(lode_dtype dtype, const void *data)
{
    struct scalar scalar = {.kind = SCALAR_NONE};
    switch (dtype) {
    case LODE_I8:
        SCALAR_AS(int8_t, i64, SCALAR_INTEGER);
        break;
    case LODE_I16:
        SCALAR_AS(int16_t, i64, SCALAR_INTEGER);
        break;
    case LODE_I32:
        SCALAR_AS(int32_t, i64, SCALAR_INTEGER);
        break;
    case LODE_I64:
        SCALAR_AS(int64_t, i64, SCALAR_INTEGER);
        break;
    case LODE_U8:
        SCALAR_AS(uint8_t, u64, SCALAR_UNSIGNED);
        break;
    case LODE_U16:
        SCALAR_AS(uint16_t, u64, SCALAR_UNSIGNED);
        break;
    case LODE_U32:
        SCALAR_AS(uint32_t, u64, SCALAR_UNSIGNED);
        break;
    case LODE_U64:
        SCALAR_AS(uint64_t, u64, SCALAR_UNSIGNED);
        break;
    case LODE_F32:
        SCALAR_AS(float, f64, SCALAR_FLOAT);
        break;
    case LODE_F64:
        SCALAR_AS(double, f64, SCALAR_FLOAT);
        break;
    case LODE_BOOL:
        SCALAR_AS(uint8_t, u64, SCALAR_BOOL);
        break;
    default:
        break;
    }
    return scalar;
}

static struct scalar
scalar_of(const lode_view *view)
{
    bool is_scalar = view->kind == LODE_KIND_ARRAY && view->array.ndim == 0;
    return is_scalar ? read_scalar(view->array.dtype, view->data)
                     : (struct scalar){.kind = SCALAR_NONE};
}

/* Whole lines that lode_printable() would leave as they are, but for their tabs. */
static bool
is_text(const lode_view *view)
{
    enum { TEXT_MAX = 4096 };
    const char *at = view->data, *end = at + view->size;
    if (view->kind != LODE_KIND_BLOB || view->size == 0 || view->size > TEXT_MAX) {
        return false;
    }
    while (at < end) {
        size_t plain = 0;
        while (at + plain < end && at[plain] != '\n' && at[plain] != '\t') {
            plain++;
        }
        if (!lode_is_printable(at, plain)) {
            return false;
        }
        at += plain + 1;
    }
    return true;
}

static void
print_text(const char *text, size_t size, FILE *out)
{
    fwrite(text, 1, size, out);
    if (text[size - 1] != '\n') {
        fputc('\n', out);
    }
}

static void
print_shape(const lode_array *array, FILE *out)
{
    fprintf(out, "%s[", lode_dtype_name(array->dtype));
    for (int i = 0; i < array->ndim; i++) {
        fprintf(out, "%s%" PRId64, i > 0 ? ", " : "", array->shape[i]);
    }
    fputs("]\n", out);
}

/* As many digits as it takes to read the same number again, and no more than that. */
static void
print_float(double value, bool is_f32, FILE *out)
{
    char text[40];
    for (int digits = is_f32 ? 6 : 15; digits <= 17; digits++) {
        double again;
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (sscanf(text, "%lf", &again) == 1 &&
            (is_f32 ? (float)again == (float)value : again == value)) {
            break;
        }
    }
    fprintf(out, "%s\n", text);
}

void
result_print(const lode_view *view, FILE *out)
{
    struct scalar scalar = scalar_of(view);
    switch (scalar.kind) {
    case SCALAR_INTEGER:
        fprintf(out, "%" PRId64 "\n", scalar.i64);
        return;
    case SCALAR_UNSIGNED:
        fprintf(out, "%" PRIu64 "\n", scalar.u64);
        return;
    case SCALAR_FLOAT:
        print_float(scalar.f64, view->array.dtype == LODE_F32, out);
        return;
    case SCALAR_BOOL:
        fprintf(out, "%s\n", scalar.u64 != 0 ? "true" : "false");
        return;
    case SCALAR_NONE:
        break;
    }
    if (view->kind == LODE_KIND_ARRAY) {
        print_shape(&view->array, out);
    } else if (view->size == 0) {
        fputs("done\n", out); /* a task without results */
    } else if (is_text(view)) {
        print_text(view->data, view->size, out);
    } else {
        fprintf(out, "%s of %zu bytes\n", view->kind == LODE_KIND_PYTHON ? "Python object" : "blob",
                view->size);
    }
}

static json_t *
value_json(const struct scalar *scalar)
{
    switch (scalar->kind) {
    case SCALAR_INTEGER:
        return json_integer((json_int_t)scalar->i64);
    case SCALAR_UNSIGNED:
        return json_integer((json_int_t)scalar->u64);
    case SCALAR_FLOAT:
        /* JSON has no word for the others. */
        return isfinite(scalar->f64) ? json_real(scalar->f64)
                                     : json_string(isnan(scalar->f64) ? "nan"
                                                   : scalar->f64 > 0  ? "inf"
                                                                      : "-inf");
    case SCALAR_BOOL:
        return json_boolean(scalar->u64 != 0);
    default:
        return NULL;
    }
}

json_t *
result_json(const lode_view *view)
{
    static const char *const kinds[] = {"blob", "array", "error", "python"};
    struct scalar scalar = scalar_of(view);
    char id[LODE_ID_TEXT_SIZE];
    json_t *o = json_object();
    lode_id_format(view->id, id);
    json_object_set_new(o, "id", json_string(id));
    json_object_set_new(o, "kind", json_string(kinds[view->kind & 3]));
    json_object_set_new(o, "size_bytes", json_integer((json_int_t)view->size));
    if (view->kind == LODE_KIND_ARRAY) {
        json_t *shape = json_array();
        for (int i = 0; i < view->array.ndim; i++) {
            json_array_append_new(shape, json_integer(view->array.shape[i]));
        }
        json_object_set_new(o, "dtype", json_string(lode_dtype_name(view->array.dtype)));
        json_object_set_new(o, "shape", shape);
    }
    json_t *value = is_text(view) ? json_stringn(view->data, view->size) : value_json(&scalar);
    if (value != NULL) {
        json_object_set_new(o, "value", value);
    }
    return o;
}
