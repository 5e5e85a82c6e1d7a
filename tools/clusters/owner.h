/*
 * owner.h: which program a private cluster belongs to. A pid alone may have become another
 * process's. With the start time it names one process for as long as the machine runs.
 */
#ifndef LODE_TOOLS_OWNER_H
#define LODE_TOOLS_OWNER_H

#include "api/cluster/hold.h"

/* Writes `dir`/owner. Errors: LODE_EDOWN there is no such process (any more); LODE_ESYS. */
LODE_MUST_CHECK lode_err owner_write(const char *dir, pid_t pid);

/* Reads it. Errors: LODE_ENOTFOUND; LODE_ECORRUPT it is no such line; LODE_EDENIED. */
LODE_MUST_CHECK lode_err owner_read(const char *dir, struct lode_holder *owner_out);

/* True if it is this process or one of its ancestors. */
bool owner_is_ancestor(const struct lode_holder *owner);

#endif
