/*
 * argument.h: one argument of `lode run`, from its text.
 *
 *   42  -7                     an integer, if it fits into 64 bits
 *   2.5  1e-3  inf             a float
 *   FILE.npy                   the array in that file, put into the store
 *   @NAME  @SPACE/NAME  @ID    an object (tools/cli/word.h)
 *   str:TEXT                   a string, whatever it looks like; so is everything else
 */
#ifndef LODE_TOOLS_ARGUMENT_H
#define LODE_TOOLS_ARGUMENT_H

#include <lode/lode.h>

enum argument_kind { ARGUMENT_I64, ARGUMENT_F64, ARGUMENT_STR, ARGUMENT_FILE, ARGUMENT_NAME };

struct argument {
    enum argument_kind kind;
    int64_t i64;
    double f64;
    const char *text; /* string, path or name: part of the text that was parsed */
    lode_id id;       /* file, name: once argument_resolve() was called; a reference of ours */
};

/* Never fails: what is nothing else is a string. */
void argument_parse(const char *text, struct argument *argument_out);

/* Puts a file into the store, looks a name up. The sentence of an error names the argument. */
LODE_MUST_CHECK lode_err argument_resolve(lode *db, struct argument *argument);

/* As lode_call() wants it; valid as long as the argument. */
lode_arg argument_value(const struct argument *argument);

/* Drops the reference, if there is one. */
void argument_drop(lode *db, struct argument *argument);

#endif
