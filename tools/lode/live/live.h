/* live.h: the tasks and workers that there are now, for the commands that show or end them. */
#ifndef LODE_TOOLS_LIVE_H
#define LODE_TOOLS_LIVE_H

#include "tools/cli/attach.h"
#include "tools/clusters/clusters.h"

#include <jansson.h>

/*
 * Attaches to the cluster that `lode status` would show for `dir`, does the work and closes.
 * Returns the exit code; what is wrong has been said.
 */
int live_run(const char *dir, attach_fn work, void *arguments);

/* One task or worker, as the scheduler's document has it (api/wire/task_msg.h). */
typedef void (*live_fn)(json_t *one, void *arg);

/*
 * Every task that has not ended, once. One that comes or goes meanwhile may be missing.
 * Errors  LODE_EDOWN, LODE_ETIMEDOUT the scheduler; LODE_EPROTO what it says makes no sense
 */
LODE_MUST_CHECK lode_err live_each_task(lode *db, live_fn each, void *arg);

/* Every worker. Errors: the same. */
LODE_MUST_CHECK lode_err live_each_worker(lode *db, live_fn each, void *arg);

/* What is not there is "", or 0. */
const char *live_text(json_t *one, const char *key);
int64_t live_number(json_t *one, const char *key);

/* The id of the task's first result. */
lode_id live_id(json_t *task);

#endif
