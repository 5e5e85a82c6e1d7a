/*
 * 100,000 lines of 100 bytes reach the program, from one task as from many, and none is left out.
 * What a program cannot take, since it is stopped for long, is in a log; see
 * fault/a_stopped_client_loses_lines_not_others_time.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

enum { LINES = 100000, TASKS = 20000, LINE_BYTES = 100 };

static char text[LINE_BYTES + 1];

static void
run(struct child *parent, void *arg)
{
    static lode_id id[TASKS];
    (void)parent;
    story_stderr_into(arg);
    lode *db = cluster_open_with("print");
    must(lode_call(db, "print.often", LODE_ARGS(lode_str(text), lode_i64(LINES)), NULL, &id[0]));
    must(lode_wait(db, id, 1, 1, LODE_FOREVER, NULL, NULL));
    for (int i = 0; i < TASKS; i++) {
        must(lode_call(db, "print.often", LODE_ARGS(lode_str(text), lode_i64(LINES / TASKS)), NULL,
                       &id[i]));
    }
    must(lode_wait(db, id, TASKS, TASKS, LODE_FOREVER, NULL, NULL));
    lode_close(db);
}

static void
story(int argc, char **argv)
{
    char printed[256], line[2 * LINE_BYTES], want[LINE_BYTES + 4];
    struct child child;
    long count = 0;
    (void)argc, (void)argv;
    memset(text, 'x', LINE_BYTES);
    snprintf(want, sizeof want, ") %s\n", text);
    snprintf(printed, sizeof printed, "%s/stderr", story_files());
    pid_t supervisor = cluster_start(2, 64 << 20);
    child_start(&child, run, printed);
    child_must_end(&child);
    FILE *file = fopen(printed, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *rest = strstr(line, ") ");
        if (strncmp(line, "(print.often pid=", 17) != 0 || rest == NULL ||
            strcmp(rest, want) != 0) {
            give_up("line %ld is '%s'", count, line);
        }
        count++;
    }
    fclose(file);
    expect_eq(count, 2 * LINES);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
