/*
 * description.h: what a worker says of a library that it has opened: its name, and each function's
 * name, signature and number of results. The library's author has written it, so it may be wrong in
 * any way.
 */
#ifndef LODE_SCHEDULER_CORE_DESCRIPTION_H
#define LODE_SCHEDULER_CORE_DESCRIPTION_H

#include "scheduler/core/state/state.h"

/*
 * The library's name, in `text`. NULL: the description breaks a rule, and why_out says which, and
 * by which function.
 */
const char *core_description_check(const char *text, uint32_t size, char *why_out, size_t room);

/* Gives the library the functions of a description that was checked. */
void core_description_add(struct core *core, struct core_library *library, const char *text,
                          uint32_t size);

#endif
