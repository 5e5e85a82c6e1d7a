/*
 * array_file.h: arrays between .npy files and the store. Sentences of errors begin with the file's
 * name.
 */
#ifndef LODE_TOOLS_ARRAY_FILE_H
#define LODE_TOOLS_ARRAY_FILE_H

#include "tools/npy/source.h"

#include <lode/lode.h>

/* A file that can be read only once (a pipe, as of `<(…)`) stays open from the look to the put. */
struct array_file {
    bool is_open;
    struct npy_source source;
};

/*
 * Type and shape of the array in the file, from its header alone. Errors as array_file_put().
 *
 *   file  zeroed; for array_file_put_looked(), which ends it, or array_file_close()
 */
LODE_MUST_CHECK lode_err array_file_look(const char *path, struct array_file *file,
                                         lode_array *array_out);
void array_file_close(struct array_file *file);

/* array_file_put() of one that was looked at. */
LODE_MUST_CHECK lode_err array_file_put_looked(lode *db, const char *path, struct array_file *file,
                                               lode_array *array_out, lode_id *id_out);

/*
 * Puts the array into the store: from the file straight into shared memory.
 *
 *   array_out  its type and shape
 *   id_out     one reference of the caller's
 *
 * Blocking  for reading, and up to a minute for room
 * Errors    LODE_ENOTFOUND no such file; LODE_ECORRUPT it is no .npy file, or is cut; LODE_EFULL;
 *           LODE_EUNSUPPORTED it holds what the store has no type for; LODE_ESYS; as lode_create()
 */
LODE_MUST_CHECK lode_err array_file_put(lode *db, const char *path, lode_array *array_out,
                                        lode_id *id_out);

/*
 * Writes the array (a blob: its bytes) as a .npy file: whole, or not at all.
 * Errors: as whole_file_write().
 */
LODE_MUST_CHECK lode_err array_file_write(const char *path, const lode_view *view);

#endif
