/*
 * waitset_fd.h: the descriptor of a wait set: an epoll, readable where its set has something to
 * take. It has two descriptors in it:
 *
 *   the session's socket   the store may have told of an id, and nobody has read it yet; or the
 *                          store has died
 *   an eventfd             not 0: what has become ready was read, and not taken
 *
 * So no thread is needed that reads the socket while the program sleeps in its own loop.
 */
#ifndef LODE_CLIENT_WAITSET_FD_H
#define LODE_CLIENT_WAITSET_FD_H

#include <lode/error.h>
#include <stdbool.h>

/* fds[0] is the epoll, fds[1] the eventfd. Nothing if they are open. Errors: as open(). */
LODE_MUST_CHECK lode_err lode_waitset_fd_open(int fds[2], int socket_fd);

/* Whether something is ready. Never blocks. Nothing if they are not open. */
void lode_waitset_fd_show(const int fds[2], bool is_ready);

#endif
