/*
 * presence.h: how a daemon is found in the cluster's directory: by the lock file that it holds and
 * by the socket that it listens at. A cleaner of /tmp, or a person, may remove either while the
 * daemon lives. The daemon then makes it anew: else no program could attach any more, workers could
 * not be replaced, waiters would take the daemon for dead, and `lode stop` would find nobody.
 *
 *   lode_presence_open()    nobody else is there, and the lock is ours
 *   lode_presence_listen()  the socket is there
 *   watch_fd is readable    lode_presence_restore()
 *   lode_presence_close()
 *
 * inotify says when a file was removed. A timer makes the daemon look again in two cases: the file
 * could not be made at once (another process holds the new one for a moment), and no inotify is to
 * be had. Where all is well and inotify works, nothing wakes the daemon.
 *
 * A private cluster puts nothing back. No other program attaches to it, and a process that removes
 * its directory as the program ends must succeed.
 */
#ifndef LODE_BASE_PRESENCE_H
#define LODE_BASE_PRESENCE_H

#include "api/base/paths.h"

#include <sys/types.h>

struct lode_presence {
    char lock_path[LODE_PATH_MAX], socket_path[LODE_PATH_MAX]; /* the second: "" for none */
    int lock_fd, listen_fd;
    int watch_fd; /* to be polled: an epoll of the next two; -1: nothing is put back */
    int notify_fd, timer_fd;
    int retry_ms;  /* until the next attempt to put a file back; 0: both are there */
    bool is_blind; /* inotify is not to be had, so the timer looks once a second */
    bool lock_is_missed, socket_is_missed; /* it could not be put back, and the log says so */
    dev_t socket_device;
    ino_t socket_inode;
};

/* All descriptors -1. */
void lode_presence_init(struct lode_presence *presence);

/*
 * Takes the lock `lock_name` in `dir`.
 *
 *   socket_name  NULL: this daemon has no socket
 *   is_private   nothing is put back
 *
 * Errors  LODE_ERUNNING  another process holds the lock, or listens at the socket; as
 *         lode_hold_file(); LODE_ESYS
 */
LODE_MUST_CHECK lode_err lode_presence_open(struct lode_presence *presence, const char *dir,
                                            const char *lock_name, const char *socket_name,
                                            bool is_private);

/* Listens at the socket. Errors: as lode_socket_listen(). */
LODE_MUST_CHECK lode_err lode_presence_listen(struct lode_presence *presence);

/*
 * Looks whether lock and socket are still there, makes anew what is not, and says so in the log.
 * What cannot be made now is tried again when watch_fd is readable the next time. Never blocks.
 *
 * True if listen_fd is another one now: then *old_fd_out is the one before, which the caller closes
 * once it has accepted the programs that wait there.
 */
bool lode_presence_restore(struct lode_presence *presence, int *old_fd_out);

/* From now on nothing is put back: the daemon is ending. watch_fd is closed. */
void lode_presence_unwatch(struct lode_presence *presence);

/*
 * Ends a start that was refused after it had the lock: removes the lock file first, and then closes
 * all. A daemon that lives here, and whose own lock file was removed, can then make it again.
 */
void lode_presence_withdraw(struct lode_presence *presence);

/* Closes all. Removes no file: sweep.h does, and lode_hold_remove(). */
void lode_presence_close(struct lode_presence *presence);

#endif
