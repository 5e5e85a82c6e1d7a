/*
 * Two programs call tasks at the same time, in the same workers. Each byte that a task writes comes
 * out at its own program, under its own name, also a last line that has no line feed. Each task has
 * a name of its own, and prints it; so its line says whose it is.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAMS = 3, TASKS = 300 };

struct program {
    struct child child;
    int number;
    char printed[256]; /* the file that is its stderr */
};

static void
call(lode *db, int program, int i, lode_id *id_out)
{
    char name[64];
    snprintf(name, sizeof name, "p%d-%d", program, i);
    const lode_call_options options = {.struct_size = sizeof options, .name = name};
    const char *function = i % 3 == 0 ? "print.part" : "print.whole";
    must(lode_call(db, function, LODE_ARGS(lode_str(name)), &options, id_out));
}

static void
run(struct child *parent, void *arg)
{
    const struct program *self = arg;
    static lode_id id[TASKS];
    story_stderr_into(self->printed);
    lode *db = cluster_open_with("print");
    child_signal(parent);
    child_await(parent);
    for (int i = 0; i < TASKS; i++) {
        call(db, self->number, i, &id[i]);
        if (i % 20 == 0) { /* now one by one, now many at once */
            must(lode_wait(db, &id[i], 1, 1, LODE_FOREVER, NULL, NULL));
        }
    }
    must(lode_wait(db, id, TASKS, TASKS, LODE_FOREVER, NULL, NULL));
    lode_close(db);
}

/* "(p1-17 pid=123) p1-17" */
static void
look_at_line(const struct program *program, const char *line, int seen[TASKS])
{
    int of, i, program_said, task_said;
    long pid;
    if (sscanf(line, "(p%d-%d pid=%ld) p%d-%d\n", &of, &i, &pid, &program_said, &task_said) != 5) {
        give_up("program %d got '%s', which is no line of a task", program->number, line);
    }
    if (of != program->number || program_said != of || task_said != i || i < 0 || i >= TASKS) {
        give_up("program %d got the line '%s'", program->number, line);
    }
    seen[i]++;
}

static void
each_line_is_there_once(const struct program *program)
{
    char line[256];
    int seen[TASKS] = {0};
    FILE *file = fopen(program->printed, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        look_at_line(program, line, seen);
    }
    fclose(file);
    for (int i = 0; i < TASKS; i++) {
        expect_eq(seen[i], 1);
    }
}

static void
story(int argc, char **argv)
{
    static struct program programs[PROGRAMS];
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(2, 32 << 20);
    for (int i = 0; i < PROGRAMS; i++) {
        programs[i].number = i;
        snprintf(programs[i].printed, sizeof programs[i].printed, "%s/stderr-%d", story_files(), i);
        child_start(&programs[i].child, run, &programs[i]);
    }
    for (int i = 0; i < PROGRAMS; i++) {
        child_await(&programs[i].child);
    }
    for (int i = 0; i < PROGRAMS; i++) {
        child_signal(&programs[i].child);
    }
    for (int i = 0; i < PROGRAMS; i++) {
        child_must_end(&programs[i].child);
        each_line_is_there_once(&programs[i]);
    }
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
