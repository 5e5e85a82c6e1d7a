#include "tools/npy/npy.h"

#include "api/base/fail.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* clang-format off */
static const struct {
    char text[4];
    lode_dtype dtype;
} descriptions[] = {
    {"b1", LODE_BOOL}, {"i1", LODE_I8},   {"i2", LODE_I16}, {"i4", LODE_I32}, {"i8", LODE_I64},
    {"u1", LODE_U8},   {"u2", LODE_U16},  {"u4", LODE_U32}, {"u8", LODE_U64}, {"f2", LODE_F16},
    {"f4", LODE_F32},  {"f8", LODE_F64},  {"c8", LODE_C64}, {"c16", LODE_C128},
};
/* clang-format on */
enum { DESCRIPTIONS = sizeof descriptions / sizeof descriptions[0] };

bool
npy_is(const void *bytes, size_t size)
{
    return size >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

lode_err
npy_header_size(const void *prefix, size_t size, size_t *size_out)
{
    const unsigned char *p = prefix;
    if (!npy_is(prefix, size)) {
        return lode_fail_with(LODE_ECORRUPT, "no .npy file: it does not begin with \\x93NUMPY");
    }
    if (size < NPY_PREFIX) {
        return lode_fail_with(LODE_ECORRUPT, "the .npy file ends after %zu bytes, in its header",
                              size);
    }
    if (p[6] < 1 || p[6] > 3 || p[7] != 0) {
        return lode_fail_with(LODE_EUNSUPPORTED,
                              "a .npy file of version %u.%u: this reads 1.0, 2.0 and 3.0", p[6],
                              p[7]);
    }
    size_t length =
        p[6] == 1
            ? 10 + ((size_t)p[8] | (size_t)p[9] << 8)
            : 12 + ((size_t)p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24);
    if (length > NPY_HEADER_MAX) {
        return lode_fail_with(LODE_ECORRUPT,
                              "the .npy file's header is said to have %zu bytes; %u are the most",
                              length, NPY_HEADER_MAX);
    }
    *size_out = length;
    return LODE_OK;
}

/* ---- the dict: a cursor that stops at `end` ------------------------------------------------- */

struct text {
    const char *at, *end;
};

enum { KEY_DESCR = 1, KEY_FORTRAN = 2, KEY_SHAPE = 4, KEYS = 7 };

static lode_err
bad_header(const char *what, const struct text *text)
{
    int left = text->end - text->at > 24 ? 24 : (int)(text->end - text->at);
    char shown[25] = {0};
    for (int i = 0; i < left; i++) {
        shown[i] = text->at[i] >= ' ' && text->at[i] <= '~' ? text->at[i] : '?';
    }
    return lode_fail_with(LODE_ECORRUPT, "the .npy file's header is damaged: %s at '%s'", what,
                          shown);
}

static void
skip_space(struct text *text)
{
    while (text->at < text->end && strchr(" \t\r\n", *text->at) != NULL && *text->at != '\0') {
        text->at++;
    }
}

/* Takes the character, with space around it; false: something else stands there. */
static bool
take_char(struct text *text, char c)
{
    skip_space(text);
    if (text->at >= text->end || *text->at != c) {
        return false;
    }
    text->at++;
    skip_space(text);
    return true;
}

static bool
take_word(struct text *text, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0) {
        return false;
    }
    text->at += length;
    return true;
}

/* A quoted string without escapes, as text; Python 2 may have written it as u'…'. */
static lode_err
take_string(struct text *text, char *out, size_t room)
{
    skip_space(text);
    (void)take_word(text, "u");
    char quote = text->at < text->end ? *text->at : '\0';
    if (quote != '\'' && quote != '"') {
        return bad_header("a quoted word is missing", text);
    }
    const char *from = text->at + 1;
    const char *to = memchr(from, quote, (size_t)(text->end - from));
    if (to == NULL || (size_t)(to - from) >= room || memchr(from, '\\', (size_t)(to - from))) {
        return bad_header("a word does not end", text);
    }
    memcpy(out, from, (size_t)(to - from));
    out[to - from] = '\0';
    text->at = to + 1;
    return LODE_OK;
}

