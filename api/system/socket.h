/*
 * socket.h: Unix SOCK_SEQPACKET sockets: listening, connecting, packets with descriptors. Every
 * descriptor is CLOEXEC; nothing raises SIGPIPE; EINTR is retried. LODE_EAGAIN is no failure: it
 * sets no sentence.
 */
#ifndef LODE_SYSTEM_SOCKET_H
#define LODE_SYSTEM_SOCKET_H

#include <lode/error.h>
#include <sys/types.h>

enum { LODE_SOCKET_FDS_MAX = 4 };

/*
 * Listens at `path`, mode 0600, non-blocking. A socket file that nobody listens at is removed: call
 * it only under the lock that says that nobody else does so at this moment.
 * Errors: LODE_ERUNNING somebody listens there; LODE_EINVAL the path is too long for a socket;
 *         LODE_ESYS; LODE_EDENIED.
 */
LODE_MUST_CHECK lode_err lode_socket_listen(const char *path, int *fd_out);

/*
 * True if somebody listens at `path`; he sees a connection that ends at once.
 *
 *   pid_out  the process that began to listen; 0: it is in another pid namespace, or too busy to
 *            tell
 */
bool lode_socket_is_served(const char *path, pid_t *pid_out);

/*
 * Connects, blocking socket. Errors: LODE_EDOWN nobody listens; LODE_EINVAL; LODE_EDENIED;
 * LODE_ETIMEDOUT whoever listens has not accepted others for 5 s, and no more can queue.
 */
LODE_MUST_CHECK lode_err lode_socket_connect(const char *path, int *fd_out);

/*
 * Sends one packet of two parts, with descriptors (the caller keeps its copies).
 * Errors: LODE_EAGAIN a non-blocking socket is full; LODE_EDOWN the peer is gone; LODE_ESYS.
 */
LODE_MUST_CHECK lode_err lode_socket_send(int fd, const void *head, size_t head_size,
                                          const void *rest, size_t rest_size, const int *fds,
                                          size_t fd_count);

/* lode_socket_send() without descriptors that never waits: LODE_EAGAIN, the socket is full. */
LODE_MUST_CHECK lode_err lode_socket_try_send(int fd, const void *head, size_t head_size,
                                              const void *rest, size_t rest_size);

/*
 * Receives one packet into `room` bytes. Descriptors beyond *fd_count_out's room are closed.
 *
 *   flags         MSG_DONTWAIT or 0
 *   size_out      bytes of the packet
 *   fds           room for LODE_SOCKET_FDS_MAX descriptors, the caller's; NULL: any are closed
 *
 * Errors  LODE_EAGAIN; LODE_EDOWN end of file or reset; LODE_ETOOBIG the packet was cut; LODE_ESYS
 *         LODE_ELIMIT this process has no number left for a descriptor of the packet. The packet
 *         itself is there; all its descriptors are closed, and *fd_count_out is 0
 */
LODE_MUST_CHECK lode_err lode_socket_receive(int fd, int flags, void *buffer, size_t room,
                                             size_t *size_out, int *fds, size_t *fd_count_out);

/* Closes the descriptors that came with a packet. */
void lode_socket_close_fds(const int *fds, size_t count);

/* LODE_ELIMIT with the sentence for lost descriptors: for the thread that a packet is meant for. */
LODE_MUST_CHECK lode_err lode_socket_fail_lost(void);

/* The peer's process and user, by SO_PEERCRED. Errors: LODE_ESYS. */
LODE_MUST_CHECK lode_err lode_socket_peer(int fd, pid_t *pid_out, uid_t *uid_out);

#endif
