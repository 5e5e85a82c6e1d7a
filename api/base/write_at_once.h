/*
 * write_at_once.h: writing to a descriptor that others share, without ever waiting for its reader.
 * O_NONBLOCK would not do: it belongs to the open file, which other programs have, too.
 */
#ifndef LODE_BASE_WRITE_AT_ONCE_H
#define LODE_BASE_WRITE_AT_ONCE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Writes as much as the pipe, the terminal, the socket or the file takes at this moment. Returns
 * how much that is; -1 with errno EAGAIN: nothing. A pipe takes up to PIPE_BUF bytes whole or not
 * at all; where there is no /proc, it may be given a few of them. A reader that has ended raises
 * SIGPIPE, as with write(). Any thread.
 */
ssize_t lode_write_at_once(int fd, const void *bytes, size_t size);

#endif
