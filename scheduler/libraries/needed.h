/*
 * needed.h: which libraries the bytes of a library name as needed (DT_NEEDED). The bytes are
 * hostile input: what lies outside of them is not read, and what is no library of this machine
 * needs none.
 */
#ifndef LODE_SCHEDULER_NEEDED_H
#define LODE_SCHEDULER_NEEDED_H

#include <stddef.h>

typedef void (*needed_fn)(const char *name, void *arg);

/* Tells `each` their names; `bytes` is aligned to 8. */
void needed_each(const void *bytes, size_t size, needed_fn each, void *arg);

#endif
