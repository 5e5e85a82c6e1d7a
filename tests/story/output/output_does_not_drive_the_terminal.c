/*
 * Two programs have one terminal as their stderr. What their tasks print shows escape sequences and
 * bytes that are not UTF-8 escaped there, each line whole, under its own task's name. So do names.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"
#include "tests/support/unread.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROGRAMS = 2, TASKS = 20, ROOM = 64 << 10 };

static int terminal[2];

static void
program(struct child *parent, void *arg)
{
    char name[64], text[64];
    int number = *(int *)arg;
    lode_id id[TASKS];
    snprintf(name, sizeof name, "\x1b]0;p%d\a", number);
    snprintf(text, sizeof text, "\x1b[2Jp%d ü \xff", number);
    const lode_call_options options = {.struct_size = sizeof options, .name = name};
    lode *db = cluster_open_with("print");
    expect_eq(dup2(terminal[1], STDERR_FILENO), STDERR_FILENO);
    child_signal(parent);
    child_await(parent);
    for (int i = 0; i < TASKS; i++) {
        const char *function = i % 2 == 0 ? "print.part" : "print.whole";
        must(lode_call(db, function, LODE_ARGS(lode_str(text)), &options, &id[i]));
    }
    must(lode_wait(db, id, TASKS, TASKS, LODE_FOREVER, NULL, NULL));
    lode_close(db); /* when all is shown */
}

/* "(\x1b]0;p1\a pid=123) \x1b[2Jp1 ü \xff", in plain letters. */
static int
program_of(const char *line)
{
    long pid;
    int used = 0;
    for (int i = 0; i < PROGRAMS; i++) {
        char want[64];
        snprintf(want, sizeof want, "\\x1b[2Jp%d ü \\xff", i);
        const char *text = strstr(line, ") ");
        if (text != NULL && strcmp(text + 2, want) == 0) {
            snprintf(want, sizeof want, "(\\x1b]0;p%d\\", i);
            expect(strncmp(line, want, strlen(want)) == 0);
            const char *said = strstr(line, " pid=");
            expect(said != NULL && sscanf(said, " pid=%ld)%n", &pid, &used) == 1 && used > 0);
            return i;
        }
    }
    give_up("the terminal shows '%s'", line);
}

static void
each_line_is_shown(void)
{
    static char shown[ROOM];
    int count[PROGRAMS] = {0};
    size_t size = 0;
    ssize_t got;
    while (size < ROOM - 1 && (got = read(terminal[0], shown + size, ROOM - 1 - size)) > 0) {
        size += (size_t)got;
    }
    for (char *line = strtok(shown, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        count[program_of(line)]++;
    }
    for (int i = 0; i < PROGRAMS; i++) {
        expect_eq(count[i], TASKS);
    }
}

static void
story(int argc, char **argv)
{
    struct child children[PROGRAMS];
    int numbers[PROGRAMS];
    (void)argc, (void)argv;
    unread_open(UNREAD_TERMINAL, terminal);
    pid_t supervisor = cluster_start(2, 32 << 20);
    for (int i = 0; i < PROGRAMS; i++) {
        numbers[i] = i;
        child_start(&children[i], program, &numbers[i]);
    }
    for (int i = 0; i < PROGRAMS; i++) {
        child_await(&children[i]);
    }
    close(terminal[1]);
    for (int i = 0; i < PROGRAMS; i++) {
        child_signal(&children[i]);
    }
    for (int i = 0; i < PROGRAMS; i++) {
        child_must_end(&children[i]);
    }
    each_line_is_shown();
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
