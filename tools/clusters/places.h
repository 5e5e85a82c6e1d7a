/*
 * places.h: where the files of a private cluster lie, for the process that sweeps them when the
 * cluster is dead. The directories for shared memory and state follow from the environment of the
 * cluster's program. That of the sweeping process may differ. So the cluster writes the directories
 * into its own one.
 */
#ifndef LODE_TOOLS_PLACES_H
#define LODE_TOOLS_PLACES_H

#include "api/cluster/paths.h"

/* Writes the file `places` in paths->dir. Errors: LODE_ESYS, LODE_EDENIED, LODE_EFULL. */
LODE_MUST_CHECK lode_err places_write(const struct lode_paths *paths);

/*
 * Reads the file. If there is none, the cluster died before it wrote it: the places are those that
 * this process's environment gives.
 *
 * Errors  LODE_ECORRUPT  it does not hold two paths; LODE_EINVAL; LODE_EDENIED
 */
LODE_MUST_CHECK lode_err places_read(const char *dir, struct lode_paths *paths_out);

#endif
