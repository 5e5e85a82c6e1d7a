#include "api/base/presence.h"

#include "api/base/fail.h"
#include "api/base/hold.h"
#include "api/base/log.h"
#include "api/base/socket.h"

#include <errno.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS = 16 }; /* where somebody removes files as fast as they are made */

void
lode_presence_init(struct lode_presence *presence)
{
    *presence = (struct lode_presence){.lock_fd = -1, .listen_fd = -1, .watch_fd = -1};
}

/* Unlinking a file that is open changes its link count: IN_ATTRIB. */
static void
watch(struct lode_presence *presence, const char *path)
{
    if (presence->watch_fd >= 0 && path[0] != '\0' &&
        inotify_add_watch(presence->watch_fd, path,
                          IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW) < 0) {
        errno = 0; /* removed just now, or no watch left: the next look says */
    }
}

lode_err
lode_presence_open(struct lode_presence *presence, const char *dir, const char *lock_name,
                   const char *socket_name)
{
    pid_t pid = 0;
    LODE_TRY(lode_path_join(presence->lock_path, LODE_PATH_MAX, dir, "%s", lock_name));
    if (socket_name != NULL) {
        LODE_TRY(lode_path_join(presence->socket_path, LODE_PATH_MAX, dir, "%s", socket_name));
        if (lode_socket_is_served(presence->socket_path, &pid)) {
            return lode_fail_with(LODE_ERUNNING,
                                  "already running (pid %d) in '%s': stop it, or choose another "
                                  "directory",
                                  (int)pid, dir);
        }
    }
    LODE_TRY(lode_hold_file(presence->lock_path, &presence->lock_fd));
    presence->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    watch(presence, presence->lock_path);
    return LODE_OK;
}

static bool
socket_is_there(const struct lode_presence *presence)
{
    struct stat there;
    return lstat(presence->socket_path, &there) == 0 && there.st_dev == presence->socket_device &&
           there.st_ino == presence->socket_inode;
}

/* A file that was removed before it was watched is looked for once more, behind the watch. */
static lode_err
listen_there(struct lode_presence *presence, int *fd_out)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        struct stat there;
        int fd = -1;
        LODE_TRY(lode_socket_listen(presence->socket_path, &fd));
        if (lstat(presence->socket_path, &there) == 0) {
            presence->socket_device = there.st_dev;
            presence->socket_inode = there.st_ino;
            watch(presence, presence->socket_path);
            if (socket_is_there(presence)) {
                *fd_out = fd;
                return LODE_OK;
            }
        }
        close(fd);
    }
    return lode_fail_with(LODE_ESYS, "'%s' is removed as often as it is made",
                          presence->socket_path);
}

lode_err
lode_presence_listen(struct lode_presence *presence)
{
    return listen_there(presence, &presence->listen_fd);
}

static void
drain(int watch_fd)
{
    char events[4096];
    while (read(watch_fd, events, sizeof events) > 0) {
    }
}

/* The old lock is let go of only when the new one is held. */
static void
restore_lock(struct lode_presence *presence)
{
    for (int i = 0; i < ATTEMPTS && !lode_hold_is_at(presence->lock_fd, presence->lock_path); i++) {
        int fd = -1;
        if (lode_hold_file(presence->lock_path, &fd) != LODE_OK) {
            lode_log("LOCK-REMOVED", "'%s' was removed, and cannot be made again: %s",
                     presence->lock_path, lode_last_error());
            return;
        }
        close(presence->lock_fd);
        presence->lock_fd = fd;
        watch(presence, presence->lock_path);
        lode_log("LOCK-REMOVED", "'%s' was removed: it is made again", presence->lock_path);
    }
}

bool
lode_presence_restore(struct lode_presence *presence, int *old_fd_out)
{
    int fd = -1;
    drain(presence->watch_fd);
    restore_lock(presence);
    if (presence->listen_fd < 0 || socket_is_there(presence)) {
        return false;
    }
    if (listen_there(presence, &fd) != LODE_OK) {
        lode_log("SOCKET-REMOVED",
                 "'%s' was removed, and cannot be made again: no program can attach: %s",
                 presence->socket_path, lode_last_error());
        return false;
    }
    lode_log("SOCKET-REMOVED", "'%s' was removed: it is made again", presence->socket_path);
    *old_fd_out = presence->listen_fd;
    presence->listen_fd = fd;
    return true;
}

static void
close_one(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

void
lode_presence_close(struct lode_presence *presence)
{
    close_one(&presence->watch_fd);
    close_one(&presence->listen_fd);
    close_one(&presence->lock_fd);
}
