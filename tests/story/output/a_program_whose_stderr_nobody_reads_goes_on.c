/*
 * The tasks of a program print, and its stderr is a full pipe, a terminal or a socket that nobody
 * reads. The program's calls are answered, and all its sessions can close at once. Where somebody
 * reads later, what was kept comes out, and how many lines are missing, and where they are. Where
 * the program closes before, the log has what was kept. Where the reader has ended, no signal
 * strikes the program.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"
#include "tests/support/unread.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TASKS = 400, MANY = 15, LINE_BYTES = 8000, CLOSE_MS = 10000, SESSIONS = 4 };
enum { ROOM = TASKS * MANY * (LINE_BYTES + 100) };

static int pipe_fds[2];       /* the program's stderr */
static int lines_of_task = 1; /* that print_and_ask() has printed */

/* Our stderr is the pipe, filled up or empty. Its reader is the parent. */
static void
take_stderr(bool is_full)
{
    if (is_full) {
        unread_fill(pipe_fds);
    }
    expect_eq(dup2(pipe_fds[1], STDERR_FILENO), STDERR_FILENO);
    close(pipe_fds[1]);
    close(pipe_fds[0]);
}

/* A check that fails in here could not be printed, and the guard would end the story. */
static void
print_and_ask(lode *db)
{
    static char text[LINE_BYTES + 1];
    static lode_id said[TASKS];
    lode_scheduler_stats stats;
    lode_id result;
    int64_t pid;
    memset(text, 'x', LINE_BYTES);
    must(lode_load(db, story_tasks("print")));
    for (int i = 0; i < TASKS; i++) {
        must(lode_call(db, "print.often", LODE_ARGS(lode_str(text), lode_i64(lines_of_task)), NULL,
                       &said[i]));
    }
    must(lode_wait(db, said, TASKS, TASKS, LODE_FOREVER, NULL, NULL));
    must(lode_get_scheduler_stats(db, &stats));
    must(lode_call(db, "play.pid", LODE_NO_ARGS, NULL, &result));
    must(lode_get_i64(db, result, LODE_FOREVER, &pid));
}

static void
program(struct child *parent, void *arg)
{
    take_stderr(arg != NULL);
    lode *db = cluster_open_with("play");
    print_and_ask(db);
    child_signal(parent);
    child_await(parent); /* somebody reads, or nobody ever does */
    int64_t began = now_ms();
    lode_close(db);
    expect_lt(now_ms() - began, CLOSE_MS + bound_ms(1000));
}

static void *
close_session(void *arg)
{
    lode_close(arg);
    return NULL;
}

/* A session is answered while others, that have lines to print, close; none waits for another. */
static void
program_of_many_sessions(struct child *parent, void *arg)
{
    pthread_t threads[SESSIONS];
    lode_scheduler_stats stats;
    lode *last = cluster_open_with("play");
    (void)arg;
    take_stderr(true);
    print_and_ask(last);
    lode *sessions[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        lode_id said;
        sessions[i] = cluster_open();
        must(lode_call(sessions[i], "play.say", LODE_ARGS(lode_str("x")), NULL, &said));
        must(lode_wait(sessions[i], &said, 1, 1, LODE_FOREVER, NULL, NULL));
    }
    int64_t began = now_ms();
    for (int i = 0; i < SESSIONS; i++) {
        expect_eq(pthread_create(&threads[i], NULL, close_session, sessions[i]), 0);
    }
    for (int64_t slowest = 0; now_ms() - began < CLOSE_MS / 4;) {
        lode_id said;
        int64_t asked = now_ms();
        must(lode_call(last, "play.say", LODE_ARGS(lode_str("x")), NULL, &said));
        must(lode_wait(last, &said, 1, 1, LODE_FOREVER, NULL, NULL));
        must(lode_get_scheduler_stats(last, &stats));
        slowest = now_ms() - asked > slowest ? now_ms() - asked : slowest;
        lode_drop(last, said);
        expect_lt(slowest, bound_ms(1000));
    }
    for (int i = 0; i < SESSIONS; i++) {
        pthread_join(threads[i], NULL);
    }
    expect_lt(now_ms() - began, CLOSE_MS);
    child_signal(parent);
    child_await(parent);
}

