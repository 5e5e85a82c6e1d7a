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
 * The daemons of a private cluster do the same: their workers, and the program's further sessions,
 * attach by these files. But once the program has ended, every process of the cluster sweeps all of
 * them. So a daemon that is told of a removed file looks first whether its lifeline has ended, and
 * then puts nothing back.
 */
#ifndef LODE_CLUSTER_PRESENCE_H
#define LODE_CLUSTER_PRESENCE_H

#include "api/cluster/paths.h"

#include <sys/types.h>

/* Writes a file anew that was removed. Errors: it is tried again later. */
typedef lode_err (*lode_presence_write_fn)(void *arg);

enum { LODE_PRESENCE_FILES_MAX = 2 };

struct lode_presence_file {
    char path[LODE_PATH_MAX];
    lode_presence_write_fn write;
    void *arg;
    bool is_missed; /* it could not be put back, and the log has said so */
};

struct lode_presence {
    char lock_path[LODE_PATH_MAX], socket_path[LODE_PATH_MAX]; /* the second: "" for none */
    int lock_fd, listen_fd;
    struct lode_presence_file files[LODE_PRESENCE_FILES_MAX]; /* lode_presence_add() */
    size_t file_count;
    int watch_fd; /* to be polled: an epoll of the next two; -1: nothing is put back any more */
    int notify_fd, timer_fd;
    int retry_ms;  /* until the next attempt to put a file back; 0: all are there */
    bool is_blind; /* inotify is not to be had, so the timer looks once a second */
    bool is_private;
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
 *   is_private   its program's stderr is not told that there is no inotify
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
 * Makes a further file `dir`/`name` by write(arg), and puts it back likewise. At most
 * LODE_PRESENCE_FILES_MAX. Errors: those of write().
 */
LODE_MUST_CHECK lode_err lode_presence_add(struct lode_presence *presence, const char *dir,
                                           const char *name, lode_presence_write_fn write,
                                           void *arg);

/*
 * Looks whether all files are still there, makes anew what is not, and says so in the log.
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
