/*
 * failures.h: FAIL: the scheduler's error objects in place of all results of a task, in one step,
 * as a COMMIT of its results would have been. All entries are made before the first one is sealed,
 * so that no error on the way leaves some of them there.
 */
#ifndef LODE_STORE_REQUESTS_FAILURES_H
#define LODE_STORE_REQUESTS_FAILURES_H

#include "store/requests/call.h"

packet_fn handle_fail;

#endif
