/*
 * report.h: what `lode status` knows of one cluster, gathered from /proc, the store and the
 * scheduler. A part that does not answer is a fact, not an error.
 */
#ifndef LODE_TOOLS_REPORT_H
#define LODE_TOOLS_REPORT_H

#include "tools/clusters/clusters.h"
#include "tools/clusters/processes.h"

#include <jansson.h>
#include <lode/lode.h>

struct report_part {
    bool up;      /* it has answered; the supervisor: it holds the lock */
    bool unasked; /* not up: but for a reason of this process's own, as a lack of descriptors */
    pid_t pid;    /* 0: there is none */
    uint64_t uptime_ns;
    uint64_t private_bytes, shared_bytes;
    char why[256]; /* that it is not up */
};

struct report {
    struct cluster cluster;
    struct report_part supervisor, store, scheduler;
    lode_store_stats store_stats;         /* valid if the store is up */
    lode_scheduler_stats scheduler_stats; /* valid if the scheduler is up */
    json_t *details; /* the scheduler's document (api/wire/task_msg.h), an object; NULL: none */
    uint64_t workers_bytes; /* private bytes of all workers */
    size_t workers;         /* processes */
};

/*
 * Blocking: a few milliseconds; 5 s for each daemon that hangs.
 * End it with report_fini().
 */
void report_gather(const struct cluster *cluster, struct report *report_out);
void report_fini(struct report *report);

/* True if all that belongs to the cluster is up. */
bool report_is_healthy(const struct report *report);

#endif
