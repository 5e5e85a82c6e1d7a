/*
 * libraries.h: task libraries and their functions, as the core knows them: which names they have
 * for whom, which worker has opened which, and those that are on their way into the table. Part of
 * state/state.h.
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
    uint32_t names; /* that stand for it, in all name spaces */
    bool is_builtin;
    bool gone;          /* no name stands for it, no task runs it, and its copy is removed */
    bool has_namesakes; /* another version, or another library of that name, was there once */
    struct core_library *next;
};

/* A name of a name space: what it stands for now. */
struct core_named {
    struct core_named *next;
    struct core_library *library;
    char *source; /* the file that was loaded */
};

/*
 * What names of libraries stand for. Each program has one, for what it has loaded itself, its tasks
 * included; and there is one for what is offered to all programs. A program's own goes first.
 */
struct core_names {
    struct core_named *first;
};

void core_names_fini(struct core_names *names);

/* A name that an earlier scheduler offered to all, and that stands for nothing yet (offers.h). */
struct core_offer {
    struct core_offer *next;
    char *name, *source;
    char *why;              /* NULL: it is being loaded; else it is lost */
    struct core_load *load; /* NULL: it is over */
};

/* A request that waits for a library: a LOAD, or a RESOLVE of a built-in one. */
struct core_request {
    struct core_request *next;
    uint64_t session;
    uint64_t program; /* LOAD: whose name space gets the library */
    uint64_t parent;  /* the task that asks, as it said */
    uint32_t tag;
    uint32_t flags; /* LOAD: LODE_LOAD_… */
    char *function; /* RESOLVE: its name; NULL: a LOAD */
};

/* A library on its way into the table: copied, then described by a worker. */
struct core_load {
    TAILQ_ENTRY(core_load) link;
    uint64_t cookie;
    char *source;
    char *path; /* of the copy; NULL: not copied yet */
    uint32_t deaths;
    int64_t since;              /* it is described */
    struct core_worker *worker; /* that describes it */
    bool builtin;
    struct core_offer *offer; /* it is loaded for that one; NULL: for none */
    struct core_request *requests;
};
TAILQ_HEAD(core_load_list, core_load);

#endif
