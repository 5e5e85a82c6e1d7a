/*
 * libraries.h: task libraries and their functions, as the core knows them: which version is current,
 * which worker has opened which, and those that are on their way into the table. Part of state.h.
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

/* Somebody who waits for a library: a LOAD, or a RESOLVE of a built-in one. */
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

/* ---- functions.c ---------------------------------------------------------------------------- */

struct core_function *core_function_at(const struct core *core, uint32_t number);
void core_function_add(struct core *core, struct core_library *library, const char *symbol,
                       uint32_t results);
bool core_worker_knows(const struct core_worker *worker, const struct core_function *function);
/* True if it holds another version of the function's library. */
bool core_worker_conflicts(const struct core_worker *worker, const struct core_library *library);
void core_worker_hold(struct core_worker *worker, struct core_library *library);
void core_worker_teach(struct core *core, struct core_worker *worker,
                       struct core_function *function);
void core_resolve(struct core *core, struct core_session *session, const void *bytes,
                  uint32_t size);
/* Answers a RESOLVE; with `load`, a built-in library that is not there is loaded first. */
void core_resolve_name(struct core *core, struct core_session *session, uint32_t tag,
                       const char *name, bool load);
/* function NULL: LODE_ELIBRARY, and why. */
void core_send_resolved(struct core *core, uint64_t session, uint32_t tag,
                        const struct core_function *function, const char *text);
/* The text of a record behind its struct, as a string. False: it is not one. */
bool core_record_text(const void *bytes, uint32_t size, uint32_t head, char *text_out, size_t room);
void core_functions_fini(struct core *core);

/* ---- loads.c -------------------------------------------------------------------------------- */

void core_load_library(struct core *core, struct core_session *session, const void *bytes,
                       uint32_t size);
/* Loads the built-in library, once; then the RESOLVE is answered. */
void core_load_builtin(struct core *core, struct core_session *session, uint32_t tag,
                       const char *name);
void core_library_copied(struct core *core, const struct core_event *event);
void core_described(struct core *core, struct core_session *session, const void *bytes,
                    uint32_t size);
/* Gives a copied library that waits to a worker that is free. */
void core_describe_next(struct core *core);
bool core_describe_waits(const struct core *core);
void core_describe_died(struct core *core, struct core_worker *worker);
void core_describe_fail_all(struct core *core, lode_err err, const char *why);
void core_loads_fini(struct core *core);

#endif
