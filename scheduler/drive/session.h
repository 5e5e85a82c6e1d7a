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
#include "scheduler/drive/drive.h"
#include "scheduler/drive/loop.h"

#include <stdatomic.h>

struct sessions;
struct drive;

enum {
    SESSION_OUTPUT_BACKLOG_MAX = 32
                                 << 20 /* bytes; what the session does not take goes to the log */
};

struct drive_session {
    uint64_t number;
    uint32_t worker; /* 0: a program */
    int64_t pid;
    struct sessions *table;
    struct loop_source socket; /* rendezvous */
    struct lode_link *link;
    struct drive *drive;
    _Atomic uint32_t keepers;
    struct drive_hold hold; /* of the receive callback */

    /* the core's lock */
    struct drive_session *next_dirty;
    bool dirty;
    bool leaving;            /* its end was asked for */
    uint32_t output_dropped; /* lines that were left out, and that it was not told of */
    uint32_t output_lost;    /* of these, those that the log lacks */
    UT_hash_handle hh;
};

void session_keep(struct drive_session *session);
void session_drop(struct drive_session *session);

/* Sends what has been appended. Any thread that keeps the session, and holds no lock. */
void session_flush(struct drive_session *session);

/*
 * Appends the record of a SEND. The core's lock is held.
 * Errors: LODE_ELIMIT, LODE_ECLOSED, LODE_ENOMEM.
 *
 *   output_log  where lines are that found no room: a later OUTPUT, or the answer to the last
 *               question, is preceded by how many
 */
LODE_MUST_CHECK lode_err session_send_locked(struct drive_session *session,
                                             const struct core_action *action,
                                             const char *output_log);

/* True if too much waits for the session: its OUTPUT goes to the log. The core's lock is held. */
bool session_is_swamped_locked(struct drive_session *session);

/* How many lines an OUTPUT has. */
uint32_t session_count_lines(const struct core_action *output);

/*
 * The same as session_send_locked() of a STATS_ARE, which is told what the core cannot know:
 * `repeats`, the records that all links have dropped because they came twice, and how long the
 * core's lock was held at worst.
 */
LODE_MUST_CHECK lode_err session_send_stats_locked(struct drive_session *session,
                                                   const struct core_action *action,
                                                   uint64_t repeats, uint64_t longest_turn_ns,
                                                   const char *output_log);

#endif
