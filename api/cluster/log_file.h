/*
 * log_file.h: logs in LODE_STATE_DIR. All clusters of the user write to the same ones, also those
 * that are private, and they stay when a cluster ends. A log that has LODE_LOG_FILE_MAX bytes is
 * renamed to NAME.1, in place of the one before it, and a new one begins: so each takes at most
 * twice as much.
 */
#ifndef LODE_CLUSTER_LOG_FILE_H
#define LODE_CLUSTER_LOG_FILE_H

#include "api/cluster/paths.h"

enum { LODE_LOG_FILE_MAX = 64 << 20 };

/*
 * Appends lines, with one write. `dir` is made if it is missing.
 *
 * Errors  LODE_EDENIED, LODE_EINVAL, LODE_ESYS: the directory cannot be had, the file not opened,
 *         or the file system is full
 */
LODE_MUST_CHECK lode_err lode_log_file_append(const char *dir, const char *name, const void *lines,
                                              size_t size);

/*
 * Appends "2026-11-27 10:11:12 (WHO) 17 bytes:" as a line, and then the text, as it is, with a line
 * feed at its end; with one write.
 *
 * Errors  as lode_log_file_append()
 */
LODE_MUST_CHECK lode_err lode_log_file_entry(const char *dir, const char *name, const char *who,
                                             const char *text, size_t size);

#endif
