/*
 * functions.h: what the scheduler is asked about functions, libraries and itself.
 */
#ifndef LODE_CLIENT_FUNCTIONS_H
#define LODE_CLIENT_FUNCTIONS_H

#include "api/client/tasks/tasks.h"

/*
 * The function of that name, asked for if it is not known. The first tells two things apart that
 * are LODE_ELIBRARY to programs (task.h), and so to the second.
 * Errors: LODE_ENOTFOUND there is no such library or function; LODE_ELIBRARY the library is there,
 * and cannot be used; LODE_EINVAL no "library.function"; LODE_EDOWN.
 */
LODE_MUST_CHECK lode_err lode_tasks_look_up(struct lode_tasks *tasks, const char *name,
                                            struct lode_known_function *function_out);
LODE_MUST_CHECK lode_err lode_tasks_resolve(struct lode_tasks *tasks, const char *name,
                                            struct lode_known_function *function_out);

/*
 * The scheduler's figures, and its JSON document for `lode status`.
 *
 *   json_out  malloc'ed text, the caller's; may be NULL: not wanted
 */
LODE_MUST_CHECK lode_err lode_tasks_status(lode *db, lode_scheduler_stats *stats_out,
                                           char **json_out);

/* The same with all workers in the document, not the first ones only. */
LODE_MUST_CHECK lode_err lode_tasks_workers(lode *db, char **json_out);

/*
 * The tasks that have not ended, some at a time: their JSON document for `lode tasks`.
 *
 *   at        where to begin: 0 first; set to where the next call begins, or to 0 after the last
 *   json_out  malloc'ed text, the caller's; NULL in it: there is none
 */
LODE_MUST_CHECK lode_err lode_tasks_list(lode *db, uint64_t *at, char **json_out);

/*
 * lode_load(), and under which name the library's functions are called.
 *
 *   flags     LODE_LOAD_… (task_msg.h)
 *   name_out  malloc'ed text, the caller's; NULL in it: the scheduler did not say; may be NULL
 */
LODE_MUST_CHECK lode_err lode_tasks_load(lode *db, const char *path, uint32_t flags,
                                         char **name_out);

#endif
