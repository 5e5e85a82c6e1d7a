/*
 * descriptor.h: which numbers the descriptors of liblode have in a process.
 *
 * A program may close descriptors that are not its own, or start with stdin, stdout or stderr
 * closed. If it then opens a file, the file may get the number of one of ours, and what we write
 * would be in the program's file. The other way round, our socket may become number 2, and what the
 * program writes to stderr would be in our socket.
 */
#ifndef LODE_SYSTEM_DESCRIPTOR_H
#define LODE_SYSTEM_DESCRIPTOR_H

#include <stdbool.h>

/*
 * Moves a descriptor that liblode keeps to a number where no program's file comes to lie: 900 or
 * above; with a smaller limit (ulimit -n) to the upper half of what there is. Returns its number,
 * close-on-exec. Where no such number is free, it stays where it is, but not at 0, 1 or 2.
 */
int lode_descriptor_hang_high(int fd);

/* From which number on they hang there. */
int lode_descriptor_high(void);

/*
 * Moves a descriptor that is 0, 1 or 2 above them, as lode_descriptor_hang_high() does; others
 * stay. For those that live for a moment. -1 stays -1.
 */
int lode_descriptor_above_stdio(int fd);

/*
 * Between the two calls, what another library opens does not become 0, 1 or 2 either: those of
 * these numbers that are closed are taken meanwhile. They can be neither read nor written, and are
 * closed at exec. What the program puts there meanwhile stays, unless it comes in the very moment
 * of the close: the system has no call that looks and closes in one. Several threads may be between
 * the two calls. Any thread; never blocks.
 */
void lode_stdio_guard_begin(void);
void lode_stdio_guard_end(void);

/*
 * The first thing in main() of lode's programs. Those of 0, 1 and 2 that are closed are /dev/null
 * from then on. 0 cannot be read and 1 cannot be written, as if they were closed.
 */
void lode_descriptor_fill_stdio(void);

#endif
