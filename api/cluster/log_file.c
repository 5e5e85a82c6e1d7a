#include "api/cluster/log_file.h"

#include "api/base/fail.h"
#include "api/cluster/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 3, WHO_BYTES = 512 };

static int
open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
}

/*
 * Several processes may find it full. The one that gets the lock renames it, if it is still there.
 */
static void
rotate(const char *path, int fd)
{
    char old[LODE_PATH_MAX + 2];
    struct stat ours, there;
    snprintf(old, sizeof old, "%s.1", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino) {
            (void)rename(path, old);
        }
        flock(fd, LOCK_UN);
    }
}

static bool
is_full(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && info.st_size >= LODE_LOG_FILE_MAX;
}

static lode_err
open_log(const char *dir, const char *name, int *fd_out)
{
    char path[LODE_PATH_MAX];
    if (dir[0] == '\0') {
        return lode_fail_with(LODE_EINVAL, "no directory for %s: set LODE_STATE_DIR", name);
    }
    LODE_TRY(lode_path_join(path, sizeof path, dir, "%s", name));
    int fd = open_file(path);
    if (fd < 0 && errno == ENOENT) {
        LODE_TRY(lode_directory_prepare(dir, "LODE_STATE_DIR"));
        fd = open_file(path);
    }
    for (int i = 0; i < TRIES && fd >= 0 && is_full(fd); i++) {
        rotate(path, fd);
        close(fd);
        fd = open_file(path);
    }
    if (fd < 0) {
        return lode_fail_errno("cannot open '%s'", path);
    }
    *fd_out = fd;
    return LODE_OK;
}

static lode_err
append(const char *dir, const char *name, const struct iovec *parts, int count)
{
    int fd;
    size_t size = 0;
    LODE_TRY(open_log(dir, name, &fd));
    for (int i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    ssize_t wrote = writev(fd, parts, count);
    lode_err err = wrote == (ssize_t)size ? LODE_OK
                   : wrote < 0            ? lode_fail_errno("cannot write to %s/%s", dir, name)
                               : lode_fail_with(LODE_ESYS, "no room in %s/%s", dir, name);
    close(fd);
    return err;
}

lode_err
lode_log_file_append(const char *dir, const char *name, const void *lines, size_t size)
{
    const struct iovec part = {(void *)(uintptr_t)lines, size};
    return append(dir, name, &part, 1);
}

lode_err
lode_log_file_entry(const char *dir, const char *name, const char *who, const char *text,
                    size_t size)
{
    char head[WHO_BYTES + 64];
    struct tm local;
    time_t now = time(NULL);
    localtime_r(&now, &local);
    size_t used = strftime(head, sizeof head, "%F %T ", &local);
    used += (size_t)snprintf(head + used, sizeof head - used, "(%.*s) %zu bytes:\n", WHO_BYTES, who,
                             size);
    bool has_end = size == 0 || text[size - 1] == '\n';
    const struct iovec parts[] = {
        {head, used}, {(void *)(uintptr_t)text, size}, {(void *)(uintptr_t) "\n", has_end ? 0 : 1}};
    return append(dir, name, parts, 3);
}
