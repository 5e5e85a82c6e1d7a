#include "store/alloc/segment.h"

#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static lode_err
open_file(const char *path, uint64_t bytes, int *fd_out, int *read_fd_out)
{
    if (unlink(path) != 0 && errno != ENOENT) {
        return lode_fail_errno("cannot remove the old segment '%s'", path);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return lode_fail_errno("cannot make the segment '%s'", path);
    }
    int read_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (read_fd < 0 || ftruncate(fd, (off_t)bytes) != 0) {
        lode_err err = lode_fail_errno("cannot make the segment '%s' of %llu bytes", path,
                                       (unsigned long long)bytes);
        if (read_fd >= 0) {
            close(read_fd);
        }
        close(fd);
        unlink(path);
        return err;
    }
    *fd_out = fd;
    *read_fd_out = read_fd;
    return LODE_OK;
}

lode_err
segment_create(const char *dir, uint32_t number, uint64_t bytes, struct segment *segment_out)
{
    char path[LODE_PATH_MAX];
    int fd = -1, read_fd = -1;
    LODE_TRY(lode_path_join(path, sizeof path, dir, LODE_FILE_SEGMENT, number));
    LODE_TRY(open_file(path, bytes, &fd, &read_fd));
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) {
        lode_err err = lode_fail_errno("cannot map the segment '%s' of %llu bytes", path,
                                       (unsigned long long)bytes);
        close(read_fd);
        close(fd);
        unlink(path);
        return err;
    }
    *segment_out = (struct segment){
        .fd = fd, .read_fd = read_fd, .number = number, .bytes = bytes, .base = base};
    return LODE_OK;
}

void
segment_destroy(struct segment *segment, const char *dir)
{
    char path[LODE_PATH_MAX];
    munmap(segment->base, segment->bytes);
    close(segment->read_fd);
    close(segment->fd);
    if (dir != NULL &&
        lode_path_join(path, sizeof path, dir, LODE_FILE_SEGMENT, segment->number) == LODE_OK) {
        unlink(path);
    }
}

lode_err
segment_warm(const struct segment *segment, uint64_t offset, uint64_t bytes)
{
    int result;
    do {
        result = fallocate(segment->fd, 0, (off_t)offset, (off_t)bytes);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return LODE_OK;
    }
    if (errno == ENOSPC || errno == ENOMEM) {
        return lode_fail_with(LODE_EFULL,
                              "the tmpfs of segment %u has no %llu KiB left: something else has "
                              "filled it; remove that, or enlarge it (mount -o remount,size=…; "
                              "for a container: docker run --shm-size=…)",
                              segment->number, (unsigned long long)(bytes >> 10));
    }
    return lode_fail_errno("cannot give memory to %llu bytes at %llu of segment %u",
                           (unsigned long long)bytes, (unsigned long long)offset, segment->number);
}
