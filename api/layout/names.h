/*
 * names.h: the names of the files of a cluster. Directories: api/base/paths.h.
 *
 *   in LODE_DIR (0700)        store.sock  store.lock  supervisor.lock  scheduler.sock  cluster.json  n-<session> (nng)
 *   in LODE_SHM_DIR (tmpfs)   index  truth  segment-<n>  session-<number>
 *   in LODE_STATE_DIR         lib/<digest>.so  logs
 */
#ifndef LODE_LAYOUT_NAMES_H
#define LODE_LAYOUT_NAMES_H

#define LODE_FILE_STORE_SOCKET     "store.sock"
#define LODE_FILE_STORE_LOCK       "store.lock"
#define LODE_FILE_SCHEDULER_SOCKET "scheduler.sock"
#define LODE_FILE_SCHEDULER_LOCK   "scheduler.lock"
#define LODE_FILE_INDEX            "index"
#define LODE_FILE_TRUTH            "truth"
#define LODE_FILE_SEGMENT          "segment-%u"
#define LODE_FILE_SESSION          "session-%llu"
#define LODE_FILE_ENDPOINT         "n-%llu"

#endif
