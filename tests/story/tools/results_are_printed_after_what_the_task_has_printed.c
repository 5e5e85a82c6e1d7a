/*
 * On a terminal stdout and stderr are one. A task prints lines, which come on stderr, and has a
 * result, which `lode run` prints on stdout: behind them.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"
#include "tests/support/unread.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINES = 200, ROOM = 64 << 10 };

static int terminal[2];

static pid_t
run_on_terminal(void)
{
    char lines[16], function[512];
    snprintf(lines, sizeof lines, "%d", LINES);
    snprintf(function, sizeof function, "%s:often", story_tasks("print"));
    pid_t pid = fork();
    if (pid == 0) {
        dup2(terminal[1], STDOUT_FILENO);
        dup2(terminal[1], STDERR_FILENO);
        execl(story_program("lode"), "lode", "run", function, "said", lines, (char *)NULL);
        _exit(127);
    }
    close(terminal[1]);
    return pid;
}

static void
story(int argc, char **argv)
{
    static char shown[ROOM];
    size_t size = 0;
    ssize_t got;
    int status, lines = 0;
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 32 << 20);
    unread_open(UNREAD_TERMINAL, terminal);
    pid_t pid = run_on_terminal();
    while (size < ROOM - 1 && (got = read(terminal[0], shown + size, ROOM - 1 - size)) > 0) {
        size += (size_t)got;
    }
    expect_eq(waitpid(pid, &status, 0), pid);
    expect_eq(status, 0);
    const char *line = strtok(shown, "\n"), *next = line;
    while ((next = strtok(NULL, "\n")) != NULL) {
        expect(strstr(line, ") said") != NULL);
        line = next;
        lines++;
    }
    expect_eq(lines, LINES);
    expect(line != NULL && isdigit((unsigned char)line[0]));
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
