/*
 * presence.h: how a daemon is found in the cluster's directory: by the lock file that it holds and by
 * the socket that it listens at. A cleaner of /tmp, or a person, may remove either while the daemon
 * lives. The daemon then makes it anew at once: else no program could attach any more, workers could
 * not be replaced, and waiters would take the daemon for dead. A private cluster does not: nobody
 * else attaches to it, and whoever removes its directory as its program ends shall succeed.
 *
 *   lode_presence_open()    nobody else is there, and the lock is ours
 *   lode_presence_listen()  the socket is there
 *   watch_fd is readable    lode_presence_restore()
 *   lode_presence_close()
 */
#ifndef LODE_BASE_PRESENCE_H
#define LODE_BASE_PRESENCE_H

#include "api/base/paths.h"

#include <sys/types.h>

struct lode_presence {
    char lock_path[LODE_PATH_MAX], socket_path[LODE_PATH_MAX]; /* the second: "" for none */
    int lock_fd, listen_fd;
    int watch_fd; /* to be polled; -1: the kernel has no watch left, so nothing is restored */
    dev_t socket_device;
    ino_t socket_inode;
};

/* All descriptors -1. */
void lode_presence_init(struct lode_presence *presence);

/*
 * Takes the lock `lock_name` in `dir`.
 *
 *   socket_name  NULL: this daemon has no socket
 *
 * Errors  LODE_ERUNNING  another process holds the lock, or listens at the socket; as lode_hold_file()
 */
LODE_MUST_CHECK lode_err lode_presence_open(struct lode_presence *presence, const char *dir,
                                            const char *lock_name, const char *socket_name);

/* Listens at the socket. Errors: as lode_socket_listen(). */
LODE_MUST_CHECK lode_err lode_presence_listen(struct lode_presence *presence);

/*
 * Looks whether lock and socket are still there, makes anew what is not, and says so in the log.
 * True if listen_fd is another one now: then *old_fd_out is the one before, which the caller closes
 * once it has accepted who waits there.
 */
bool lode_presence_restore(struct lode_presence *presence, int *old_fd_out);

/* Closes all. Removes no file: sweep.h does, and lode_hold_remove(). */
void lode_presence_close(struct lode_presence *presence);

#endif
