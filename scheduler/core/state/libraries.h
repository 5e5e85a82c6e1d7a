/*
 * libraries.h: task libraries and their functions, as the core knows them: which version is
 * current, which worker has opened which, and those that are on their way into the table. Part of
 * state.h.
 */
#ifndef LODE_SCHEDULER_CORE_LIBRARIES_H
#define LODE_SCHEDULER_CORE_LIBRARIES_H

#include "scheduler/core/core.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct core;
struct core_session;
struct core_worker;

struct core_function {
    uint32_t number;
    uint32_t results;
    struct core_library *library;
    char *name;         /* "library.function" */
    const char *symbol; /* points into name */
    uint64_t average_ns;
    uint32_t ramp; /* slow start: tasks of it that a worker may have */
    uint32_t cpus; /* of the task that came last; for display */
    uint64_t done;
    bool nests;                      /* a task of it has submitted tasks */
    uint64_t waiting, ready, placed; /* its tasks in these states */
};

/* One version of a library. */
struct core_library {
    char *name;
    char *path; /* of the copy: says which version */
    struct core_function **function;
    uint32_t count;
    bool current; /* the version that names resolve to */
    struct core_library *next;
};

/* A request that waits for a library: a LOAD, or a RESOLVE of a built-in one. */
struct core_request {
    struct core_request *next;
    uint64_t session;
    uint32_t tag;
    char *function; /* RESOLVE: its name; NULL: a LOAD */
};

/* A library on its way into the table: copied, then described by a worker. */
struct core_load {
    TAILQ_ENTRY(core_load) link;
    uint64_t cookie;
    char *source;
    char *path; /* of the copy; NULL: not copied yet */
    uint32_t deaths;
    struct core_worker *worker; /* that describes it */
    bool builtin;
    struct core_request *requests;
};
TAILQ_HEAD(core_load_list, core_load);

#endif
