/*
 * The store runs in a pid namespace of its own, as in a container, and a program outside of it
 * makes an object: the store cannot tell its pid. As long as the program's session lives, nobody is
 * told that it has ended.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/namespaces.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 4096 };

/* The parent hears a byte once the store serves, and ends it by a signal. */
static void
run_store(struct child *parent, void *arg)
{
    int ends[2], status;
    char byte, ready[16];
    (void)arg;
    namespaces_leave();
    expect_eq(pipe(ends), 0);
    snprintf(ready, sizeof ready, "%d", ends[1]);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        namespaces_settle();
        execl(story_program("lode-store"), "lode-store", "--capacity", "16M", "--ready-fd", ready,
              (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    expect_eq(read(ends[0], &byte, 1), 1);
    child_signal(parent);
    expect_eq(waitpid(pid, &status, 0), pid);
    _exit(status != 0); /* a sanitizer that looks for leaks could not start a process any more */
}

static void
stat_says(const char *what)
{
    const char *argv[] = {"storectl", "stat", "it", NULL};
    char out[ROOM], err[ROOM];
    expect_eq(program_run(argv, out, err, ROOM), 0);
    expect_text(out, what);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct child child;
    lode_object_info info;
    lode_id id;
    namespaces_need();
    child_start(&child, run_store, NULL);
    child_await(&child);
    lode *db = store_open();
    must(lode_put(db, "kept", 4, 0, &id));
    must(lode_name_set(db, NULL, "it", id, 0));
    must(lode_stat(db, id, &info));
    expect_eq(info.maker_pid, -1);
    stat_says("maker:      a process that the store's pid namespace does not have");
    lode_close(db);

    db = store_open();
    must(lode_name_lookup(db, NULL, "it", 0, &id));
    do {
        must(lode_stat(db, id, &info));
    } while (info.maker_pid != 0); /* until the store has seen the end of the first session */
    stat_says("maker:      its session has ended");
    lode_close(db);
    kill(story_process("lode-store"), SIGTERM);
    child_must_end(&child);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 5, story);
}
