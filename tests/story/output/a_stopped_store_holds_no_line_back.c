/*
 * A task prints and has more results than one record of the ring can carry, so the store must make
 * room for some of them. The store stands still. The line is on the program's stderr all the same:
 * it does not wait for the results.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 4, RESULTS = 1000 };

static char runs[256], go[256];
static int runs_fd, go_fd;

/* What comes within the bound, up to the line feed. */
static void
read_line(int fd, char *line, size_t room)
{
    struct pollfd in = {.fd = fd, .events = POLLIN};
    size_t size = 0;
    int64_t end = now_ms() + bound_ms(5000);
    while (size < room - 1 && memchr(line, '\n', size) == NULL && now_ms() < end) {
        ssize_t got = poll(&in, 1, 100) == 1 ? read(fd, line + size, room - 1 - size) : 0;
        expect(got >= 0);
        size += (size_t)got;
    }
    line[size] = '\0';
}

static void
play_round(lode *db, pid_t store)
{
    char line[256], byte = 'g';
    int shown[2];
    int64_t number;
    lode_id ids[RESULTS];
    must(lode_call(db, "print.thousand",
                   LODE_ARGS(lode_str(runs), lode_str(go), lode_str("before the results")), NULL,
                   ids));
    expect_eq(read(runs_fd, &byte, 1), 1);
    expect_eq(pipe2(shown, O_CLOEXEC), 0);
    int before = dup(STDERR_FILENO);
    expect_eq(dup2(shown[1], STDERR_FILENO), STDERR_FILENO);
    story_stop_process(store);
    expect_eq(write(go_fd, &byte, 1), 1);
    read_line(shown[0], line, sizeof line);
    expect_eq(kill(store, SIGCONT), 0);
    expect_eq(dup2(before, STDERR_FILENO), STDERR_FILENO);
    expect_text(line, ") before the results\n");
    must(lode_get_i64(db, ids[RESULTS - 1], LODE_FOREVER, &number));
    expect_eq(number, RESULTS - 1);
    lode_drop_many(db, ids, RESULTS);
    close(before);
    close(shown[0]);
    close(shown[1]);
}

/* More than once: the scheduler may be quick, and read the line from the worker's pipe itself. */
static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    runs_fd = story_fifo(runs, sizeof runs, "runs");
    go_fd = story_fifo(go, sizeof go, "go");
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open_with("print");
    for (int i = 0; i < ROUNDS; i++) {
        play_round(db, story_process("lode-store"));
    }
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
