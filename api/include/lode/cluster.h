/*
 * cluster.h: sessions: how a program attaches to lode, and what it can ask of the whole. Stable.
 *
 * The library changes no signal's disposition, and needs none changed: it raises no SIGPIPE, and
 * makes no file grow, so that neither can SIGXFSZ (ulimit -f) come from it.
 */
#ifndef LODE_CLUSTER_H
#define LODE_CLUSTER_H

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One session of this process with a cluster. For every call that takes one, unless its comment
 * says otherwise:
 *
 * Threads   any thread, any number of them at once
 * Blocking  a call with timeout_ms waits for so long at most; other calls do not wait, or only for
 *           the answer to one message, which a daemon that runs gives at once.
 *           A daemon that is stopped (SIGSTOP), or busy for long, does not answer. Then a call with
 *           a timeout is LODE_ETIMEDOUT a second after its time is up at the latest. A call without
 *           one, or with timeout_ms 0, waits 5 s for the answer. LODE_FOREVER waits as long as the
 *           daemon lives. Getting memory for large bytes adds up to a second for each 64 MiB.
 *           What such a call had asked for may happen yet. What it would have given to the caller
 *           (a draft, an object, a reference) is ended again by the session's next call that has
 *           the store answer
 * Errors    beside those that the comment lists, any call may return
 *           LODE_EINVAL   the session, or a pointer that the call needs, is NULL
 *           LODE_EDOWN    the daemon has ended, or has ended this session
 *           LODE_ETIMEDOUT  the daemon does not answer; lode_last_error() has its process
 *           LODE_EFORKED  the session was opened before fork(), and is the parent's
 *           LODE_ECLOSED  the session is closed, and lives on only because a view of it does
 *           LODE_ENOMEM, LODE_ESYS  what the system refused
 *           LODE_EPROTO, LODE_ECORRUPT  a bug, or bytes that somebody damaged
 */
typedef struct lode lode;

#define LODE_FOREVER (-INT64_C(1)) /* a timeout_ms: without limit, as every negative one is */
#define LODE_ZERO    (-1073741824) /* in an options struct, where 0 means "the default": zero */

enum {
    LODE_OPEN_ATTACH = 1,     /* only a cluster that runs; never start a private one */
    LODE_OPEN_PRIVATE = 2,    /* a private cluster even where one runs */
    LODE_OPEN_STORE_ONLY = 4, /* never talk to a scheduler */
    LODE_OPEN_UNPROTECTED = 8 /* do not write-protect sealed bytes in this process (faster puts) */
};

typedef struct lode_open_options {
    size_t struct_size;      /* sizeof(lode_open_options) */
    uint32_t flags;          /* LODE_OPEN_… */
    int32_t num_cpus;        /* of a private cluster; default: the CPUs that this process may use */
    uint64_t capacity_bytes; /* of a private cluster's store; default: 30 % of what there is */
    int32_t max_workers;     /* of a private cluster: processes that may hold tasks of one program,
                                those that wait included; default: 1,024 */
} lode_open_options;

/*
 * Opens a session with the cluster in `dir`.
 *
 *   dir      the cluster's directory. NULL: $LODE_DIR or this user's default. If no cluster runs
 *            there, a private one is started, which ends with this process
 *   options  NULL: all defaults
 *   db_out   the session; set only on LODE_OK
 *
 * Ownership  the caller ends the session with lode_close()
 * Blocking   a few milliseconds to attach; some 20 ms more, once, if the process has threads
 *            already. Up to 5 s, until the daemons are up, for a private cluster, and where a
 *            cluster is just starting or replaces its store
 * Threads    any; a program that uses only the store starts no thread
 * Errors     LODE_EDOWN     nothing runs there, and `dir` or LODE_OPEN_ATTACH was given; or a
 *                           cluster that starts there does not come up
 *            LODE_EFULL     a private cluster finds less shared memory free than its capacity
 *            LODE_EVERSION  the daemon speaks another version
 *            LODE_EDENIED   the cluster is another user's
 *            LODE_EINVAL    the path is too long, LODE_DIR cannot be a cluster's directory, or an
 *                           option is out of range
 *            LODE_EUNSUPPORTED  an option that this library does not know is set
 *            LODE_EFULL     the shared memory has no room for a session
 *            LODE_ELIMIT    the store has 4,096 sessions already
 *            LODE_ETIMEDOUT the store has not answered within 5 s: it is stopped, or very busy
 */
