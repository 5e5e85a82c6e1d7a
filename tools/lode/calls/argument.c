#include "tools/lode/calls/argument.h"

#include "api/base/fail.h"
#include "tools/cli/word.h"
#include "tools/lode/calls/array_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

static bool
parse_i64(const char *text, int64_t *value_out)
{
    char *end;
    if (text[0] == '\0' || text[strspn(text, "+-0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        return false;
    }
    *value_out = value;
    return true;
}

static bool
is_word_for_float(const char *text)
{
    const char *word = text + (text[0] == '+' || text[0] == '-');
    return strcmp(word, "inf") == 0 || strcmp(word, "nan") == 0;
}

/* strtod() would take "0x1p3", " 1" and "infinity" as well. */
static bool
parse_f64(const char *text, double *value_out)
{
    char *end;
    if (!is_word_for_float(text) &&
        (text[0] == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0' ||
         strpbrk(text, "0123456789") == NULL)) {
        return false;
    }
    double value = strtod(text, &end);
    if (end == text || *end != '\0') {
        return false;
    }
    *value_out = value;
    return true;
}

void
argument_parse(const char *text, struct argument *argument_out)
{
    struct argument argument = {.kind = ARGUMENT_STR, .text = text};
    if (strncmp(text, "str:", 4) == 0) {
        argument.text = text + 4;
    } else if (text[0] == '@' && text[1] != '\0') {
        argument.kind = ARGUMENT_NAME;
        argument.text = text + 1;
    } else if (ends_with(text, ".npy")) {
        argument.kind = ARGUMENT_FILE;
    } else if (parse_i64(text, &argument.i64)) {
        argument.kind = ARGUMENT_I64;
    } else if (parse_f64(text, &argument.f64)) {
        argument.kind = ARGUMENT_F64;
    }
    *argument_out = argument;
}

/* The id of a name comes with a reference; one that was typed gets one, to be dropped alike. */
static lode_err
look_up(lode *db, const char *text, lode_id *id_out)
{
    struct word word;
    LODE_TRY(word_parse(text, &word));
    bool named;
    lode_err err = word_resolve(db, &word, 0, id_out, &named);
    if (err == LODE_OK && !named) {
        lode_object_info info;
        err = lode_stat(db, *id_out, &info);
        err = err == LODE_OK ? lode_keep(db, *id_out) : err;
    }
    return err == LODE_ENOTFOUND || err == LODE_EGONE ? word_not_found(db, text) : err;
}

lode_err
argument_resolve(lode *db, struct argument *argument)
{
    lode_array array;
    lode_err err = LODE_OK;
    if (argument->kind == ARGUMENT_FILE) {
        err = array_file_put(db, argument->text, &array, &argument->id);
    } else if (argument->kind == ARGUMENT_NAME) {
        err = look_up(db, argument->text, &argument->id);
    }
    return err;
}

lode_arg
argument_value(const struct argument *argument)
{
    switch (argument->kind) {
    case ARGUMENT_I64:
        return lode_i64(argument->i64);
    case ARGUMENT_F64:
        return lode_f64(argument->f64);
    case ARGUMENT_STR:
        return lode_str(argument->text);
    default:
        return lode_ref(argument->id);
    }
}

void
argument_drop(lode *db, struct argument *argument)
{
    if (!lode_id_is_zero(argument->id)) {
        lode_drop(db, argument->id);
        memset(&argument->id, 0, sizeof argument->id);
    }
}
