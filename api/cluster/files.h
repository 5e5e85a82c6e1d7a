/*
 * files.h: the names of all files of a cluster, in one table. Directories: api/cluster/paths.h.
 *
 *   in LODE_DIR        sockets, locks, the endpoints of sessions (nng)
 *   in LODE_SHM_DIR    what the store shares
 *   in LODE_STATE_DIR  copies of task libraries, and logs
 *
 * A name with a number in it is a printf format, and the number comes last: sweep.c finds the files
 * by what stands before it.
 */
#ifndef LODE_CLUSTER_FILES_H
#define LODE_CLUSTER_FILES_H

/* In LODE_DIR. */
#define LODE_FILE_SUPERVISOR_LOCK  "supervisor.lock"
#define LODE_FILE_STORE_LOCK       "store.lock"
#define LODE_FILE_SCHEDULER_LOCK   "scheduler.lock"
#define LODE_FILE_STORE_SOCKET     "store.sock"
#define LODE_FILE_SCHEDULER_SOCKET "scheduler.sock"
#define LODE_FILE_ENDPOINT         "n-%llu" /* of a session with the scheduler */
#define LODE_FILE_OWNER            "owner"  /* of a private cluster: api/wire/private_start.h */
#define LODE_FILE_PLACES           "places" /* likewise */

/* In LODE_SHM_DIR. */
#define LODE_FILE_INDEX   "index"
#define LODE_FILE_TRUTH   "truth"
#define LODE_FILE_SEGMENT "segment-%u"
#define LODE_FILE_SESSION "session-%llu"

/* In LODE_STATE_DIR: a directory. */
#define LODE_FOLDER_LIBRARIES "lib"

/* In LODE_STATE_DIR, of all clusters: logs (log_file.h). */
#define LODE_FILE_OUTPUT_LOG  "output.log"  /* lines of tasks that found no room */
#define LODE_FILE_PRIVATE_LOG "private.log" /* what daemons of private clusters say */

#endif
