/*
 * source.h: files that become objects: a .npy file, any other file, or stdin. An array's bytes and
 * those of a file of known size go from the descriptor straight into the store's memory.
 */
#ifndef LODE_TOOLS_SOURCE_H
#define LODE_TOOLS_SOURCE_H

#include "tools/npy/npy.h"

#include <lode/lode.h>

struct npy_source {
    int fd;
    bool is_array;
    struct npy npy; /* is_array */
    bool knows_size;
    size_t size;            /* knows_size: bytes of the object */
    char first[NPY_PREFIX]; /* a blob's bytes that were read already */
    size_t first_size;
};

/*
 * Opens a file ("-": stdin), and looks whether it is an array: by its first bytes, unless `raw`.
 *
 * Errors  LODE_ENOTFOUND no such file; LODE_EDENIED; LODE_EINVAL a directory; LODE_ECORRUPT a .npy
 *         that is none, or damaged, or has less than its header says; LODE_EUNSUPPORTED
 */
LODE_MUST_CHECK lode_err source_open(const char *path, bool raw, struct npy_source *source_out);
void source_close(struct npy_source *source);

/*
 * Makes the object, sealed.
 * Errors: those of lode_create() and of reading; nothing of the object is left then.
 */
LODE_MUST_CHECK lode_err source_put(struct npy_source *source, lode *db, int64_t timeout_ms,
                                    lode_id *id_out, uint64_t *size_bytes_out);

#endif
