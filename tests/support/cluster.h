/*
 * cluster.h: real daemons in the story's directories: a store alone, or a whole cluster by
 * `lode start`. Starting returns once clients are served, and never sleeps: the daemon says so
 * itself, with a byte on a descriptor. What is still up when the story ends is an error of the
 * story (story.h).
 */
#ifndef TESTS_SUPPORT_CLUSTER_H
#define TESTS_SUPPORT_CLUSTER_H

#include "tests/support/check.h"

#include <lode/lode.h>
#include <sys/types.h>

/* `lode-store` with a capacity in bytes (0: its default). The process is a child of ours. */
pid_t store_start(uint64_t capacity_bytes);

/* Asks a daemon to end (SIGTERM), reaps it, and asserts that it ended with status 0. */
void daemon_stop(pid_t pid);

/* kill -9, and reaps. */
void daemon_kill(pid_t pid);

/*
 * Runs a program of the build until it ends, `argv` closed by NULL; argv[0] is its name. Returns
 * its exit status, or 128 + the signal. Writes what it said on stdout and stderr, up to `room`
 * bytes each, with closing zeros; NULL: not wanted (both go to ours).
 */
int program_run(const char *const *argv, char *stdout_out, char *stderr_out, size_t room);

/* `lode start` with so many CPUs and bytes (0: default). Gives the supervisor's pid, our child. */
pid_t cluster_start(int cpus, uint64_t capacity_bytes);

/* The same, with so many workers that may hold tasks of one program (0: default). */
pid_t cluster_start_with(int cpus, int max_workers, uint64_t capacity_bytes);

/* The same, with so many seconds to open a library. */
pid_t cluster_start_patient(int cpus, uint64_t capacity_bytes, int load_s);

/* `lode stop`, and asserts that the supervisor has ended with status 0. */
void cluster_stop(pid_t supervisor);

/*
 * Takes the lines out of a text in which a supervisor says that it killed a daemon which did not
 * end in its time: on a busy machine the daemon may have had no CPU. Gives how many they are.
 */
int leave_out_slow_ends(char *text);

/* How many such lines are in that file, if there is one. It has no other lines. */
int count_slow_ends(const char *path);

/* A session with what runs in the story's directory; store_open() never asks the scheduler. */
lode *cluster_open(void);
lode *store_open(void);

/* The most shared memory that a session's file takes, in KiB, and how many such files there are. */
long store_session_kib(int *count_out);

/* Creates objects until no page is free, and drops those again. For a store of some 16 MiB. */
void store_fill(lode *db);
void store_make_room(lode *db);

/* `lode load`: offers a task library of the tests ("play") to all programs. */
void cluster_offer(const char *tasks);

/* cluster_offer(), then cluster_open(); the scheduler knows the session when this returns. */
lode *cluster_open_with(const char *tasks);

/* A session with a private cluster of one CPU and 32 MiB; what runs in LODE_DIR is preferred. */
lode *private_open(void);

/*
 * Asks for the store's statistics until the field at `field` (offsetof) is `want`, each time as
 * soon as the last answer is in. Fails the test after a bound.
 */
void await_store_stat(lode *db, size_t field, uint64_t want);
#define await_stat(db, name, want) await_store_stat((db), offsetof(lode_store_stats, name), (want))

/* Until so many tasks have been submitted since the cluster started. */
void await_submitted(lode *db, uint64_t tasks);

/* Until so many tasks run, and all of them sleep. */
void await_sleeping(lode *db, uint64_t tasks);

/* Until no task is ready or runs, and what they printed has left the workers' pipes. */
void await_all_printed(lode *db);

/* Asserts that a task still finds a CPU ("play" is offered). */
void expect_free_cpu(lode *db);

/* Asserts that nothing is left in the store: objects, names, unsealed bytes, other sessions. */
void expect_empty_store(lode *db);

#endif
