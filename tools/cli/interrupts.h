/* interrupts.h: SIGINT, SIGTERM and SIGHUP, for commands that have something to clean up. */
#ifndef LODE_TOOLS_INTERRUPTS_H
#define LODE_TOOLS_INTERRUPTS_H

#include <stdbool.h>

/*
 * From now on the first interrupt removes the temporary file and exits with 128 + its number, or,
 * with `wait_for_us`, is only noted; then the second one does. What is ignored stays ignored, as a
 * shell has it for its background jobs.
 */
void interrupts_catch(bool wait_for_us);
bool interrupts_came(void);

/* The file to be removed; NULL: none. The path stays until the next call. */
void interrupts_temporary(const char *path);

#endif
