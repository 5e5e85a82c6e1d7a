#include "tools/lode/calls/array_file.h"

#include "api/base/fail.h"
#include "tools/cli/whole_file.h"
#include "tools/npy/npy_io.h"
#include "tools/npy/source.h"

#include <string.h>
#include <sys/stat.h>

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
array_file_look(const char *path, struct array_file *file, lode_array *array_out)
{
    struct stat st;
    lode_err err = open_array(path, &file->source);
    if (err != LODE_OK) {
        return about(path, err);
    }
    *array_out = file->source.npy.array;
    file->is_open = fstat(file->source.fd, &st) != 0 || !S_ISREG(st.st_mode);
    if (!file->is_open) { /* there may be more of them than descriptors */
        source_close(&file->source);
    }
    return LODE_OK;
}

void
array_file_close(struct array_file *file)
{
    if (file->is_open) {
        source_close(&file->source);
        file->is_open = false;
    }
}

lode_err
array_file_put_looked(lode *db, const char *path, struct array_file *file, lode_array *array_out,
                      lode_id *id_out)
{
    uint64_t size_bytes;
    if (!file->is_open) {
        lode_err err = open_array(path, &file->source);
        if (err != LODE_OK) {
            return about(path, err);
        }
        file->is_open = true;
    }
    lode_err err = source_put(&file->source, db, ROOM_MS, id_out, &size_bytes);
    array_file_close(file);
    if (err != LODE_OK) {
        return about(path, err);
    }
    *array_out = file->source.npy.array;
    return LODE_OK;
}

lode_err
array_file_put(lode *db, const char *path, lode_array *array_out, lode_id *id_out)
{
    struct array_file file = {.is_open = false};
    return array_file_put_looked(db, path, &file, array_out, id_out);
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
