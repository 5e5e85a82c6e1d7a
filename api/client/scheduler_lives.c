#include "api/client/scheduler_lives.h"

#include "api/base/fail.h"
#include "api/layout/names.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static lode_err
nobody(const struct lode_paths *paths)
{
    return lode_fail_with(LODE_EDOWN, "no scheduler runs in %s: nobody will make this result",
                          paths->dir);
}

lode_err
lode_scheduler_lives(const struct lode_paths *paths)
{
    char path[LODE_PATH_MAX];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    LODE_TRY(lode_path_join(path, sizeof path, paths->dir, "%s", LODE_FILE_SCHEDULER_LOCK));
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? nobody(paths) : LODE_OK;
    }
    bool known = fcntl(fd, F_OFD_GETLK, &lock) == 0;
    close(fd);
    return known && lock.l_type == F_UNLCK ? nobody(paths) : LODE_OK;
}
