#include "api/cluster/presence.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/cluster/hold.h"
#include "api/base/log.h"
#include "api/system/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { LOOK_MS = 1000, RETRY_FIRST_MS = 10, RETRY_MOST_MS = 1000 };

void
lode_presence_init(struct lode_presence *presence)
{
    *presence = (struct lode_presence){
        .lock_fd = -1, .listen_fd = -1, .watch_fd = -1, .notify_fd = -1, .timer_fd = -1};
}

static void
close_one(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

/* ---- watching ------------------------------------------------------------------------------ */

static void
go_blind(struct lode_presence *presence)
{
    if (!presence->is_blind && !presence->is_private) {
        lode_log("FILES-NOT-WATCHED",
                 "inotify is not to be had (%s; see fs.inotify.max_user_instances and "
                 "max_user_watches): once a second this daemon looks whether its lock '%s' was "
                 "removed",
                 strerror(errno), presence->lock_path);
    }
    presence->is_blind = true;
    errno = 0;
}

static lode_err
add_to_watch(struct lode_presence *presence, int fd)
{
    struct epoll_event wanted = {.events = EPOLLIN};
    return epoll_ctl(presence->watch_fd, EPOLL_CTL_ADD, fd, &wanted) == 0
               ? LODE_OK
               : lode_fail_errno("cannot watch the files of the cluster");
}

static lode_err
open_watch(struct lode_presence *presence)
{
    presence->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    presence->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (presence->watch_fd < 0 || presence->timer_fd < 0) {
        return lode_fail_errno("cannot watch the files of the cluster");
    }
    LODE_TRY(add_to_watch(presence, presence->timer_fd));
    presence->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (presence->notify_fd < 0) {
        go_blind(presence);
        return LODE_OK;
    }
    return add_to_watch(presence, presence->notify_fd);
}

/*
 * Unlinking a file that is open changes its link count: IN_ATTRIB. A file that was removed before
 * this is not watched: so the caller looks for it behind this call.
 */
static void
watch(struct lode_presence *presence, const char *path)
{
    if (presence->notify_fd >= 0 &&
        inotify_add_watch(presence->notify_fd, path,
                          IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW) < 0 &&
        errno != ENOENT) {
        go_blind(presence);
    }
}

/* Sets the timer for the next look, if one is needed. */
static void
plan_next_look(struct lode_presence *presence, bool is_complete)
{
    int doubled = presence->retry_ms == 0 ? RETRY_FIRST_MS : 2 * presence->retry_ms;
    presence->retry_ms = is_complete ? 0 : doubled < RETRY_MOST_MS ? doubled : RETRY_MOST_MS;
    int ms = is_complete && presence->is_blind ? LOOK_MS : presence->retry_ms;
    struct itimerspec when = {.it_value = {ms / 1000, ms % 1000 * 1000000}};
    if (presence->timer_fd >= 0) {
        (void)timerfd_settime(presence->timer_fd, 0, &when, NULL);
    }
}

static void
drain(struct lode_presence *presence)
{
    char events[4096];
    while (presence->notify_fd >= 0 && read(presence->notify_fd, events, sizeof events) > 0) {
    }
    if (presence->timer_fd >= 0) {
        (void)!read(presence->timer_fd, events, sizeof(uint64_t));
    }
}

/* ---- taking the places --------------------------------------------------------------------- */

static bool
lock_is_there(const struct lode_presence *presence)
{
    return lode_hold_is_at(presence->lock_fd, presence->lock_path);
}

static bool
socket_is_there(const struct lode_presence *presence)
{
    struct stat there;
    return presence->listen_fd < 0 ||
           (lode_hold_finds(presence->socket_path, &there) &&
            there.st_dev == presence->socket_device && there.st_ino == presence->socket_inode);
}

static bool
file_is_there(const struct lode_presence_file *file)
{
    struct stat there;
    return lode_hold_finds(file->path, &there);
}

static bool
all_is_there(const struct lode_presence *presence)
{
    bool is_there = lock_is_there(presence) && socket_is_there(presence);
    for (size_t i = 0; i < presence->file_count; i++) {
        is_there = is_there && file_is_there(&presence->files[i]);
    }
    return is_there;
}

lode_err
lode_presence_open(struct lode_presence *presence, const char *dir, const char *lock_name,
                   const char *socket_name, bool is_private)
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
    presence->is_private = is_private;
    LODE_TRY(open_watch(presence));
    watch(presence, presence->lock_path);
    plan_next_look(presence, all_is_there(presence));
    return LODE_OK;
}

