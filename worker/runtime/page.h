/*
 * page.h: what the main thread writes into the page that the worker shares with the scheduler
 * (api/layout/worker_page.h). The scheduler reads the page when the worker is dead. It charges an
 * attempt to the tasks that had begun, and takes the task `finished` to have its results.
 *
 *   page_begin() --> running --page_finish()-----> `finished` names it: its results are published
 *                       '------page_hand_back()--> as if it had never begun
 *
 * A task that is handed back may come again, to the same worker. So `finished` must not name it: if
 * it did, the second run would pass for one that had ended, from its first instruction.
 */
#ifndef WORKER_RUNTIME_PAGE_H
#define WORKER_RUNTIME_PAGE_H

#include "api/layout/worker_page.h"

/* `nth`: how many tasks have begun in this worker, this one included. */
void page_begin(struct lode_worker_page *page, uint64_t nth, uint64_t task);

/* The task that began last has its results in the ring. */
void page_finish(struct lode_worker_page *page);

/* The task that began last, as the `nth`, cannot be run: an argument is not there. */
void page_hand_back(struct lode_worker_page *page, uint64_t nth);

#endif
