/*
 * objects.h: the table of objects that are to come, and which tasks wait for them. An object is the
 * result of a live task, or another session's: then the store is asked for it.
 *
 * One rule: the store is asked once for an object, however many tasks wait for it. It is told when
 * the last of them does not wait any more. So the number of WATCHes that are out is the number of
 * distinct ids. No program can have the scheduler ask for one object ten thousand times.
 *
 * Result ids of one session are consecutive, so eight neighbours share a cache line of buckets.
 */
#ifndef LODE_SCHEDULER_CORE_OBJECTS_H
#define LODE_SCHEDULER_CORE_OBJECTS_H

#include "scheduler/core/state/state.h"

void core_objects_init(struct core_objects *objects);
void core_objects_fini(struct core_objects *objects);

/* Gives memory back that no object has needed since the last call. */
void core_objects_tidy(struct core_objects *objects);

/* NULL: the core knows of nothing that will make the object, and does not wait for it. */
struct core_object *core_object_find(const struct core_objects *objects, lode_id id);

/*
 * The task will make these: `result_count` ids from `results`. Tasks that waited for one of them at
 * the store wait for this task from now on. False: another live task makes one of them already;
 * nothing was changed.
 */
bool core_objects_promise(struct core *core, struct core_task *task);

/* The task has ended: nobody waits for what it makes, and it leaves the table. */
void core_objects_forget(struct core *core, struct core_task *task);

/*
 * The task waits for that object. If the object is not in the table it is entered, and the caller
 * has to ask the store for it: *new_out is true.
 */
void core_dep_add(struct core *core, struct core_task *task, lode_id id, bool *new_out);

/* The task does not wait for this one any more. */
void core_dep_remove(struct core *core, struct core_dep *dep);
void core_deps_remove(struct core *core, struct core_task *task);

/*
 * The store has answered the WATCH `cookie` about that id. Gives the object, which stays in the
 * table with the tasks that wait for it until core_object_close(). NULL: the store was not asked
 * that, or no task waits any more.
 */
struct core_object *core_object_answered(struct core_objects *objects, uint64_t cookie, lode_id id);

/*
 * The store had no memory for the WATCH `cookie` of that id: the core asks again later, if a task
 * still waits for the object then.
 */
void core_object_starved(struct core *core, uint64_t cookie, lode_id id);

/* Asks again, for at most CORE_STORE_IDS ids, if the time for that has come. */
void core_objects_ask_again(struct core *core);

/* Nobody waits for it any more: it leaves the table. */
void core_object_close(struct core_objects *objects, struct core_object *object);

#endif
