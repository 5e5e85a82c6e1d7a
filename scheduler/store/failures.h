/*
 * failures.h: a thread that reads the error objects of failed tasks. To read one may mean to wait
 * for the store, and nothing else of the scheduler must wait for that. The first object that is to
 * be read starts the thread. It sleeps when there is none.
 */
#ifndef LODE_SCHEDULER_FAILURES_H
#define LODE_SCHEDULER_FAILURES_H

#include "api/cluster/paths.h"
#include "scheduler/drive/drive.h"

struct failures;

/* `paths` stays. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err failures_create(const struct lode_paths *paths, struct drive *drive,
                                         struct failures **failures_out);

/*
 * PUT_ERROR with `copy_from`: comes back as an errand without, whose bytes are those of the object
 * if it could be read. REPORT: carried out. ERRAND_RECORD_AFTER_DEATHS: comes
 * back as ERRAND_RECORD_AFTER_FAILURES behind all that was asked for before. Main thread; never
 * blocks.
 */
void failures_read(struct failures *failures, const struct core_action *action);

/* The sentence of a failed task, as OUTPUT with LODE_OUTPUT_FAILURE. No lock. */
void failures_send(struct drive *drive, uint64_t session, const char *name, int64_t pid,
                   const char *text);

#endif
