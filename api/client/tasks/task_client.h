/*
 * task_client.h: how a session comes to its task client (tasks.h), and the task client to the
 * scheduler.
 */
#ifndef LODE_CLIENT_TASK_CLIENT_H
#define LODE_CLIENT_TASK_CLIENT_H

#include "api/client/tasks/tasks.h"

/*
 * Gives the session its task client, which connects to nobody yet. From here on waits of the
 * session for results end with the scheduler. Errors: LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err lode_tasks_install(lode *db, struct lode_tasks **tasks_out);

/* The session's task client, connected or not; NULL: it was never installed. No lock. */
struct lode_tasks *lode_tasks_peek(const lode *db);

/*
 * The session's task client, connected. The first call connects.
 *
 * Blocking  the first call, until the scheduler's welcome (5 s at most)
 * Errors    LODE_EDOWN no scheduler runs, or it has ended; LODE_EUNSUPPORTED the session was opened
 *           with LODE_OPEN_STORE_ONLY; as lode_session_check(); as lode_rendezvous_open()
 */
LODE_MUST_CHECK lode_err lode_tasks_of(lode *db, struct lode_tasks **tasks_out);

/* The same for a worker, before anything else has asked: role and records are those of `worker`. */
LODE_MUST_CHECK lode_err lode_tasks_connect_worker(lode *db, const struct lode_tasks_worker *worker,
                                                   struct lode_tasks **tasks_out);

#endif
