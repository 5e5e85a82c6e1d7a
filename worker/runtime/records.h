/* records.h: what the scheduler tells a worker; on nng's threads, beside the main thread. */
#ifndef WORKER_RUNTIME_RECORDS_H
#define WORKER_RUNTIME_RECORDS_H

#include "worker/runtime/worker.h"

/*
 * Takes a record: queues a task, gives tasks back, and so on. `worker` is a struct worker.
 * Errors  LODE_EPROTO, LODE_ENOMEM: the link ends, and with it the worker
 */
lode_err worker_record(void *worker, uint16_t type, const void *bytes, uint32_t size);

/* After the last one of those that came together. */
void worker_records_end(void *worker);

#endif
