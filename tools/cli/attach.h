/* attach.h: commands that need a cluster that runs. */
#ifndef LODE_TOOLS_ATTACH_H
#define LODE_TOOLS_ATTACH_H

#include <lode/lode.h>

/* The command's work; returns the exit code. */
typedef int (*attach_fn)(lode *db, void *arguments);

/*
 * Attaches to the cluster in `dir` (NULL: the default one; none is started), does the work and
 * closes. `flags`: more of lode_open()'s. Returns the exit code; what is wrong has been said.
 */
int attach_run(const char *dir, uint32_t flags, attach_fn work, void *arguments);

#endif
