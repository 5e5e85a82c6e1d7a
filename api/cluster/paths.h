/*
 * paths.h: the three directories of a cluster (README: environment). Resolving reads the
 * environment; directories.h makes them.
 */
#ifndef LODE_CLUSTER_PATHS_H
#define LODE_CLUSTER_PATHS_H

#include <lode/error.h>

enum { LODE_DIR_MAX = 60, LODE_PATH_MAX = 512 };

struct lode_paths {
    char dir[LODE_DIR_MAX + 1]; /* sockets */
    char shm[LODE_PATH_MAX];    /* segments, index, session files: tmpfs */
    char state[LODE_PATH_MAX];  /* libraries, later spill and journal; "": none can be named */
    char logs[LODE_PATH_MAX];   /* log files, of all clusters; "" likewise */
};

/*
 * The directories of the cluster at `dir`. NULL: $LODE_DIR, else $XDG_RUNTIME_DIR/lode, else
 * /tmp/lode-UID. Shared memory is $LODE_SHM_DIR, else /dev/shm/lode-UID. State is $LODE_STATE_DIR,
 * else ${XDG_STATE_HOME:-~/.local/state}/lode. If `dir` is not the user's default one, a name made
 * from a hash of it is appended to both: two clusters never share files. Log files alone are
 * shared: they lie in the state directory without that name.
 *
 * Errors  LODE_EINVAL  a path is relative or too long, with the limit
 */
LODE_MUST_CHECK lode_err lode_paths_resolve(const char *dir, struct lode_paths *paths_out);

/*
 * Sets $LODE_DIR, $LODE_SHM_DIR and $LODE_STATE_DIR, so that lode_paths_resolve(NULL) gives the
 * directories of the cluster at `dir` from now on, here and in processes that this one starts.
 */
LODE_MUST_CHECK lode_err lode_paths_export(const char *dir);

/* Writes "dir/name", where name is a format. Errors: LODE_EINVAL too long. */
LODE_MUST_CHECK lode_err lode_path_join(char *path_out, size_t room, const char *dir,
                                        const char *name_format, ...) LODE_PRINTF(4, 5);

#endif
