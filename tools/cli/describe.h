/* describe.h: an object in words for people, and as JSON for programs. */
#ifndef LODE_TOOLS_DESCRIBE_H
#define LODE_TOOLS_DESCRIBE_H

#include <jansson.h>
#include <lode/lode.h>
#include <stdio.h>

enum { DESCRIBE_MAX = 256 };

const char *describe_kind(lode_kind kind);
const char *describe_state(lode_state state);
const char *describe_class(lode_object_class object_class);

/* "f64 10240 x 128", "i32 scalar"; "" for what is no array. Returns text_out. */
const char *describe_array(const lode_object_info *info, char text_out[DESCRIBE_MAX]);

/* "0.5 s", "12 min", "3 h", "5 d". Returns text_out. */
const char *describe_age(uint64_t ns, char text_out[DESCRIBE_MAX]);

/* Prints a text of another program's on one line, as api/base/printable.h shows it. */
void describe_text(const char *text, FILE *out);

/*
 * An object: {"id", "state", "kind", "class", "size_bytes", "dtype", "shape", "strides",
 * "references", "pins", "age_ns", "maker_session", "maker_pid" (as in lode_object_info)}; dtype to
 * strides only of arrays.
 * The caller adds "names". NULL: no memory. The caller's.
 */
json_t *describe_json(const lode_object_info *info);

#endif
