/*
 * A constructor that does not return: `lode status` and `lode workers` show the worker that opens
 * the library as loading. When its time is over the load fails, with the file and the reason, and
 * that worker is ended. So it is where a task loads the library, in a cluster of one CPU.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

static char said[1 << 16], complained[1 << 16];

/* Asks until the command says that a worker opens the library. */
static void
await_loading(const char *command)
{
    const char *const argv[] = {"lode", command, NULL};
    int64_t end = now_ms() + bound_ms(10000);
    do {
        expect_eq(program_run(argv, said, complained, sizeof said), 0);
    } while (strstr(said, "loading") == NULL && now_ms() < end);
    expect_text(said, "loading");
}

static void
expect_reason(const char *sentence)
{
    expect_text(sentence, story_tasks("hang"));
    expect_text(sentence, "was not open after 2 s: a constructor of it does not return");
    pid_t pid = 0;
    const char *at = strstr(sentence, "(pid ");
    expect(at != NULL && sscanf(at, "(pid %d)", &pid) == 1);
    expect(story_wait_end(pid, bound_ms(5000)));
}

static void
loader(struct child *parent, void *arg)
{
    const char *const argv[] = {"lode", "load", story_tasks("hang"), NULL};
    (void)parent, (void)arg;
    expect_eq(program_run(argv, said, complained, sizeof said), 1);
    expect_reason(complained);
}

static void
story(int argc, char **argv)
{
    struct child child;
    lode_id result;
    int64_t value;
    lode_view view;
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start_patient(1, 32 << 20, 2);
    child_start(&child, loader, NULL);
    await_loading("workers");
    await_loading("status");
    expect_text(said, story_tasks("hang"));
    child_must_end(&child);

    lode *db = cluster_open();
    must(lode_load(db, story_tasks("twin")));
    lode_args args = LODE_ARGS(lode_str(story_tasks("hang")));
    must(lode_call(db, "twin.load", args, NULL, &result));
    fails(lode_get(db, result, LODE_FOREVER, &view), LODE_ETASK);
    expect_reason(lode_last_error());
    must(lode_call(db, "twin.version", LODE_NO_ARGS, NULL, &result));
    must(lode_get_i64(db, result, LODE_FOREVER, &value));
    expect_eq(value, 1);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