static lode_err
parse_dtype(const char *descr, struct npy *npy)
{
    const char *type = descr;
    if (*type == '<' || *type == '>' || *type == '=' || *type == '|') {
        type++;
    }
    for (size_t i = 0; i < DESCRIPTIONS; i++) {
        if (strcmp(type, descriptions[i].text) != 0) {
            continue;
        }
        npy->array.dtype = descriptions[i].dtype;
        npy->is_turned = *descr == '>' && lode_dtype_size(npy->array.dtype) > 1;
        return LODE_OK;
    }
    return lode_fail_with(LODE_EUNSUPPORTED,
                          "the .npy file has elements of type '%s': bool, i1 to i8, u1 to u8, f2, "
                          "f4, f8, c8 and c16 can be read",
                          descr);
}

static lode_err
take_descr(struct text *text, struct npy *npy)
{
    char descr[64];
    skip_space(text);
    if (text->at < text->end && *text->at == '[') {
        return lode_fail_with(LODE_EUNSUPPORTED,
                              "the .npy file has records (a structured type): store its fields as "
                              "arrays of their own");
    }
    LODE_TRY(take_string(text, descr, sizeof descr));
    return parse_dtype(descr, npy);
}

static lode_err
take_bool(struct text *text, bool *value_out)
{
    skip_space(text);
    if (take_word(text, "True")) {
        *value_out = true;
    } else if (take_word(text, "False")) {
        *value_out = false;
    } else {
        return bad_header("True or False is missing", text);
    }
    return LODE_OK;
}

/* Digits, with the L that Python 2 wrote behind long ones. */
static lode_err
take_length(struct text *text, int64_t *length_out)
{
    const char *from = text->at;
    int64_t length = 0;
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9') {
        if (__builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, *text->at - '0', &length)) {
            return bad_header("a length does not fit into 64 bits", text);
        }
        text->at++;
    }
    if (text->at == from) {
        return bad_header("a length is missing", text);
    }
    (void)take_word(text, "L");
    *length_out = length;
    return LODE_OK;
}

static lode_err
take_shape(struct text *text, lode_array *array)
{
    bool comma = true;
    if (!take_char(text, '(')) {
        return bad_header("the shape is no tuple", text);
    }
    array->ndim = 0;
    while (!take_char(text, ')')) {
        int64_t length = 0;
        if (!comma) {
            return bad_header("a comma is missing in the shape", text);
        }
        LODE_TRY(take_length(text, &length));
        if (array->ndim == LODE_MAX_NDIM) {
            return lode_fail_with(LODE_EUNSUPPORTED, "the .npy file has more than %u axes",
                                  LODE_MAX_NDIM);
        }
        array->shape[array->ndim++] = length;
        comma = take_char(text, ',');
    }
    if (array->ndim == 1 && !comma) {
        return bad_header("a shape of one axis without its comma", text);
    }
    return LODE_OK;
}

static lode_err
take_item(struct text *text, struct npy *npy, bool *fortran, unsigned *seen)
{
    char key[32];
    LODE_TRY(take_string(text, key, sizeof key));
    unsigned which = strcmp(key, "descr") == 0           ? KEY_DESCR
                     : strcmp(key, "fortran_order") == 0 ? KEY_FORTRAN
                     : strcmp(key, "shape") == 0         ? KEY_SHAPE
                                                         : 0;
    if (which == 0 || (*seen & which) != 0) {
        return bad_header("an unknown or repeated key ends", text);
    }
    *seen |= which;
    if (!take_char(text, ':')) {
        return bad_header("a colon is missing", text);
    }
    return which == KEY_DESCR     ? take_descr(text, npy)
           : which == KEY_FORTRAN ? take_bool(text, fortran)
                                  : take_shape(text, &npy->array);
}

static lode_err
parse_dict(struct text *text, struct npy *npy, bool *fortran)
{
    unsigned seen = 0;
    bool comma = true;
    if (!take_char(text, '{')) {
        return bad_header("no dict", text);
    }
    while (!take_char(text, '}')) {
        if (!comma) {
            return bad_header("a comma is missing", text);
        }
        LODE_TRY(take_item(text, npy, fortran, &seen));
        comma = take_char(text, ',');
    }
    if (text->at != text->end) {
        return bad_header("something follows the dict", text);
    }
    if (seen != KEYS) {
        return lode_fail_with(LODE_ECORRUPT, "the .npy file's header is damaged: it lacks %s",
                              !(seen & KEY_DESCR)     ? "descr"
                              : !(seen & KEY_FORTRAN) ? "fortran_order"
                                                      : "shape");
    }
    return LODE_OK;
}

/* All zero strides mean C order, so an array without elements gets those of C order, too. */
static void
fill_fortran(lode_array *array)
{
    int64_t step = 1;
    for (int i = 0; i < array->ndim; i++) {
        array->strides[i] = step;
        step *= array->shape[i] > 0 ? array->shape[i] : 1;
    }
}

