/*
 * Somebody removes all files in the directory of a private cluster, as a cleaner of /tmp may. The
 * cluster puts them back: a killed worker is replaced, the program's next tasks run, a further
 * session attaches, `lode status` finds the cluster, and nothing is left at its end.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/removed_files.h"
#include "tests/support/story.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 8192 };

static const char *const names[] = {"supervisor.lock", "store.lock", "scheduler.lock", "store.sock",
                                    "scheduler.sock",  "owner",      "places"};
enum { NAMES = sizeof names / sizeof names[0] };

/* A file that is being put back may get its final name meanwhile. */
static void
remove_all(const char *dir)
{
    DIR *listed = opendir(dir);
    expect(listed != NULL);
    for (struct dirent *entry; (entry = readdir(listed)) != NULL;) {
        if (entry->d_name[0] != '.') {
            expect(unlinkat(dirfd(listed), entry->d_name, 0) == 0 || errno == ENOENT);
        }
    }
    closedir(listed);
}

/* Has no session with the scheduler, and waits for a result that the program has asked for. */
static void
expect_awaited(const char *dir, lode_id result)
{
    lode_open_options options = {.struct_size = sizeof options, .flags = LODE_OPEN_ATTACH};
    lode *db = NULL;
    lode_view view;
    must(lode_open(dir, &options, &db));
    fails(lode_get(db, result, 1500, &view), LODE_ETIMEDOUT);
    lode_close(db);
}

static void
expect_found(const char *dir)
{
    static const char *const status[] = {"lode", "status", NULL};
    char out[ROOM], err[ROOM], text[256];
    expect_eq(program_run(status, out, err, ROOM), 0);
    snprintf(text, sizeof text, "Cluster: %s (private, of ", dir);
    expect_text(out, text);
    expect_text(out, "healthy   scheduler");
}

static void
program(struct child *parent, void *arg)
{
    char dir[64], said[256];
    lode_id pending;
    (void)arg;
    child_await(parent);
    lode *db = private_open();
    snprintf(dir, sizeof dir, "%s", lode_cluster_dir(db));
    must(lode_load(db, story_tasks("play")));
    for (int i = 0; i < 3; i++) {
        remove_all(dir);
        expect_back(dir, names, NAMES);
        kill_worker();
        increment(db);
    }
    snprintf(said, sizeof said, "%s/said", story_files());
    expect_eq(mkfifo(said, 0600), 0);
    must(lode_call(db, "play.loop_until_cancelled", LODE_ARGS(lode_str(said)), NULL, &pending));
    expect_awaited(dir, pending);
    expect_found(dir);
    must(lode_cancel(db, pending, 0));
    /* The end meets files that are removed, and not yet put back. */
    remove_all(dir);
    if (arg == NULL) {
        lode_close(db);
    }
}

static void
story(int argc, char **argv)
{
    struct child child;
    (void)argc, (void)argv;
    expect_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* of clusters whose program has ended */
    for (int closes = 0; closes < 2; closes++) {
        char said[256];
        child_start(&child, program, closes ? NULL : &child);
        child_signal(&child);
        child_must_end(&child);
        while (waitpid(-1, NULL, 0) > 0) {
        }
        snprintf(said, sizeof said, "%s/said", story_files());
        unlink(said);
        expect_eq(story_count_files(story_shm()), 0);
        expect_eq(story_count_files(story_dir()), 0);
        expect_eq(story_count_state(), 0);
    }
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
