#include "tools/clusters/owner.h"

#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/paths.h"
#include "api/system/process_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANCESTORS_MAX = 256 };

static lode_err
open_file(const char *dir, int flags, int *fd_out)
{
    char path[LODE_PATH_MAX];
    LODE_TRY(lode_path_join(path, sizeof path, dir, LODE_FILE_OWNER));
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) {
        return errno == ENOENT ? lode_fail_with(LODE_ENOTFOUND, "there is no '%s'", path)
                               : lode_fail_errno("cannot open '%s'", path);
    }
    *fd_out = fd;
    return LODE_OK;
}

lode_err
owner_write(const char *dir, pid_t pid)
{
    int fd = -1;
    LODE_TRY(open_file(dir, O_RDWR | O_CREAT, &fd));
    lode_err err = lode_holder_write(fd, pid);
    if (err == LODE_OK && fchmod(fd, 0600) != 0) {
        err = lode_fail_errno("cannot set the mode of '%s/%s'", dir, LODE_FILE_OWNER);
    }
    close(fd);
    return err;
}

lode_err
owner_read(const char *dir, struct lode_holder *owner_out)
{
    int fd = -1;
    LODE_TRY(open_file(dir, O_RDONLY, &fd));
    lode_err err = lode_holder_read(fd, owner_out);
    close(fd);
    return err;
}

bool
owner_is_ancestor(const struct lode_holder *owner)
{
    struct lode_process_stat process;
    pid_t pid = getpid();
    for (int i = 0; i < ANCESTORS_MAX && pid > 0 && lode_process_stat_read(pid, &process); i++) {
        if (pid == owner->pid) {
            return process.start == owner->start;
        }
        pid = process.parent;
    }
    return false;
}
