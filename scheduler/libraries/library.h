/*
 * library.h: a task library is copied before a worker opens it, to DIR/<digest>.so. The digest is
 * the XXH3-128 of its bytes. So a file that is rebuilt, truncated or replaced at its path does not
 * change what runs, and the same bytes are the same library. If they speak of $ORIGIN, the
 * directory of the file counts as well, and the copy lies deeper, at DIR/<digest>/…/library.so
 * (neighbours.h).
 *
 * The source is hostile input. It must be a regular file of bounded size, and is read, never
 * mapped. Only the scheduler writes in DIR. A copy is put in place whole, by rename.
 */
#ifndef LODE_SCHEDULER_LIBRARY_H
#define LODE_SCHEDULER_LIBRARY_H

#include <lode/error.h>

enum { LIBRARY_BYTES_MAX = 1 << 30, LIBRARY_PATH_MAX = 4096 };

/*
 * Copies the file at `path`.
 *
 *   dir       where copies lie; made if it is missing
 *   copy_out  room for LIBRARY_PATH_MAX bytes: the path of the copy
 *
 * Blocking  as long as reading and writing take
 * Errors    LODE_ELIBRARY the source cannot be used, and why; LODE_EFULL, LODE_ESYS: the copy
 */
LODE_MUST_CHECK lode_err library_copy(const char *path, const char *dir, char *copy_out);

#endif
