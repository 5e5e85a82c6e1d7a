/*
 * interrupts.h: SIGINT, SIGTERM and SIGHUP, for commands that have something to clean up.
 *
 * An interrupt that comes while the command works ends it at once: the signal's handler removes the
 * temporary file and exits. One that comes while the command waits for results is only noted, so
 * that the command can cancel its tasks. A command that defers interrupts must look whether one was
 * noted. It first stops deferring, and then asks. Asked before, the answer would miss a signal that
 * comes in between.
 */
#ifndef LODE_TOOLS_INTERRUPTS_H
#define LODE_TOOLS_INTERRUPTS_H

#include <stdbool.h>

/*
 * From now on an interrupt removes the temporary file and exits with 128 + its number. A signal
 * that is ignored stays ignored: a shell ignores some for its background jobs.
 */
void interrupts_catch(void);

/* True: the first interrupt from now on is only noted; the second one ends the command at once. */
void interrupts_defer(bool on);

/* The number of the signal that was noted; 0: none. The exit code is 128 + that. */
int interrupts_came(void);

/* True: interrupts wait until it is false again. For a few instructions that belong together. */
void interrupts_hold(bool on);

/* The file to be removed; NULL: none. The path stays until the next call. */
void interrupts_temporary(const char *path);

#endif
