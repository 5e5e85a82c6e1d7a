/*
 * `lode status` without a cluster in the default directory shows the private one of the program
 * that it was started from; from elsewhere it lists those that there are; and `lode stop` ends any
 * of them.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 8192 };

static const char *const status[] = {"lode", "status", NULL};
static const char *const status_json[] = {"lode", "status", "--json", NULL};

static void
expect_own_status(lode *db)
{
    char out[ROOM], err[ROOM], text[256];
    expect_eq(program_run(status, out, err, ROOM), 0);
    snprintf(text, sizeof text, "Cluster: %s (private, of ", lode_cluster_dir(db));
    expect_text(out, text);
    snprintf(text, sizeof text, "pid %d)", (int)getpid());
    expect_text(out, text);
    expect_text(out, "healthy   scheduler");
    expect_eq(program_run(status_json, out, err, ROOM), 0);
    expect_text(out, "\"private\": true");
    snprintf(text, sizeof text, "\"owner_pid\": %d", (int)getpid());
    expect_text(out, text);
}

/* A program with a cluster of its own; it says where that is. */
static void
program(struct child *parent, void *arg)
{
    char dir[64] = {0};
    (void)arg;
    lode *db = private_open();
    expect_own_status(db);
    snprintf(dir, sizeof dir, "%s", lode_cluster_dir(db));
    child_say(parent, dir, sizeof dir);
    child_await(parent);
    lode_close(db);
}

static void
another_lists_them(struct child *children, char (*dirs)[64], int count)
{
    char out[ROOM], err[ROOM], text[64];
    expect_eq(program_run(status, out, err, ROOM), 0);
    expect_text(err, "choose one of");
    for (int i = 0; i < count; i++) {
        expect_text(out, dirs[i]);
        snprintf(text, sizeof text, "(pid %d)", (int)children[i].pid);
        expect_text(out, text);
    }
    expect_eq(program_run(status_json, out, err, ROOM), 0);
    expect_text(out, "\"schema\": \"lode.clusters/1\"");
}

static void
one_is_shown_by_its_directory(const char *dir)
{
    const char *argv[] = {"lode", "status", "--dir", dir, NULL};
    char out[ROOM], err[ROOM];
    expect_eq(program_run(argv, out, err, ROOM), 0);
    expect_text(out, dir);
    expect_text(out, "0/1 CPU");
}

/* `lode stop --dir` ends a private cluster too; its program then gets LODE_EDOWN. */
static void
a_private_one_can_be_stopped(void)
{
    char out[ROOM], err[ROOM], dir[64];
    lode_id id;
    lode_view view;
    lode *db = private_open();
    must(lode_id_random(&id));
    snprintf(dir, sizeof dir, "%s", lode_cluster_dir(db));
    const char *argv[] = {"lode", "stop", "--dir", dir, NULL};
    expect_eq(program_run(argv, out, err, ROOM), 0);
    expect_text(out, "stopped the cluster in ");
    fails(lode_get(db, id, LODE_FOREVER, &view), LODE_EDOWN);
    expect_eq(access(dir, F_OK), -1);
    lode_close(db);
}

/* Of ours: other programs of this user may have theirs, in /tmp. */
static void
nothing_is_left_to_show(void)
{
    char out[ROOM], err[ROOM];
    int status_code = program_run(status, out, err, ROOM);
    expect_text(err, "no cluster runs in");
    if (status_code != 0) {
        expect_eq(status_code, 5);
        expect_eq(strlen(out), 0);
    }
    expect(strstr(out, getenv("XDG_RUNTIME_DIR")) == NULL);
}

static void
story(int argc, char **argv)
{
    struct child children[2];
    char dirs[2][64];
    pid_t pids[32];
    (void)argc, (void)argv;
    nothing_is_left_to_show();
    for (int i = 0; i < 2; i++) {
        child_start(&children[i], program, NULL);
        child_hear(&children[i], dirs[i], sizeof dirs[i]);
    }
    another_lists_them(children, dirs, 2);
    one_is_shown_by_its_directory(dirs[1]);
    for (int i = 0; i < 2; i++) {
        child_signal(&children[i]);
        child_must_end(&children[i]);
    }
    int count = story_processes(NULL, pids, 32);
    for (int i = 0; i < count && i < 32; i++) {
        expect(story_wait_end(pids[i], bound_ms(5000)));
    }
    nothing_is_left_to_show();
    a_private_one_can_be_stopped();
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
