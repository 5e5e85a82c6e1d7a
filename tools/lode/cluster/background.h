/* background.h: `lode start --background`: the cluster goes on when the command has ended. */
#ifndef LODE_TOOLS_BACKGROUND_H
#define LODE_TOOLS_BACKGROUND_H

#include "api/cluster/paths.h"

#include <sys/types.h>

/* The file of LODE_STATE_DIR that takes what such a cluster says; one before is kept as .old. */
#define BACKGROUND_LOG "start.log"

enum { BACKGROUND_LOG_BYTES = 1 << 20 }; /* a log as large as this is put aside at a start */

/*
 * Forks. The child returns with 0 in *pid_out: it is in a session of its own, has no terminal, and
 * its stderr and stdout are the log. It must tell *ready_fd_out when all is up, or why not
 * (private_start.h). The parent returns when it was told.
 *
 *   dir       of the cluster; NULL: the default
 *   pid_out   in the parent: the child's process
 *   log_out   in the parent: the path of the log
 *
 * Errors  in the parent: LODE_ESYS and what the child has told; in both: LODE_EDENIED, LODE_EINVAL
 *         the directories are refused
 */
LODE_MUST_CHECK lode_err background_start(const char *dir, pid_t *pid_out, int *ready_fd_out,
                                          char log_out[LODE_PATH_MAX]);

#endif
