#include "tests/support/unread.h"

#include "tests/support/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static void
open_terminal(int ends[2])
{
    struct termios raw;
    char name[64];
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    expect_le(0, ends[0]);
    expect_eq(unlockpt(ends[0]), 0);
    expect_eq(ptsname_r(ends[0], name, sizeof name), 0);
    ends[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    expect_le(0, ends[1]);
    expect_eq(tcgetattr(ends[1], &raw), 0);
    cfmakeraw(&raw);
    expect_eq(tcsetattr(ends[1], TCSANOW, &raw), 0);
}

void
unread_open(enum unread kind, int ends_out[2])
{
    switch (kind) {
    case UNREAD_TERMINAL:
        open_terminal(ends_out);
        break;
    case UNREAD_SOCKET:
        expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_out), 0);
        break;
    default:
        expect_eq(pipe2(ends_out, O_CLOEXEC), 0);
    }
}

void
unread_fill(const int ends[2])
{
    static const char piece[64];
    expect_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    while (write(ends[1], piece, sizeof piece) > 0) {
    }
    expect_eq(fcntl(ends[1], F_SETFL, 0), 0);
}
