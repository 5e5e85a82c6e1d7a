#include "store/table/shared_file.h"

#include "api/base/fail.h"
#include "api/cluster/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

lode_err
shared_file_make(const char *dir, const char *name, uint64_t bytes, int *fd_out, uint8_t **base_out)
{
    char path[LODE_PATH_MAX];
    LODE_TRY(lode_path_join(path, sizeof path, dir, "%s", name));
    unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return lode_fail_errno("cannot make '%s'", path);
    }
    void *base = MAP_FAILED;
    if (ftruncate(fd, (off_t)bytes) == 0) {
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    }
    if (base == MAP_FAILED) {
        lode_err err = lode_fail_errno("cannot map '%s'", path);
        close(fd);
        unlink(path);
        return err;
    }
    *fd_out = fd;
    *base_out = base;
    return LODE_OK;
}

void
shared_file_drop(const char *dir, const char *name, uint64_t bytes, int fd, void *base, bool remove)
{
    char path[LODE_PATH_MAX];
    munmap(base, bytes);
    close(fd);
    if (remove && lode_path_join(path, sizeof path, dir, "%s", name) == LODE_OK) {
        unlink(path);
    }
}

lode_err
shared_file_warm(int fd, uint64_t offset, uint64_t bytes, const char *what)
{
    int result;
    do {
        result = fallocate(fd, 0, (off_t)offset, (off_t)bytes);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
        return errno == ENOSPC
                   ? lode_fail_with(LODE_EFULL,
                                    "no shared memory is left for %s (%llu bytes): enlarge the "
                                    "tmpfs (containers: --shm-size), or lower --capacity",
                                    what, (unsigned long long)bytes)
                   : lode_fail_errno("cannot get shared memory for %s", what);
    }
    return LODE_OK;
}