static lode_err
listen_there(struct lode_presence *presence, int *fd_out)
{
    struct stat there = {0}; /* no file has the number 0 */
    LODE_TRY(lode_socket_listen(presence->socket_path, fd_out));
    (void)!lstat(presence->socket_path, &there);
    presence->socket_device = there.st_dev;
    presence->socket_inode = there.st_ino;
    watch(presence, presence->socket_path);
    return LODE_OK;
}

lode_err
lode_presence_listen(struct lode_presence *presence)
{
    LODE_TRY(listen_there(presence, &presence->listen_fd));
    plan_next_look(presence, all_is_there(presence));
    return LODE_OK;
}

lode_err
lode_presence_add(struct lode_presence *presence, const char *dir, const char *name,
                  lode_presence_write_fn write, void *arg)
{
    LODE_ASSERT(presence->file_count < LODE_PRESENCE_FILES_MAX);
    struct lode_presence_file *file = &presence->files[presence->file_count];
    LODE_TRY(lode_path_join(file->path, sizeof file->path, dir, "%s", name));
    LODE_TRY(write(arg));
    file->write = write;
    file->arg = arg;
    file->is_missed = false;
    presence->file_count++;
    watch(presence, file->path);
    plan_next_look(presence, all_is_there(presence));
    return LODE_OK;
}

/* ---- putting back -------------------------------------------------------------------------- */

/* The old lock is let go of only when the new one is held. */
static void
restore_lock(struct lode_presence *presence)
{
    int fd = -1;
    lode_err err = lode_hold_try(presence->lock_path, &fd);
    if (err != LODE_OK) {
        if (err != LODE_EAGAIN && !presence->lock_is_missed) {
            lode_log("LOCK-REMOVED",
                     "'%s' was removed, and cannot be made again; it is tried on: %s",
                     presence->lock_path, lode_last_error());
            presence->lock_is_missed = true;
        }
        return;
    }
    close(presence->lock_fd);
    presence->lock_fd = fd;
    presence->lock_is_missed = false;
    watch(presence, presence->lock_path);
    lode_log("LOCK-REMOVED", "'%s' was removed: it is made again", presence->lock_path);
}

static bool
restore_socket(struct lode_presence *presence, int *old_fd_out)
{
    int fd = -1;
    if (listen_there(presence, &fd) != LODE_OK) {
        if (!presence->socket_is_missed) {
            lode_log("SOCKET-REMOVED",
                     "'%s' was removed, and cannot be made again: no program can attach; it is "
                     "tried on: %s",
                     presence->socket_path, lode_last_error());
        }
        presence->socket_is_missed = true;
        return false;
    }
    presence->socket_is_missed = false;
    lode_log("SOCKET-REMOVED", "'%s' was removed: it is made again", presence->socket_path);
    *old_fd_out = presence->listen_fd;
    presence->listen_fd = fd;
    return true;
}

static void
restore_file(struct lode_presence *presence, struct lode_presence_file *file)
{
    if (file->write(file->arg) != LODE_OK) {
        if (!file->is_missed) {
            lode_log("FILE-REMOVED",
                     "'%s' was removed, and cannot be made again; it is tried on: %s", file->path,
                     lode_last_error());
        }
        file->is_missed = true;
        return;
    }
    file->is_missed = false;
    watch(presence, file->path);
    lode_log("FILE-REMOVED", "'%s' was removed: it is made again", file->path);
}

bool
lode_presence_restore(struct lode_presence *presence, int *old_fd_out)
{
    drain(presence);
    if (!lock_is_there(presence)) {
        restore_lock(presence);
    }
    for (size_t i = 0; i < presence->file_count; i++) {
        if (!file_is_there(&presence->files[i])) {
            restore_file(presence, &presence->files[i]);
        }
    }
    bool is_moved = !socket_is_there(presence) && restore_socket(presence, old_fd_out);
    plan_next_look(presence, all_is_there(presence));
    return is_moved;
}

/* ---- ending -------------------------------------------------------------------------------- */

void
lode_presence_unwatch(struct lode_presence *presence)
{
    close_one(&presence->watch_fd);
    close_one(&presence->notify_fd);
    close_one(&presence->timer_fd);
}

void
lode_presence_withdraw(struct lode_presence *presence)
{
    lode_hold_remove(presence->lock_path, presence->lock_fd);
    lode_presence_close(presence);
}

void
lode_presence_close(struct lode_presence *presence)
{
    lode_presence_unwatch(presence);
    close_one(&presence->listen_fd);
    close_one(&presence->lock_fd);
}
