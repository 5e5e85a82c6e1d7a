/*
 * session.h: one peer of the scheduler: a program or a worker, admitted by the rendezvous. Its
 * socket is the main thread's. Its link is used by the threads that carry out the core's actions.
 *
 * The table keeps the session as long as it is open. Each thread that is about to flush its link
 * keeps it, too. When the last of them drops it, the reaper closes the link, and then frees the
 * session.
 */
#ifndef LODE_SCHEDULER_SESSION_H
#define LODE_SCHEDULER_SESSION_H

#include "api/base/hash.h"
#include "api/wire/link.h"
#include "scheduler/core/core.h"
#include "scheduler/drive/loop.h"

#include <stdatomic.h>

struct sessions;
struct drive;

enum {
    SESSION_OUTPUT_BACKLOG_MAX = 1 << 20 /* bytes: a session that does not take them loses lines */
};

struct drive_session {
    uint64_t number;
    struct sessions *table;
    struct loop_source socket; /* rendezvous */
    struct lode_link *link;
    struct drive *drive;
    _Atomic uint32_t keepers;
    uint32_t holding; /* of the receive callback: see drive.h */

    /* the core's lock */
    struct drive_session *next_dirty;
    bool dirty;
    bool leaving; /* its end was asked for */
    uint32_t output_dropped;
    UT_hash_handle hh;
};

void session_keep(struct drive_session *session);
void session_drop(struct drive_session *session);

/* Sends what has been appended. Any thread that keeps the session, and holds no lock. */
void session_flush(struct drive_session *session);

/*
 * Appends the record of a SEND. Lines of output are left out, and counted, while too much waits for
 * the session. The core's lock is held. Errors: LODE_ELIMIT, LODE_ECLOSED, LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err session_send_locked(struct drive_session *session,
                                             const struct core_action *action);

/*
 * The same of a STATS_ARE, which is told what the core cannot know: `repeats`, the records that all
 * links have dropped because they came twice, and how long the core's lock was held at worst.
 */
LODE_MUST_CHECK lode_err session_send_stats_locked(struct drive_session *session,
                                                   const struct core_action *action,
                                                   uint64_t repeats, uint64_t longest_turn_ns);

#endif
