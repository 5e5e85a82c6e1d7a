/* result.h: what a task has returned, for people and for programs. */
#ifndef LODE_TOOLS_RESULT_H
#define LODE_TOOLS_RESULT_H

#include <jansson.h>
#include <lode/lode.h>
#include <stdio.h>

/*
 * One line: a scalar's value, an array's type and shape, a blob's size. But a blob of at most 4 KiB
 * that is text for a person is printed as it is.
 */
void result_print(const lode_view *view, FILE *out);

/* {"kind", "dtype", "shape", "size_bytes", "value" (of a scalar or text)}: the caller's. */
json_t *result_json(const lode_view *view);

#endif
