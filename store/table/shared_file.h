/*
 * shared_file.h: the files in the tmpfs that the store writes and others map: the index and the
 * truth are made with it, and these and the sessions' files get their memory by it.
 */
#ifndef LODE_STORE_TABLE_SHARED_FILE_H
#define LODE_STORE_TABLE_SHARED_FILE_H

#include <lode/error.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Makes the file anew in `dir`, and maps `bytes` of it, which have no memory yet.
 * Errors: LODE_ESYS, LODE_EDENIED; then no file is left.
 */
LODE_MUST_CHECK lode_err shared_file_make(const char *dir, const char *name, uint64_t bytes,
                                          int *fd_out, uint8_t **base_out);

/* Unmaps and closes it; with `remove` unlinks it. */
void shared_file_drop(const char *dir, const char *name, uint64_t bytes, int fd, void *base,
                      bool remove);

/*
 * Gives memory to `bytes` at `offset`. On failure nothing has changed.
 * Errors: LODE_EFULL the tmpfs is full, LODE_ESYS.
 */
LODE_MUST_CHECK lode_err shared_file_warm(int fd, uint64_t offset, uint64_t bytes,
                                          const char *what);

#endif
