#include "store/main/daemon.h"

#include "api/base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static long
read_pid(int fd)
{
    char text[32] = {0};
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    return got > 0 ? strtol(text, NULL, 10) : 0;
}

static lode_err
write_pid(int fd, const char *path)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length) {
        return lode_fail_errno("cannot write '%s'", path);
    }
    return LODE_OK;
}

lode_err
daemon_lock(const char *path, int *fd_out)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return lode_fail_errno("cannot open '%s'", path);
    }
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        lode_err err =
            errno == EAGAIN || errno == EACCES
                ? lode_fail_with(LODE_ERUNNING, "already running (pid %ld)", read_pid(fd))
                : lode_fail_errno("cannot lock '%s'", path);
        close(fd);
        return err;
    }
    lode_err err = write_pid(fd, path);
    if (err != LODE_OK) {
        close(fd);
        return err;
    }
    *fd_out = fd;
    return LODE_OK;
}
