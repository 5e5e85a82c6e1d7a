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

typedef struct lode lode; /* one session of this process with a cluster; thread-safe */

#define LODE_FOREVER ((int64_t)-1) /* a timeout_ms: without limit, as every negative one is */
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
} lode_open_options;

/*
 * Opens a session with the cluster in `dir`.
 *
 *   dir      the cluster's directory; NULL: $LODE_DIR or this user's default, and where no cluster
 *            runs there, a private one is started, which ends with this process
 *   options  NULL: all defaults
 *
 * Ownership  the caller ends it with lode_close()
 * Blocking   a few milliseconds to attach; until the daemons are up (5 s) where a cluster is just
 *            starting there, or replaces its store, and for a private cluster
 * Threads    any; a program that uses only the store starts no thread
 * Errors     LODE_EDOWN     `dir` was given, or LODE_OPEN_ATTACH, and nothing runs there; or a
 *                           cluster that starts there does not come up
 *            LODE_EVERSION  the daemon speaks another version
 *            LODE_EDENIED   the cluster is another user's
 *            LODE_EINVAL    the path is too long, LODE_DIR cannot be a cluster's directory, or an
 *                           option is out of range
 *            LODE_EUNSUPPORTED  an option that this library does not know is set
 *            LODE_EFULL     the shared memory has no room for a session
 */
LODE_API LODE_MUST_CHECK lode_err lode_open(const char *dir, const lode_open_options *options,
                                            lode **db_out);

/*
 * Ends a session: waits until the scheduler has acknowledged what was submitted (5 s at most),
 * drops every reference that it still holds, and frees the handle. Views stay valid until they are
 * released. NULL does nothing. No other call on the handle may be under way. In a child after
 * fork it does nothing: the session is the parent's, and the child's views of it stay valid.
 */
LODE_API void lode_close(lode *db);

/* Counters and gauges of the store; bytes and objects unless the name says otherwise. */
typedef struct lode_store_stats {
    uint64_t capacity_bytes, used_bytes, free_bytes, committed_bytes, largest_free_bytes;
    uint64_t unsealed_bytes; /* of used_bytes, still being written */
    uint64_t objects, unsealed_objects, names, sessions;
    uint64_t created, sealed, aborted, freed, gets_by_message, waits, wakes, doorbells;
    uint64_t ring_records, bad_messages, evictions, spills, restores;
    uint64_t uptime_ns;
    int64_t store_pid;
    uint64_t generation;
} lode_store_stats;

/* Errors: LODE_EDOWN. One message to the store and back. */
LODE_API LODE_MUST_CHECK lode_err lode_get_store_stats(lode *db, lode_store_stats *stats_out);

/* Counters and gauges of the scheduler. CPUs in 1/10,000. */
typedef struct lode_scheduler_stats {
    uint64_t cpus_total, cpus_used;
    uint64_t sessions, workers, workers_idle;
    uint64_t tasks_waiting, tasks_ready, tasks_running;
    uint64_t submitted, finished, failed, cancelled, retried, repeats_dropped;
    uint64_t workers_started, workers_died;
    uint64_t uptime_ns;
    int64_t scheduler_pid;
} lode_scheduler_stats;

/* Errors: LODE_EDOWN. One message to the scheduler and back. */
LODE_API LODE_MUST_CHECK lode_err lode_get_scheduler_stats(lode *db,
                                                           lode_scheduler_stats *stats_out);

/* The directory of the session's cluster. The handle's; valid until lode_close(). */
LODE_API const char *lode_cluster_dir(const lode *db);

/* "major.minor.patch" of this library. Static. */
LODE_API const char *lode_version(void);

#ifdef __cplusplus
}
#endif
#endif
