/*
 * A task has printed a line and has ended. The next one of the same worker kills it at once, so
 * that the worker has no time to send anything. The line comes out all the same, and once.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 40, LINES = 3 };

static char printed[256]; /* the file that is our stderr */

static void
call(lode *db, const char *text, lode_id *id_out)
{
    const lode_call_options options = {.struct_size = sizeof options, .max_retries = LODE_ZERO};
    must(lode_call(db, "print.whole_or_die", LODE_ARGS(lode_str(text)), &options, id_out));
}

static void
play_round(lode *db, int round)
{
    lode_id id[LINES], killer;
    int64_t value;
    char text[32];
    for (int i = 0; i < LINES; i++) {
        snprintf(text, sizeof text, "line %d", round * LINES + i);
        call(db, text, &id[i]);
    }
    call(db, "", &killer);
    for (int i = 0; i < LINES; i++) {
        must(lode_get_i64(db, id[i], LODE_FOREVER, &value));
        lode_drop(db, id[i]);
    }
    expect_eq(lode_get_i64(db, killer, LODE_FOREVER, &value), LODE_ECRASHED);
    lode_drop(db, killer);
}

static void
each_line_is_there_once(void)
{
    char line[256];
    int i, seen[ROUNDS * LINES] = {0};
    long pid;
    FILE *file = fopen(printed, "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "(print.whole_or_die pid=%ld) line %d\n", &pid, &i) == 2) {
            expect(i >= 0 && i < ROUNDS * LINES);
            seen[i]++;
        }
    }
    fclose(file);
    for (i = 0; i < ROUNDS * LINES; i++) {
        if (seen[i] != 1) {
            give_up("line %d came %d times", i, seen[i]);
        }
    }
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 32 << 20);
    int before = dup(STDERR_FILENO);
    snprintf(printed, sizeof printed, "%s/stderr", story_files());
    int fd = open(printed, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    expect(fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
    lode *db = cluster_open_with("print");
    for (int i = 0; i < ROUNDS; i++) {
        play_round(db, i);
    }
    lode_close(db);
    expect(dup2(before, STDERR_FILENO) == STDERR_FILENO);
    each_line_is_there_once();
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
