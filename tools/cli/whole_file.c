#include "tools/cli/whole_file.h"

#include "api/base/fail.h"
#include "tools/cli/interrupts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static lode_err
close_written(int fd, lode_err err)
{
    if (close(fd) != 0 && err == LODE_OK) {
        return lode_fail_errno("cannot be written");
    }
    return err;
}

static lode_err
write_as_it_is(const char *path, whole_file_fn write, const void *arg)
{
    int fd = strcmp(path, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                                    : open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return lode_fail_errno("cannot be written");
    }
    return close_written(fd, write(fd, arg));
}

/* Gives the file the mode of the one that it replaces, or of a new file: mkostemp() makes 0600. */
static lode_err
open_beside(const char *path, const struct stat *old, char temporary_out[PATH_MAX], int *fd_out)
{
    if (snprintf(temporary_out, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX) {
        return lode_fail_with(LODE_EINVAL, "the path is too long");
    }
    interrupts_hold(true);
    int fd = mkostemp(temporary_out, O_CLOEXEC);
    interrupts_temporary(fd >= 0 ? temporary_out : NULL);
    interrupts_hold(false);
    if (fd < 0) {
        return lode_fail_errno("cannot be written");
    }
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, old != NULL ? old->st_mode & 0777 : 0666 & ~mask) != 0) {
        lode_err err = lode_fail_errno("cannot be written");
        close(fd);
        unlink(temporary_out);
        interrupts_temporary(NULL);
        return err;
    }
    *fd_out = fd;
    return LODE_OK;
}

static lode_err
write_beside(const char *path, const struct stat *old, whole_file_fn write, const void *arg)
{
    static char temporary[PATH_MAX]; /* an interrupt needs it, too */
    int fd = -1;
    LODE_TRY(open_beside(path, old, temporary, &fd));
    lode_err err = close_written(fd, write(fd, arg));
    if (err == LODE_OK && rename(temporary, path) != 0) {
        err = lode_fail_errno("cannot be written");
    }
    if (err != LODE_OK) {
        unlink(temporary);
    }
    interrupts_temporary(NULL);
    return err;
}

static lode_err
write_whole(const char *path, whole_file_fn write, const void *arg)
{
    struct stat old;
    char file[PATH_MAX];
    if (strcmp(path, "-") == 0) {
        return write_as_it_is(path, write, arg);
    }
    if (stat(path, &old) != 0) {
        if (lstat(path, &old) == 0) {
            return lode_fail_with(LODE_ENOTFOUND, "it is a link to what is not there");
        }
        return write_beside(path, NULL, write, arg);
    }
    if (!S_ISREG(old.st_mode)) {
        return write_as_it_is(path, write, arg);
    }
    if (access(path, W_OK) != 0 || realpath(path, file) == NULL) {
        return lode_fail_errno("cannot be written");
    }
    return write_beside(file, &old, write, arg);
}

lode_err
whole_file_write(const char *path, whole_file_fn write, const void *arg)
{
    lode_err err = write_whole(path, write, arg);
    const char *name = strcmp(path, "-") == 0 ? "stdout" : path;
    return err != LODE_OK ? lode_fail_with(err, "%s: %s", name, lode_last_error()) : LODE_OK;
}
