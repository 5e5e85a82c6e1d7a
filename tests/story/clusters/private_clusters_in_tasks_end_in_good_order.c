/*
 * Tasks start private clusters, and load libraries there. However the cluster of the tasks ends,
 * those end in good order: they leave no process, no memory and no directory. Of those that are
 * just starting then, an empty directory at most stays: the program had not begun to use it.
 *
 * ctest: ci 20
 */
#include "api/cluster/files.h"
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* The fork of a program comes before this process calls tasks. */
enum ending { PROGRAM_IS_KILLED, IS_STOPPED, IS_KILLED, IS_STOPPED_AT_ONCE, ENDINGS };

static int clusters; /* that tasks start, each in a worker of its own */

/* Waits until the first task, or all of them, has come so far. */
static void
await_names(lode *db, const char *what, int count)
{
    for (int i = 0; i < count; i++) {
        char name[32];
        lode_id id;
        snprintf(name, sizeof name, "%s %d", what, i);
        must(lode_name_lookup(db, NULL, name, LODE_FOREVER, &id));
    }
}

static void
start_inner_ones(lode *db, bool at_once)
{
    must(lode_load(db, story_tasks("nest")));
    for (int i = 0; i < clusters; i++) {
        lode_args args = LODE_ARGS(lode_i64(i), lode_str(story_tasks("play")));
        must(lode_call(db, "nest.start_own", args, NULL, NULL));
    }
    await_names(db, at_once ? "begins" : "is up", at_once ? 1 : clusters);
}

static void
program(struct child *parent, void *arg)
{
    (void)arg;
    lode *db = NULL;
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_PRIVATE,
                                 .num_cpus = clusters,
                                 .capacity_bytes = 32 << 20};
    must(lode_open(NULL, &options, &db));
    start_inner_ones(db, false);
    child_signal(parent);
    child_await(parent);
}

static void
run_program(void)
{
    struct child child;
    child_start(&child, program, NULL);
    child_await(&child);
    child_kill(&child);
}

/* Directories of private clusters that stand where they are made, XDG_RUNTIME_DIR. */
static int
count_private_directories(void)
{
    char path[256];
    int count = 0;
    snprintf(path, sizeof path, "%s/..", story_dir());
    DIR *base = opendir(path);
    expect(base != NULL);
    for (struct dirent *entry; (entry = readdir(base)) != NULL;) {
        count += strncmp(entry->d_name, "lode-", 5) == 0;
    }
    closedir(base);
    return count;
}

/*
 * Without the log that private clusters share, which stays: on a busy machine a supervisor may say
 * there that a daemon did not end within its second.
 */
static int
count_entries(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        count += entry->d_name[0] != '.' && strcmp(entry->d_name, LODE_FILE_PRIVATE_LOG) != 0;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

static void
run(enum ending ending)
{
    if (ending == PROGRAM_IS_KILLED) {
        run_program();
    } else {
        pid_t supervisor = cluster_start(clusters, 32 << 20);
        lode *db = cluster_open();
        start_inner_ones(db, ending == IS_STOPPED_AT_ONCE);
        if (ending == IS_KILLED) {
            daemon_kill(supervisor);
        } else {
            cluster_stop(supervisor);
        }
        lode_close(db);
    }
    /* All that was started has come to this process, and ends now. */
    while (waitpid(-1, NULL, 0) > 0) {
    }
    expect_eq(errno, ECHILD);
    /* A killed supervisor leaves the directory of its own memory, empty, to the next start. */
    expect_eq(story_count_files(story_shm()), 0);
    expect_eq(count_entries(story_shm()), ending == IS_KILLED ? 1 : 0);
    expect_eq(count_entries(story_state()), ending == IS_KILLED ? 1 : 0);
    if (ending != IS_STOPPED_AT_ONCE) {
        expect_eq(count_private_directories(), 0);
    }
}

static void
story(int argc, char **argv)
{
    clusters = (int)count_argument(argc, argv, 1, 5);
    expect_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    for (enum ending ending = PROGRAM_IS_KILLED; ending < ENDINGS; ending++) {
        run(ending);
    }
    char log[256];
    snprintf(log, sizeof log, "%s/" LODE_FILE_PRIVATE_LOG, story_state());
    expect_lt(count_slow_ends(log), clusters); /* one in four at most, on a busy machine */
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 40, story);
}
