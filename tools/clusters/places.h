/*
 * places.h: where the files of a private cluster lie, for whoever sweeps when it is dead. The
 * directories for shared memory and state follow from the environment of its program; the sweeper's
 * may be another one. So the cluster writes them into its own directory.
 */
#ifndef LODE_TOOLS_PLACES_H
#define LODE_TOOLS_PLACES_H

#include "api/base/paths.h"

/* Writes the file `places` in paths->dir. Errors: LODE_ESYS, LODE_EDENIED, LODE_EFULL. */
LODE_MUST_CHECK lode_err places_write(const struct lode_paths *paths);

/*
 * Reads it. Where there is none (the cluster died before it wrote it), the places are those that our
 * own environment gives.
 *
 * Errors  LODE_ECORRUPT  it does not hold two paths; LODE_EINVAL; LODE_EDENIED
 */
LODE_MUST_CHECK lode_err places_read(const char *dir, struct lode_paths *paths_out);

#endif
