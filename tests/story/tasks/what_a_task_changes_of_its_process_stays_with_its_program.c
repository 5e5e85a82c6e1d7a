/*
 * Directory, umask, environment, locale, signals and timers that a task has changed are as before
 * when the worker runs a task of another program, in whose directory that runs. So are rounding,
 * buffers, the time zone and locked memory. Where a task has changed what cannot be put back,
 * another worker runs the other's task.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const passing[] = {"buffer", "rounding", "stack", "name", "zone", "lock"};
static const char *const lasting[] = {"stdout", "stderr", "wide",  "limit", "priority",
                                      "timer",  "file",   "input", "owed",  "slack"};

/* How a task of the session finds its worker; gives the worker's pid. */
static int64_t
ask(lode *db, const char *function, char text_out[2048])
{
    lode_id ids[2];
    lode_view view;
    int64_t pid = 0;
    must(lode_call(db, function, LODE_NO_ARGS, NULL, ids));
    must(lode_get_i64(db, ids[0], LODE_FOREVER, &pid));
    must(lode_get(db, ids[1], LODE_FOREVER, &view));
    snprintf(text_out, 2048, "%.*s", (int)view.size, (const char *)view.data);
    lode_release(&view);
    return pid;
}

static int64_t
tell(lode *db, char text_out[2048])
{
    return ask(db, "alter.tell", text_out);
}

/* What program a's task has done, b's does not find. */
static void
spoil(lode *a, lode *b, const char *what, bool lasts)
{
    static char first[2048], other[2048];
    lode_id id;
    int64_t pid = 0;
    ask(b, "alter.taste", first);
    expect(strncmp(first, "1 1 ", 4) == 0);
    must(lode_call(a, "alter.spoil", LODE_ARGS(lode_str(what)), NULL, &id));
    must(lode_get_i64(a, id, LODE_FOREVER, &pid));
    expect_eq(ask(b, "alter.taste", other) != pid, lasts);
    expect_text(other, first);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    static char first[2048], altered[2048], other[2048], want[2048];
    lode_id id;
    int64_t pid = 0;
    pid_t supervisor = cluster_start(1, 32 << 20);
    expect_eq(chdir(story_files()), 0);
    lode *a = cluster_open_with("alter"), *b = cluster_open();
    tell(a, first);
    snprintf(want, sizeof want, "%s ", story_files());
    expect(strncmp(first, want, strlen(want)) == 0);
    must(lode_call(a, "alter.all", LODE_NO_ARGS, NULL, &id));
    must(lode_get_i64(a, id, LODE_FOREVER, &pid));
    expect_eq(tell(a, altered), pid);
    expect_text(altered, "/ 000 1 0 # C.UTF-8 ignored 1 1");
    expect_eq(tell(b, other), pid);
    expect_text(other, first);
    expect_eq(tell(a, other), pid);
    expect_text(other, first);
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        spoil(a, b, passing[i], false);
    }
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
        spoil(a, b, lasting[i], true);
    }
    lode_close(a);
    lode_close(b);
    expect_eq(chdir("/"), 0);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
