/*
 * What a task of a task prints reaches the program at the root of the calls, once, under the name
 * of the task that printed it. So does the failure of a task that nobody waits for. It is the same
 * if a task submits it through a session that it has opened itself: there is one CPU, so a task
 * that waits in it gives its CPU back. `lode status` says of a running task whose it is, and how
 * deep it lies.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 64 << 10 };

static char printed[256]; /* the file that is the program's stderr */

/* A process that has called tasks cannot give birth to one that does: children come first. */
static void
program(struct child *parent, void *arg)
{
    lode_id id;
    (void)parent, (void)arg;
    story_stderr_into(printed);
    lode *db = cluster_open_with("nest");
    must(lode_call(db, "nest.say_below", LODE_ARGS(lode_str("a line")), NULL, &id));
    must(lode_wait(db, &id, 1, 1, LODE_FOREVER, NULL, NULL));
    must(lode_call(db, "nest.say_aside", LODE_ARGS(lode_str("an aside")), NULL, &id));
    must(lode_wait(db, &id, 1, 1, LODE_FOREVER, NULL, NULL));
    lode_close(db);
    db = cluster_open();
    must(lode_call(db, "nest.forget_a_failure", LODE_NO_ARGS, NULL, &id));
    must(lode_wait(db, &id, 1, 1, LODE_FOREVER, NULL, NULL));
    lode_scheduler_stats stats;
    do {
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.finished < 6);
    lode_close(db);
}

/* The next line: "(name pid=N) " and what follows it. */
static void
expect_line(FILE *file, const char *name, const char *rest)
{
    char line[4096], want[256];
    if (fgets(line, sizeof line, file) == NULL) {
        give_up("nothing was printed; want a line of %s: %s", name, rest);
    }
    snprintf(want, sizeof want, "(%s pid=", name);
    expect_text(line, rest);
    if (strncmp(line, want, strlen(want)) != 0 || strchr(line + 1, '(') != NULL) {
        give_up("the line is '%s', want it of %s alone", line, name);
    }
}

static void
lines_and_failures_reach_the_root(void)
{
    char line[4096];
    struct child child;
    child_start(&child, program, NULL);
    child_must_end(&child);
    FILE *file = fopen(printed, "re");
    expect(file != NULL);
    expect_line(file, "nest.say", ") a line\n");
    expect_line(file, "nest.say", ") an aside\n");
    if (fgets(line, sizeof line, file) == NULL) {
        give_up("the failure that nobody waits for is not printed");
    }
    expect_text(line, "nest.await");
    if (fgets(line, sizeof line, file) != NULL) {
        give_up("one more line: '%s'", line);
    }
    fclose(file);
}

static void
status_says_whose_task_it_is(void)
{
    static char out[ROOM], err[ROOM];
    char text[LODE_ID_TEXT_SIZE], want[128];
    const char *argv[] = {"lode", "status", NULL};
    lode_scheduler_stats stats;
    lode_id gate, id;
    lode *db = cluster_open();
    must(lode_reserve(db, 1, &gate));
    lode_id_format(gate, text);
    must(lode_call(db, "nest.parent", LODE_ARGS(lode_str(text)), NULL, &id));
    do {
        must(lode_get_scheduler_stats(db, &stats));
    } while (stats.tasks_running < 2);
    expect_eq(program_run(argv, out, err, sizeof out), 0);
    snprintf(want, sizeof want, "in nest.parent (program %d)\n", (int)getpid());
    expect_text(out, want);
    snprintf(want, sizeof want, "in nest.await (program %d, depth 1)\n", (int)getpid());
    expect_text(out, want);
    must(lode_cancel(db, id, 0));
    must(lode_wait(db, &id, 1, 1, LODE_FOREVER, NULL, NULL));
    lode_close(db);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    snprintf(printed, sizeof printed, "%s/stderr", story_files());
    pid_t supervisor = cluster_start(1, 32 << 20);
    lines_and_failures_reach_the_root();
    status_says_whose_task_it_is();
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
