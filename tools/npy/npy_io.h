/*
 * npy_io.h: .npy files read from descriptors and written to them, pipes included. Errors of all
 * calls: those of npy.h; LODE_ESYS, LODE_EDENIED and LODE_EFULL of reading and writing.
 */
#ifndef LODE_TOOLS_NPY_IO_H
#define LODE_TOOLS_NPY_IO_H

#include "tools/npy/npy.h"

/*
 * read() and write() to the end. npy_read: LODE_ECORRUPT if the file ends before; `before` bytes of
 * it were read already, for the sentence.
 */
LODE_MUST_CHECK lode_err npy_read(int fd, void *bytes, size_t size, size_t before);
LODE_MUST_CHECK lode_err npy_write_all(int fd, const void *bytes, size_t size);

/*
 * Reads a header, and not a byte more than that.
 *
 *   first  bytes of it that were read already; at most NPY_PREFIX
 */
LODE_MUST_CHECK lode_err npy_read_header(int fd, const void *first, size_t first_size,
                                         struct npy *npy_out);

/* Writes header and elements; those of an array with gaps are gathered. */
LODE_MUST_CHECK lode_err npy_write(int fd, const lode_array *array, const void *data);

#endif
