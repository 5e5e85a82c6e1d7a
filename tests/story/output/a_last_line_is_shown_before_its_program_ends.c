/*
 * A task writes a line that has no line feed, and ends. Its program has the result sooner than the
 * scheduler hears of the end, and closes its session at once. The line is shown all the same.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 100, TASKS = 20 };

static char printed[256]; /* the file that is our stderr */

static void
play_round(void)
{
    lode_id id[TASKS];
    lode *db = cluster_open();
    for (int i = 0; i < TASKS; i++) {
        must(lode_call(db, "print.part", LODE_ARGS(lode_str("no end")), NULL, &id[i]));
    }
    must(lode_wait(db, id, TASKS, TASKS, LODE_FOREVER, NULL, NULL));
    lode_close(db);
}

static int
count_lines(void)
{
    char line[256];
    int count = 0;
    FILE *file = fopen(printed, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *text = strstr(line, ") ");
        expect(text != NULL && strcmp(text, ") no end\n") == 0);
        count++;
    }
    fclose(file);
    return count;
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(2, 32 << 20);
    cluster_offer("print");
    int before = dup(STDERR_FILENO);
    snprintf(printed, sizeof printed, "%s/stderr", story_files());
    story_stderr_into(printed);
    for (int i = 0; i < ROUNDS; i++) {
        play_round();
    }
    expect(dup2(before, STDERR_FILENO) == STDERR_FILENO);
    expect_eq(count_lines(), ROUNDS * TASKS);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
