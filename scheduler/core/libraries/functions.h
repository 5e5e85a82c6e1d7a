/*
 * functions.h: the table of libraries and their functions, and which worker knows and has opened
 * which. How a library comes into the table: loads.h.
 */
#ifndef LODE_SCHEDULER_CORE_FUNCTIONS_H
#define LODE_SCHEDULER_CORE_FUNCTIONS_H

#include "scheduler/core/state/state.h"

/* NULL: no function has that number. */
static inline struct core_function *
core_function_at(const struct core *core, uint32_t number)
{
    return number >= 1 && number <= core->function_count ? core->function[number - 1] : NULL;
}

struct core_function *core_function_named(const struct core_library *library, const char *symbol);
void core_function_add(struct core *core, struct core_library *library, const char *symbol,
                       uint32_t results);

struct core_library *core_library_at_path(const struct core *core, const char *path);
struct core_library *core_library_add(struct core *core, const char *name, const char *path);

/* True if the worker was told what the function's number means. */
static inline bool
core_worker_knows(const struct core_worker *worker, const struct core_function *function)
{
    uint32_t word = function->number / 64;
    return word < worker->known_words && (worker->known[word] >> (function->number % 64) & 1) != 0;
}

/* Tells a worker that does not know. */
void core_worker_teach(struct core *core, struct core_worker *worker,
                       struct core_function *function);
/* Notes that the worker opens that library. */
void core_worker_hold(struct core_worker *worker, struct core_library *library);
/* True if the worker has opened another version of the library. */
bool core_worker_conflicts(const struct core_worker *worker, const struct core_library *library);
/* True if the worker would have to open a second version of a library for that function. */
bool core_worker_would_conflict(const struct core_worker *worker,
                                const struct core_function *function);

void core_functions_fini(struct core *core);

#endif