LODE_API LODE_MUST_CHECK lode_err lode_open(const char *dir, const lode_open_options *options,
                                            lode **db_out);

/*
 * Ends a session: drops every reference that it still holds, and frees the handle. NULL does
 * nothing. In a child after fork it does nothing, too: the session is the parent's.
 *
 * Ownership  views stay valid until they are released; drafts are aborted
 * Blocking   until the scheduler has acknowledged what was submitted, and then until the output of
 *            the tasks is printed; 5 s at most for each. With views or open drafts left, until the
 *            store has taken note; 5 s at most for each of the two
 * Threads    no other call on the handle may be under way
 * Errors     none
 * System     calls membarrier(2), as lode_open() does: a program that limits its system calls
 *            between the two must allow it, or have it fail. Where it fails after lode_open() was
 *            allowed it, and another thread releases a view at this moment, the session may stay
 *            until the process ends
 */
LODE_API void lode_close(lode *db);

/* Counters and gauges of the store; bytes and objects unless the name says otherwise. */
typedef struct lode_store_stats {
    uint64_t capacity_bytes, used_bytes, free_bytes, committed_bytes, largest_free_bytes;
    uint64_t unsealed_bytes; /* of used_bytes, still being written */
    uint64_t objects, unsealed_objects, names, sessions;
    uint64_t created, sealed, aborted, freed, gets_by_message, waits, wakes, doorbells;
    uint64_t ring_records, bad_messages;
    uint64_t credit_recalls;  /* of sessions that did not use what was set aside for them */
    uint64_t longest_turn_ns; /* how long the store kept all waiting at worst, since it started */
    uint64_t uptime_ns;
    int64_t store_pid;
    uint64_t generation;
} lode_store_stats;

/*
 * What the store counts. What was dropped before the call is not counted any more.
 *
 * Blocking  one message and its answer
 * Errors    those of every call
 */
LODE_API LODE_MUST_CHECK lode_err lode_get_store_stats(lode *db, lode_store_stats *stats_out);

/*
 * Counters and gauges of the scheduler. CPUs in 1/10,000. `finished` are all tasks that have ended,
 * the failed and the cancelled ones among them.
 */
typedef struct lode_scheduler_stats {
    uint64_t cpus_total, cpus_used;
    uint64_t sessions, workers, workers_idle;
    uint64_t tasks_waiting, tasks_ready, tasks_running;
    uint64_t submitted, finished, failed, cancelled, retried, repeats_dropped;
    uint64_t workers_started, workers_died;
    uint64_t longest_turn_ns; /* how long one event kept all others waiting at worst */
    uint64_t uptime_ns;
    int64_t scheduler_pid;
} lode_scheduler_stats;

/*
 * What the scheduler counts. The first call of a session that needs the scheduler connects to it.
 *
 * Blocking  one message and its answer, 5 s at most
 * Errors    LODE_ETIMEDOUT     the scheduler does not answer
 *           LODE_EUNSUPPORTED  the session was opened with LODE_OPEN_STORE_ONLY
 *           LODE_ELIMIT        threads cannot be started (ulimit -u, the pids limit)
 */
LODE_API LODE_MUST_CHECK lode_err lode_get_scheduler_stats(lode *db,
                                                           lode_scheduler_stats *stats_out);

/* The directory of the session's cluster. The text is the session's; valid until lode_close(). */
LODE_API const char *lode_cluster_dir(const lode *db);

/* "major.minor.patch" of this library. A static text; no session is needed. */
LODE_API const char *lode_version(void);

#ifdef __cplusplus
}
#endif
#endif
