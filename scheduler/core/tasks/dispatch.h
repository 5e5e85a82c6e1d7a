/*
 * dispatch.h: which ready task goes to which worker. Programs take turns (programs/turns.h).
 *
 * A worker that has tasks holds a lease of resources, and each task in its queue needs exactly
 * those. So the resources in use are the sum of the leases, however deep the queues are.
 */
#ifndef LODE_SCHEDULER_CORE_DISPATCH_H
#define LODE_SCHEDULER_CORE_DISPATCH_H

#include "scheduler/core/state/state.h"

void core_dispatch(struct core *core);

#endif
