/* What nobody reads takes what it has room for, and keeps no writer waiting. */
#include "api/base/write_at_once.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { PIECE = 1000, MOST = 16 << 20 };

static int
open_terminal(int *master_out)
{
    struct termios raw;
    char name[64];
    *master_out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert(*master_out >= 0 && unlockpt(*master_out) == 0);
    cr_assert(ptsname_r(*master_out, name, sizeof name) == 0);
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert(fd >= 0 && tcgetattr(fd, &raw) == 0);
    cfmakeraw(&raw);
    cr_assert(tcsetattr(fd, TCSANOW, &raw) == 0);
    return fd;
}

/* Writes until no more is taken; returns how much was. */
static size_t
fill(int fd, size_t piece)
{
    static const char bytes[MOST];
    size_t all = 0;
    ssize_t wrote;
    while (all < MOST && (wrote = lode_write_at_once(fd, bytes, piece)) >= 0) {
        all += (size_t)wrote;
    }
    cr_assert(all < MOST);
    cr_assert(errno == EAGAIN);
    return all;
}

static void
expect_as_much_as_is_read(int writer, int reader, size_t piece)
{
    static char got[MOST];
    size_t all = fill(writer, piece), size = 0;
    cr_assert(fcntl(reader, F_SETFL, O_NONBLOCK) == 0);
    while (size < all) { /* a terminal hands on what it has a little later */
        ssize_t some = read(reader, got, sizeof got);
        cr_assert(some > 0 || errno == EAGAIN);
        size += some > 0 ? (size_t)some : 0;
    }
    cr_assert(size == all);
    cr_assert((fcntl(writer, F_GETFL) & O_NONBLOCK) == 0);
}

Test(write_at_once, a_pipe_takes_what_it_has_room_for, .timeout = 20)
{
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    expect_as_much_as_is_read(ends[1], ends[0], PIECE);
    expect_as_much_as_is_read(ends[1], ends[0], MOST);
}

Test(write_at_once, a_terminal_takes_what_it_has_room_for, .timeout = 20)
{
    int master, fd = open_terminal(&master);
    expect_as_much_as_is_read(fd, master, PIECE);
    expect_as_much_as_is_read(fd, master, MOST);
}

Test(write_at_once, a_socket_takes_what_it_has_room_for, .timeout = 20)
{
    int ends[2];
    cr_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    expect_as_much_as_is_read(ends[1], ends[0], PIECE);
    expect_as_much_as_is_read(ends[1], ends[0], MOST);
}

Test(write_at_once, a_named_pipe_takes_what_it_has_room_for, .timeout = 20)
{
    char dir[] = "/tmp/lode-test-XXXXXX", path[64];
    cr_assert(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/fifo", dir);
    cr_assert(mkfifo(path, 0600) == 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int writer = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert(reader >= 0 && writer >= 0 && unlink(path) == 0 && rmdir(dir) == 0);
    expect_as_much_as_is_read(writer, reader, PIECE);
    expect_as_much_as_is_read(writer, reader, MOST);
}

Test(write_at_once, a_file_takes_all)
{
    FILE *file = tmpfile();
    char text[3];
    cr_assert(file != NULL && lode_write_at_once(fileno(file), "abc", 3) == 3);
    cr_assert(pread(fileno(file), text, 3, 0) == 3 && memcmp(text, "abc", 3) == 0);
    cr_assert(lode_write_at_once(fileno(file), "abc", 3) == 3);
    cr_assert(lseek(fileno(file), 0, SEEK_END) == 6);
    fclose(file);
}

Test(write_at_once, what_cannot_be_written_is_an_error_and_not_full)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int readable = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_assert(lode_write_at_once(null, "abc", 3) == 3);
    cr_assert(lode_write_at_once(readable, "abc", 3) == -1 && errno == EBADF);
    cr_assert(lode_write_at_once(-1, "abc", 3) == -1 && errno == EBADF);
    close(null);
    close(readable);
}
