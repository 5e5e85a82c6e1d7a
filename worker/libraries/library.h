/*
 * library.h: task libraries in this worker. A library is opened by the path of its copy, checked,
 * and kept until the process ends. The copy's name is a digest of its bytes, so one path is one
 * version for ever.
 *
 * Opening runs the library's constructors, which are the user's code. So it is done on the main
 * thread only, and for a task only after the shared page says that the task was started: a crash in
 * a constructor is charged to the task then.
 *
 * The sentence of an error names the library, and says what the loader or the table said.
 *
 * The loader takes a library of a certain name once for a process. So where a library of one
 * program has brought others along, one that is opened for another program could get those in place
 * of its own, and say nothing. Such a worker opens nothing for the other program.
 */
#ifndef WORKER_LIBRARIES_LIBRARY_H
#define WORKER_LIBRARIES_LIBRARY_H

#include <lode/task.h>

#include <stdbool.h>
#include <stdint.h>

struct library; /* one that is open */

/*
 * Opens the library at `path`, or gives the one that is open already.
 * Blocking: as long as the loader and the constructors take. Threads: the main thread.
 * Errors: LODE_ELIBRARY; LODE_EVERSION its table is of another major version; LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err library_open(const char *path, const struct library **library_out);

/*
 * For which program libraries are opened from now on; 0: nobody knows. False: if the library at
 * `path` is opened for it, it may get what others have brought along.
 */
bool library_may_open(const char *path, uint64_t program);

/* The function of that name: an entry of the library's table. Errors: LODE_ELIBRARY. */
LODE_MUST_CHECK lode_err library_function(const struct library *library, const char *name,
                                          const lode_function **function_out);

/*
 * The library as DESCRIBED tells it (api/wire/task_msg.h): its name, 0, then for each function:
 * name, 0, signature, 0, uint32_t results.
 *
 *   bytes_out  malloc'ed, the caller's
 */
LODE_MUST_CHECK lode_err library_describe(const struct library *library, void **bytes_out,
                                          size_t *size_out);

#endif