static void
start_with(struct child *child, enum unread kind, child_fn run, bool is_full)
{
    unread_open(kind, pipe_fds);
    child_start(child, run, is_full ? pipe_fds : NULL);
    close(pipe_fds[1]);
}

static size_t
read_to_the_end(int fd, char *text)
{
    size_t size = 0;
    ssize_t got;
    while ((got = read(fd, text + size, ROOM - 1 - size)) > 0) {
        size += (size_t)got;
    }
    return size;
}

static long
missing_in(const char *line)
{
    const char *said = strstr(line, "… ");
    return said != NULL && strstr(said, "lines are left out here") != NULL
               ? strtol(said + strlen("… "), NULL, 10)
               : 0;
}

static long
lines_in_log(void)
{
    static char line[2 * LINE_BYTES];
    char path[256];
    long count = 0;
    snprintf(path, sizeof path, "%s/output.log", story_state());
    FILE *file = fopen(path, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *x = strchr(line, 'x');
        count += x != NULL && strspn(x, "x") == LINE_BYTES;
    }
    fclose(file);
    expect_eq(unlink(path), 0);
    return count;
}

/* Each line is there, whole, or is counted as missing, and is in the log. */
static void
what_is_lost_is_said(void)
{
    static char all[ROOM];
    struct child child;
    long lines = 0, missing = 0;
    lines_of_task = MANY;
    start_with(&child, UNREAD_PIPE, program, true);
    child_await(&child);
    child_signal(&child);
    size_t size = read_to_the_end(pipe_fds[0], all);
    child_must_end(&child);
    close(pipe_fds[0]);
    char *text = memrchr(all, '\0', size);
    expect(text != NULL); /* the last byte of what the pipe was full of */
    for (char *line = strtok(text + 1, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (missing_in(line) > 0) {
            missing += missing_in(line);
        } else if (strstr(line, "(print.often ") == line) {
            const char *x = strchr(line, 'x');
            expect(x != NULL && strspn(x, "x") == LINE_BYTES && x[LINE_BYTES] == '\0');
            lines++;
        } else {
            give_up("'%.80s' is no line of a task", line);
        }
    }
    expect_lt(0, missing);
    expect_eq(lines + missing, TASKS * MANY);
    expect_eq(lines_in_log(), missing);
}

/* All at once, for each takes five seconds to close. Full from the start, or when lines come. */
static void
nobody_ever_reads(void)
{
    static const struct {
        enum unread kind;
        child_fn run;
        bool is_full;
    } kinds[] = {{UNREAD_PIPE, program, true},
                 {UNREAD_PIPE, program, false},
                 {UNREAD_TERMINAL, program, true},
                 {UNREAD_TERMINAL, program, false},
                 {UNREAD_SOCKET, program, true},
                 {UNREAD_SOCKET, program, false},
                 {UNREAD_PIPE, program_of_many_sessions, true}};
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    struct child children[KINDS];
    int readers[KINDS];
    for (int i = 0; i < KINDS; i++) {
        start_with(&children[i], kinds[i].kind, kinds[i].run, kinds[i].is_full);
        readers[i] = pipe_fds[0];
    }
    for (int i = 0; i < KINDS; i++) {
        child_await(&children[i]);
        child_signal(&children[i]);
    }
    for (int i = 0; i < KINDS; i++) {
        child_must_end(&children[i]);
        close(readers[i]);
    }
    expect_lt(KINDS * TASKS / 2, lines_in_log());
}

/* Before the lines come, or when they are kept and the program is about to close. */
static void
the_reader_ends(bool before)
{
    struct child child;
    start_with(&child, UNREAD_PIPE, program, !before);
    if (before) {
        close(pipe_fds[0]);
    }
    child_await(&child);
    if (!before) {
        close(pipe_fds[0]);
    }
    child_signal(&child);
    child_must_end(&child);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 64 << 20);
    the_reader_ends(true);
    the_reader_ends(false);
    nobody_ever_reads();
    what_is_lost_is_said();
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
