/* run.h: the main thread of a worker: one task after the other, from message to result. */
#ifndef WORKER_RUNTIME_RUN_H
#define WORKER_RUNTIME_RUN_H

#include "worker/runtime/worker.h"

/* Runs what comes, until QUIT. Errors: LODE_EDOWN, LODE_ENOMEM: the worker cannot go on. */
LODE_MUST_CHECK lode_err worker_run(struct worker *worker);

#endif
