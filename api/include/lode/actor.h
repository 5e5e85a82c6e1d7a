/*
 * actor.h: actors: a state of its own in a worker of its own, and calls that run in order.
 *
 * The shape of an interface that is still to be built: nothing of it is installed or linked yet.
 */
#ifndef LODE_ACTOR_H
#define LODE_ACTOR_H

#include "task.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lode_actor {
    lode_id id;
} lode_actor;

typedef struct lode_actor_options {
    size_t struct_size;
    double num_cpus; /* default 0 */
    int32_t max_restarts;
    const char *name;
} lode_actor_options;

LODE_API LODE_MUST_CHECK lode_err lode_actor_create(lode *db, const char *actor_class,
                                                    lode_args args,
                                                    const lode_actor_options *options,
                                                    lode_actor *actor_out);
LODE_API LODE_MUST_CHECK lode_err lode_actor_call(lode *db, lode_actor actor, const char *method,
                                                  lode_args args, const lode_call_options *options,
                                                  lode_id *results_out);
LODE_API void lode_actor_drop(lode *db, lode_actor actor);
LODE_API lode_arg lode_actor_ref(lode_actor actor);
LODE_API LODE_MUST_CHECK lode_err lode_task_actor(lode_task *task, size_t index,
                                                  lode_actor *actor_out);

#ifdef __cplusplus
}
#endif
#endif
