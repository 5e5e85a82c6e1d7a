/* Stderr as what takes lines: a pipe, a file, a socket, a terminal, and one that nobody reads. */
#include "api/client/output/sink.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int own; /* stderr, as it was */

static void
setup(void)
{
    own = dup(STDERR_FILENO);
}

static void
teardown(void)
{
    dup2(own, STDERR_FILENO);
    close(own);
}

TestSuite(sink, .init = setup, .fini = teardown, .timeout = 60);

static void
become_stderr(int fd)
{
    cr_assert_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
}

/* Gives the end to read. */
static int
be_pipe(void)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    become_stderr(ends[1]);
    return ends[0];
}

Test(sink, a_pipe_and_a_file_take_many_lines_and_a_socket_or_a_terminal_one)
{
    int ends[2], terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    close(be_pipe());
    cr_assert(lode_sink_takes_many());
    become_stderr(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    cr_assert(lode_sink_takes_many());
    cr_assert_not(lode_sink_is_terminal());
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    become_stderr(ends[0]);
    cr_assert_not(lode_sink_takes_many());
    cr_assert_not(lode_sink_is_terminal());
    cr_assert(terminal >= 0);
    become_stderr(terminal);
    cr_assert_not(lode_sink_takes_many());
    cr_assert(lode_sink_is_terminal());
    close(ends[1]);
}

Test(sink, takes_one_line_or_as_many_whole_ones_as_lie_in_one_piece)
{
    static const char three[] = "one\ntwo\nthree";
    static char lines[2 * PIPE_BUF];
    int reader = be_pipe();
    cr_assert_eq(lode_sink_write(three, strlen(three), false), 4);
    cr_assert_eq(lode_sink_write(three, strlen(three), true), 8);
    cr_assert_eq(lode_sink_write(three + 8, 5, true), 5);
    memset(lines, 'x', sizeof lines);
    lines[PIPE_BUF - 3] = lines[PIPE_BUF] = '\n';
    cr_assert_eq(lode_sink_write(lines, sizeof lines, true), PIPE_BUF - 2);
    close(reader);
}

Test(sink, that_is_full_takes_nothing_and_is_waited_for)
{
    static char line[PIPE_BUF];
    int reader = be_pipe();
    memset(line, 'x', sizeof line);
    while (lode_sink_write(line, sizeof line, false) > 0) {
    }
    lode_sink_await_room(); /* returns though nobody reads */
    cr_assert_eq(lode_sink_write(line, sizeof line, false), 0);
    cr_assert_eq(read(reader, line, sizeof line), (ssize_t)sizeof line);
    lode_sink_await_room();
    cr_assert_eq(lode_sink_write(line, sizeof line, false), sizeof line);
    close(reader);
}

/* Without the shelter the signal would end the test. One that was there before stays. */
Test(sink, whose_reader_has_ended_takes_all_and_strikes_nobody)
{
    struct lode_sink_shelter shelter, inner;
    sigset_t pending;
    close(be_pipe());
    lode_sink_take_shelter(&shelter);
    cr_assert_eq(lode_sink_write("lost\n", 5, true), 5);
    lode_sink_leave_shelter(&shelter);
    lode_sink_take_shelter(&shelter);
    cr_assert_eq(lode_sink_write("lost\n", 5, true), 5);
    lode_sink_take_shelter(&inner);
    lode_sink_leave_shelter(&inner);
    sigpending(&pending);
    cr_assert_eq(sigismember(&pending, SIGPIPE), 1);
    lode_sink_leave_shelter(&shelter);
    sigpending(&pending);
    cr_assert_eq(sigismember(&pending, SIGPIPE), 0);
}

Test(sink, that_is_closed_takes_all)
{
    close(STDERR_FILENO);
    cr_assert_eq(lode_sink_write("lost\n", 5, true), 5);
    cr_assert_not(lode_sink_takes_many());
    cr_assert_not(lode_sink_is_terminal());
}