lode_err
npy_parse(const void *bytes, size_t size, struct npy *npy_out)
{
    struct npy npy = {0};
    bool fortran = false;
    size_t prefix = 0;
    LODE_TRY(npy_header_size(bytes, size, &npy.header_bytes));
    prefix = ((const unsigned char *)bytes)[6] == 1 ? 10 : 12;
    if (npy.header_bytes > size) {
        return lode_fail_with(LODE_ECORRUPT,
                              "the .npy file ends after %zu bytes, in its header of %zu", size,
                              npy.header_bytes);
    }
    struct text text = {(const char *)bytes + prefix, (const char *)bytes + npy.header_bytes};
    LODE_TRY(parse_dict(&text, &npy, &fortran));
    /* In C order first, which tells whether the sizes can be multiplied at all. */
    lode_err err = lode_array_size(&npy.array, &npy.data_bytes);
    if (err != LODE_OK) {
        char why[LODE_FAIL_MAX / 2];
        snprintf(why, sizeof why, "%s", lode_last_error());
        return lode_fail_with(LODE_ECORRUPT, "the .npy file's shape is impossible: %s", why);
    }
    if (fortran && npy.data_bytes > 0) {
        fill_fortran(&npy.array);
    }
    lode_array_fill_strides(&npy.array);
    *npy_out = npy;
    return LODE_OK;
}

void
npy_turn(const struct npy *npy, void *data)
{
    size_t size = lode_dtype_size(npy->array.dtype);
    bool is_complex = npy->array.dtype == LODE_C64 || npy->array.dtype == LODE_C128;
    size_t number = is_complex ? size / 2 : size;
    unsigned char *at = data, *end = at + npy->data_bytes;
    for (; npy->is_turned && at < end; at += number) {
        for (size_t i = 0; i < number / 2; i++) {
            unsigned char byte = at[i];
            at[i] = at[number - 1 - i];
            at[number - 1 - i] = byte;
        }
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

bool
npy_is_fortran(const lode_array *array)
{
    int64_t step = 1;
    bool all_zero = true;
    for (int i = 0; i < array->ndim; i++) {
        all_zero = all_zero && array->strides[i] == 0;
        if (array->shape[i] == 0) {
            return false;
        }
        if (array->shape[i] > 1 && array->strides[i] != step) {
            return false;
        }
        step *= array->shape[i];
    }
    return !all_zero && !lode_array_is_contiguous(array);
}

static const char *
describe(lode_dtype dtype)
{
    for (size_t i = 0; i < DESCRIPTIONS; i++) {
        if (descriptions[i].dtype == dtype) {
            return descriptions[i].text;
        }
    }
    return NULL;
}

lode_err
npy_format(const lode_array *array, char header_out[NPY_WRITE_MAX], size_t *size_out)
{
    char shape[LODE_MAX_NDIM * 24 + 1] = "";
    size_t used = 0, ignored;
    LODE_TRY(lode_array_size(array, &ignored));
    const char *type = describe(array->dtype);
    if (type == NULL) {
        return lode_fail_with(LODE_EUNSUPPORTED,
                              ".npy files have no type %s: take the raw bytes instead, or convert "
                              "the array to f32 first",
                              lode_dtype_name(array->dtype));
    }
    for (int i = 0; i < array->ndim; i++) {
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%lld,%s",
                                 (long long)array->shape[i], i + 1 < array->ndim ? " " : "");
    }
    if (array->ndim > 1) {
        shape[used - 1] = '\0'; /* only a single axis keeps its comma */
    }
    int n = snprintf(header_out + 10, NPY_WRITE_MAX - 10,
                     "{'descr': '%c%s', 'fortran_order': %s, 'shape': (%s), }",
                     lode_dtype_size(array->dtype) == 1 ? '|' : '<', type,
                     npy_is_fortran(array) ? "True" : "False", shape);
    size_t size = (10 + (size_t)n + 1 + 63) / 64 * 64;
    memset(header_out + 10 + n, ' ', size - 10 - (size_t)n);
    header_out[size - 1] = '\n';
    memcpy(header_out, magic, sizeof magic);
    header_out[6] = 1;
    header_out[7] = 0;
    header_out[8] = (char)((size - 10) & 0xff);
    header_out[9] = (char)((size - 10) >> 8);
    *size_out = size;
    return LODE_OK;
}
