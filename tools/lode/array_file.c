#include "tools/lode/array_file.h"

#include "api/base/fail.h"
#include "tools/cli/whole_file.h"
#include "tools/npy/npy_io.h"
#include "tools/npy/source.h"

#include <string.h>

enum { ROOM_MS = 60000 };

/*
 * Puts the file's name before the sentence: the function that decided the error does not know it.
 */
static lode_err
about(const char *path, lode_err err)
{
    return lode_fail_with(err, "%s: %s", path, lode_last_error());
}

static lode_err
open_array(const char *path, struct npy_source *source_out)
{
    if (strcmp(path, "-") == 0) {
        return lode_fail_with(LODE_EINVAL, "stdin cannot be read twice: write it to a file before");
    }
    LODE_TRY(source_open(path, false, source_out));
    if (!source_out->is_array) {
        source_close(source_out);
        return lode_fail_with(LODE_ECORRUPT,
                              "it is no .npy file: it does not begin with \\x93NUMPY");
    }
    return LODE_OK;
}

lode_err
array_file_look(const char *path, lode_array *array_out)
{
    struct npy_source source;
    lode_err err = open_array(path, &source);
    if (err != LODE_OK) {
        return about(path, err);
    }
    *array_out = source.npy.array;
    source_close(&source);
    return LODE_OK;
}

lode_err
array_file_put(lode *db, const char *path, lode_array *array_out, lode_id *id_out)
{
    struct npy_source source;
    uint64_t size_bytes;
    lode_err err = open_array(path, &source);
    if (err != LODE_OK) {
        return about(path, err);
    }
    err = source_put(&source, db, ROOM_MS, id_out, &size_bytes);
    source_close(&source);
    if (err != LODE_OK) {
        return about(path, err);
    }
    *array_out = source.npy.array;
    return LODE_OK;
}

static lode_err
write_array(int fd, const void *arg)
{
    const lode_view *view = arg;
    return npy_write(fd, &view->array, view->data);
}

lode_err
array_file_write(const char *path, const lode_view *view)
{
    return whole_file_write(path, write_array, view);
}
