/*
 * unread.h: what a stderr may be that somebody has stopped reading: a pipe, a terminal, a socket.
 *
 *     int ends[2];
 *     unread_open(UNREAD_PIPE, ends);   read from ends[0], or do not; ends[1] may become stderr
 *     unread_fill(ends);
 */
#ifndef TESTS_SUPPORT_UNREAD_H
#define TESTS_SUPPORT_UNREAD_H

enum unread { UNREAD_PIPE, UNREAD_TERMINAL, UNREAD_SOCKET, UNREAD_KINDS };

/* Both ends are CLOEXEC. The terminal is raw: what goes in comes out. */
void unread_open(enum unread kind, int ends_out[2]);

/* Writes small pieces until nothing more goes in. */
void unread_fill(const int ends[2]);

#endif
