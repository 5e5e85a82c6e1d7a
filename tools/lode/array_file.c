/*
 * The elements are read with read(), straight into the store's memory, not copied out of a map of
 * the file: as fast, and a file that somebody cuts meanwhile is an error and not a SIGBUS.
 */
#include "tools/lode/array_file.h"

#include "api/base/fail.h"
#include "tools/npy/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM_MS = 60000 };

/* Whoever decided the error does not know the file's name. */
static lode_err
about(const char *path, lode_err err)
{
    return lode_fail_with(err, "%s: %s", path, lode_last_error());
}

static lode_err
open_file(const char *path, int *fd_out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? lode_fail_with(LODE_ENOTFOUND, "%s: there is no such file", path)
                               : lode_fail_errno("%s: cannot be opened", path);
    }
    *fd_out = fd;
    return LODE_OK;
}

/* Before room for it is asked of the store. Only of a file is known how long it is. */
static lode_err
check_length(int fd, const struct npy *npy)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return lode_fail_errno("cannot be looked at");
    }
    if (S_ISREG(st.st_mode) && (size_t)st.st_size < npy->header_bytes + npy->data_bytes) {
        return lode_fail_with(LODE_ECORRUPT, "it has %lld bytes; its array takes %zu: it was cut",
                              (long long)st.st_size, npy->header_bytes + npy->data_bytes);
    }
    return LODE_OK;
}

static lode_err
read_header(int fd, struct npy *npy_out)
{
    struct npy npy;
    LODE_TRY(npy_read_header(fd, "", 0, &npy));
    LODE_TRY(check_length(fd, &npy));
    *npy_out = npy;
    return LODE_OK;
}

lode_err
array_file_look(const char *path, lode_array *array_out)
{
    struct npy npy;
    int fd = -1;
    LODE_TRY(open_file(path, &fd));
    lode_err err = read_header(fd, &npy);
    close(fd);
    if (err != LODE_OK) {
        return about(path, err);
    }
    *array_out = npy.array;
    return LODE_OK;
}

static lode_err
put_from(lode *db, int fd, lode_array *array_out, lode_id *id_out)
{
    struct npy npy;
    lode_draft draft;
    LODE_TRY(read_header(fd, &npy));
    LODE_TRY(lode_create_array(db, &npy.array, ROOM_MS, &draft));
    lode_err err = npy_read(fd, draft.data, npy.data_bytes);
    if (err != LODE_OK) {
        lode_abort(&draft);
        return err;
    }
    LODE_TRY(lode_seal(&draft, id_out));
    *array_out = npy.array;
    return LODE_OK;
}

lode_err
array_file_put(lode *db, const char *path, lode_array *array_out, lode_id *id_out)
{
    int fd = -1;
    LODE_TRY(open_file(path, &fd));
    lode_err err = put_from(db, fd, array_out, id_out);
    close(fd);
    return err != LODE_OK ? about(path, err) : LODE_OK;
}

/* mkstemp() makes files for the owner alone; a result is as readable as any other file. */
static lode_err
open_beside(const char *path, char temporary_out[PATH_MAX], int *fd_out)
{
    if (snprintf(temporary_out, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX) {
        return lode_fail_with(LODE_EINVAL, "the path is too long");
    }
    int fd = mkostemp(temporary_out, O_CLOEXEC);
    if (fd < 0) {
        return lode_fail_errno("cannot be written");
    }
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, 0666 & ~mask) != 0) {
        lode_err err = lode_fail_errno("cannot be written");
        close(fd);
        unlink(temporary_out);
        return err;
    }
    *fd_out = fd;
    return LODE_OK;
}

static lode_err
write_whole(const char *path, const lode_view *view)
{
    char temporary[PATH_MAX];
    int fd = -1;
    LODE_TRY(open_beside(path, temporary, &fd));
    lode_err err = npy_write(fd, &view->array, view->data);
    if (close(fd) != 0 && err == LODE_OK) {
        err = lode_fail_errno("cannot be written");
    }
    if (err == LODE_OK && rename(temporary, path) != 0) {
        err = lode_fail_errno("cannot be written");
    }
    if (err != LODE_OK) {
        unlink(temporary);
    }
    return err;
}

lode_err
array_file_write(const char *path, const lode_view *view)
{
    lode_err err = write_whole(path, view);
    return err != LODE_OK ? about(path, err) : LODE_OK;
}
