/*
 * hold.h: which process lives. A process that serves something holds a lock on a file or a
 * directory for as long as it lives. The kernel ends the lock with the process, however that ends.
 * A pid would not do: another process may get it.
 *
 *   a file       an OFD lock. If byte 0 is locked, a process holds the file. If byte 1 is locked,
 *                too, the line "PID START" in the file is the holder's: an OFD lock names nobody.
 *                Any process may ask without taking the lock, from any pid namespace.
 *   a directory  flock(), since the kernel has no OFD locks for directories. A process can try to
 *                take it, but not ask who has it. It holds even where a cleaner of /tmp has removed
 *                every file.
 *
 * A lock belongs to the open file, so a fork shares it: hold after the last fork. Descriptors are
 * CLOEXEC. The holder alone unlinks its file; a successor takes the file that is there.
 */
#ifndef LODE_CLUSTER_HOLD_H
#define LODE_CLUSTER_HOLD_H

#include <lode/error.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * One process: its pid, and the time of its start (process_stat.h), which no other of that pid has.
 */
struct lode_holder {
    pid_t pid; /* 0: it cannot be told */
    unsigned long long start;
};

/*
 * Holds the file at `path` (made with mode 0600) and writes our pid and start time into it.
 *
 *   fd_out  close it to let go; lode_hold_remove() first, where the file is to go
 *
 * Errors  LODE_ERUNNING  another process holds it: "already running (pid N)"; LODE_ESYS,
 *         LODE_EDENIED
 * Blocking  at most a second, while another process is just letting go
 */
LODE_MUST_CHECK lode_err lode_hold_file(const char *path, int *fd_out);

/*
 * The same, tried once: for a loop, which never blocks.
 * Errors  LODE_EAGAIN  another process is just letting go, or writing who it is: try again later;
 *         else as lode_hold_file()
 */
LODE_MUST_CHECK lode_err lode_hold_try(const char *path, int *fd_out);

/*
 * Whether lode_hold_file() would be refused. Takes no lock and makes no file.
 * Errors  LODE_ERUNNING  another process holds it, and has written who it is; LODE_ESYS,
 *         LODE_EDENIED
 */
LODE_MUST_CHECK lode_err lode_hold_check(const char *path);

/* Unlinks the file at `path` if it is the one that `fd` holds. */
void lode_hold_remove(const char *path, int fd);

/* True if something is at `path` which nobody is just removing; its status is in *stat_out. */
bool lode_hold_finds(const char *path, struct stat *stat_out);

/* True if what is at `path` is what `fd` is open on, and nobody is just removing it. */
bool lode_hold_is_at(int fd, const char *path);

/*
 * Who holds the file at `path`. Takes no lock, so it is in nobody's way.
 *
 *   holder_out  pid 0: somebody does, who has not yet written who
 *
 * Errors  LODE_EDOWN  nobody; LODE_ENOTFOUND there is no such file; LODE_ESYS, LODE_EDENIED
 */
LODE_MUST_CHECK lode_err lode_hold_ask(const char *path, struct lode_holder *holder_out);

/* True if that process lives in our pid namespace. */
bool lode_holder_is_here(const struct lode_holder *holder);

/*
 * The line "PID START", written to the start of an open file in place of what was there, and read.
 * Errors  of write: LODE_EDOWN there is no such process; LODE_ESYS; of read: LODE_ECORRUPT
 */
LODE_MUST_CHECK lode_err lode_holder_write(int fd, pid_t pid);
LODE_MUST_CHECK lode_err lode_holder_read(int fd, struct lode_holder *holder_out);

/*
 * Holds a directory that is there. A process that removes what dead clusters left holds it for a
 * moment only, so it is tried again for a while.
 *
 * Errors  LODE_EAGAIN  another directory is there now, or none: make it again; LODE_ERUNNING;
 *         LODE_ESYS, LODE_EDENIED
 * Blocking  up to `patience_ms`
 */
LODE_MUST_CHECK lode_err lode_hold_directory(const char *path, int64_t patience_ms, int *fd_out);

#endif
