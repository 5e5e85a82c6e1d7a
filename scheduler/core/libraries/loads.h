/*
 * loads.h: how a library comes into the table: LOAD, and the RESOLVE that loads a built-in one.
 *
 *   LOAD --core_load_library()--> COPY_LIBRARY --core_library_copied()--> waits for a free worker
 *        --core_describe_next()--> DESCRIBE --core_described()--> in the table, LOADED
 */
#ifndef LODE_SCHEDULER_CORE_LOADS_H
#define LODE_SCHEDULER_CORE_LOADS_H

#include "scheduler/core/state/state.h"

/* The records LOAD and RESOLVE of a session, DESCRIBED of a worker's. */
void core_load_library(struct core *core, struct core_session *session, const void *bytes,
                       uint32_t size);
void core_resolve(struct core *core, struct core_session *session, const void *bytes,
                  uint32_t size);
void core_described(struct core *core, struct core_session *session, const void *bytes,
                    uint32_t size);

/* A scheduler before this one offered that file to all, by that name. */
void core_load_offer(struct core *core, const char *name, const char *source);

void core_library_copied(struct core *core, const struct core_event *event);
/* Gives copied libraries that wait to workers that are free. */
void core_describe_next(struct core *core);
bool core_describe_waits(const struct core *core);
/* The worker has opened a library for too long, and is killed. */
void core_describe_hangs(struct core *core, struct core_worker *worker);
/* The copies of those versions go that no name stands for and no task runs. */
void core_libraries_tidy(struct core *core);
/* The worker has died while it described a library. */
void core_describe_died(struct core *core, struct core_worker *worker);
/* No worker will come: answers all requests that wait for a library, with the reason. */
void core_describe_fail_all(struct core *core, lode_err err, const char *why);
void core_loads_fini(struct core *core);

#endif
