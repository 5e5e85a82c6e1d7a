/* whole_file.h: files that are written whole, or not at all. */
#ifndef LODE_TOOLS_WHOLE_FILE_H
#define LODE_TOOLS_WHOLE_FILE_H

#include <lode/error.h>

/* Writes the contents to `fd`. */
typedef lode_err (*whole_file_fn)(int fd, const void *arg);

/*
 * Writes a file under another name beside it, and gives it its own name at the end, so that no
 * program sees half of it. The mode of a file that is there already stays. A link is followed. "-"
 * is stdout, and what is no file (a pipe, a terminal, /dev/null) is written to as it is. An
 * interrupt removes what was written so far (interrupts.h).
 *
 * Errors  LODE_EFULL, LODE_EDENIED, LODE_ESYS; those of `write`. The sentence begins with the path.
 */
LODE_MUST_CHECK lode_err whole_file_write(const char *path, whole_file_fn write, const void *arg);

#endif
