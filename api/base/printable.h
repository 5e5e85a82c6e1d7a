/*
 * printable.h: bytes that another program has chosen, for a person to read. A name, a sentence or a
 * line of output may hold anything. Written to a terminal as it is, it could move the cursor, set
 * the title, or look like a line of ours. So what is no plain text is shown escaped.
 */
#ifndef LODE_BASE_PRINTABLE_H
#define LODE_BASE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    LODE_PRINTABLE_TABS = 1,  /* tabs stay */
    LODE_PRINTABLE_GROWTH = 4 /* one byte becomes so many at most */
};

/*
 * Writes the text for a person: UTF-8 stays, but for control characters and those that turn the
 * direction of what follows. They, and bytes that are not UTF-8, become \n, \t or \x1b. What was
 * escaped before does not change again.
 *
 *   flags  LODE_PRINTABLE_…, or 0
 *   out    `room` bytes, at least 1; ends with a zero. What does not fit is cut, between characters
 *
 * Returns the length, without the zero. Any thread, never blocks.
 */
size_t lode_printable(const char *bytes, size_t size, unsigned flags, char *out, size_t room);

/* True if lode_printable() would leave the text as it is. */
bool lode_is_printable(const char *bytes, size_t size);

#endif
