#include "tools/clusters/places.h"

#include "api/base/fail.h"
#include "api/cluster/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file: the two paths, each closed by a zero byte. A path may hold any other byte. */
enum { FILE_ROOM = 2 * LODE_PATH_MAX };

lode_err
places_write(const struct lode_paths *paths)
{
    char path[LODE_PATH_MAX], text[FILE_ROOM];
    size_t shm = strlen(paths->shm) + 1, state = strlen(paths->state) + 1;
    memcpy(text, paths->shm, shm);
    memcpy(text + shm, paths->state, state);
    LODE_TRY(lode_path_join(path, sizeof path, paths->dir, LODE_FILE_PLACES));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return lode_fail_errno("cannot open '%s'", path);
    }
    lode_err err = LODE_OK;
    if (fchmod(fd, 0600) != 0 || write(fd, text, shm + state) != (ssize_t)(shm + state)) {
        err = lode_fail_errno("cannot write '%s'", path);
    }
    close(fd);
    return err;
}

/* Takes the next path of the text. False: it is not closed, too long, or relative. */
static bool
take(const char **text, const char *end, bool may_be_empty, char path_out[LODE_PATH_MAX])
{
    const char *zero = memchr(*text, '\0', (size_t)(end - *text));
    size_t size = zero != NULL ? (size_t)(zero - *text) + 1 : 0;
    bool is_path = size > 1 && (*text)[0] == '/';
    if (size == 0 || size > LODE_PATH_MAX || !(is_path || (size == 1 && may_be_empty))) {
        return false;
    }
    memcpy(path_out, *text, size);
    *text += size;
    return true;
}

lode_err
places_read(const char *dir, struct lode_paths *paths_out)
{
    struct lode_paths paths;
    char path[LODE_PATH_MAX], text[FILE_ROOM];
    LODE_TRY(lode_paths_resolve(dir, &paths));
    LODE_TRY(lode_path_join(path, sizeof path, dir, LODE_FILE_PLACES));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT) {
        return lode_fail_errno("cannot open '%s'", path);
    }
    if (fd >= 0) {
        ssize_t size = read(fd, text, sizeof text);
        const char *at = text, *end = text + (size > 0 ? size : 0);
        close(fd);
        if (!take(&at, end, false, paths.shm) || !take(&at, end, true, paths.state) || at != end) {
            return lode_fail_with(LODE_ECORRUPT, "'%s' does not hold two paths", path);
        }
    }
    *paths_out = paths;
    return LODE_OK;
}
