/*
 * Every process of a private cluster is killed at once, its program included, as a batch system or
 * a container runtime does: nobody is left to clear away. The next start of any cluster does, and
 * `lode sweep` does; neither touches a cluster that runs.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 4096, PROCESSES = 64 };

/* Somebody removes what a sweeper looks for: it is there again before the cluster dies. */
static void
rob(lode *db)
{
    static const char *const names[] = {"owner", "places", "supervisor.lock"};
    for (int i = 0; i < 3; i++) {
        char path[256];
        struct stat before, now;
        int64_t end = now_ms() + bound_ms(5000);
        snprintf(path, sizeof path, "%s/%s", lode_cluster_dir(db), names[i]);
        expect_eq(lstat(path, &before), 0);
        expect_eq(unlink(path), 0);
        while (lstat(path, &now) != 0 || now.st_size != before.st_size) {
            expect_lt(now_ms(), end);
            sched_yield();
        }
    }
}

/* `arg` points to true if its cluster is robbed first. */
static void
program(struct child *parent, void *arg)
{
    lode *db = NULL;
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_PRIVATE,
                                 .num_cpus = 1,
                                 .capacity_bytes = 32 << 20};
    lode_id id;
    must(lode_open(NULL, &options, &db));
    if (*(const bool *)arg) {
        rob(db);
    }
    must(lode_put(db, "left", 4, 0, &id));
    must(lode_load(db, story_tasks("play")));
    child_signal(parent);
    child_await(parent); /* only in the cluster that lives on */
    must(lode_put(db, "more", 4, 0, &id));
    must(lode_load(db, story_tasks("play")));
    child_signal(parent);
    child_await(parent);
}

static void
die_at_once(bool is_robbed)
{
    struct child child;
    pid_t pids[PROCESSES];
    child_start(&child, program, &is_robbed);
    child_await(&child);
    int count = story_processes(NULL, pids, PROCESSES);
    expect_le(5, count);
    for (int i = 0; i < count; i++) { /* so that none sees another's end */
        story_stop_process(pids[i]);
    }
    /*
     * The supervisor comes last: at the end of a parent the kernel sends SIGCONT to its children.
     */
    pid_t supervisor = story_process("lode");
    for (int i = 0; i < count; i++) {
        if (pids[i] != supervisor) {
            kill(pids[i], SIGKILL);
        }
    }
    kill(supervisor, SIGKILL);
    child_join(&child, true);
    for (int i = 0; i < count; i++) {
        expect(story_wait_end(pids[i], bound_ms(5000)));
    }
    expect_lt(0, story_count_files(story_shm()));
    expect_lt(0, story_count_state());
}

static void
expect_nothing_left(void)
{
    expect_eq(story_count_files(story_shm()), 0);
    expect_eq(story_count_state(), 0);
}

static void
run(const char *what, const char *option, char out[ROOM])
{
    char err[ROOM];
    const char *argv[] = {"lode", what, option, NULL};
    expect_eq(program_run(argv, out, err, ROOM), 0);
}

static int
count_lines(const char *text)
{
    int count = 0;
    while ((text = strchr(text, '\n')) != NULL) {
        text++;
        count++;
    }
    return count;
}

/*
 * The directories of the dead one are written in its own, so the sweeper's environment does not
 * matter.
 */
static void
another_environment_sweeps(void)
{
    char out[ROOM], shm[256], state[256];
    snprintf(shm, sizeof shm, "%s", story_shm());
    snprintf(state, sizeof state, "%s", story_state());
    die_at_once(true);
    setenv("LODE_SHM_DIR", "/dev/shm/of-another-environment", 1);
    setenv("LODE_STATE_DIR", story_files(), 1);
    run("sweep", NULL, out);
    setenv("LODE_SHM_DIR", shm, 1);
    setenv("LODE_STATE_DIR", state, 1);
    expect_eq(count_lines(out), 1);
    expect_nothing_left();
}

static void
a_private_cluster_sweeps(void)
{
    die_at_once(false);
    lode_close(private_open());
    while (story_processes(NULL, NULL, 0) > 0) {
        pid_t pid;
        if (story_processes(NULL, &pid, 1) > 0) {
            story_wait_end(pid, bound_ms(5000));
        }
    }
    expect_nothing_left();
}

static void
the_command_sweeps(void)
{
    char out[ROOM];
    die_at_once(false);
    int before = story_count_files(story_shm());
    run("sweep", "--dry-run", out);
    expect_eq(count_lines(out), 1);
    expect_text(out, " of shared memory\n");
    expect_eq(story_count_files(story_shm()), before);
    run("sweep", NULL, out);
    expect_text(out, "removed");
    expect_nothing_left();
    run("sweep", "--json", out);
    expect_text(out, "\"dead\": []");
}

/* A lone store, too: whatever starts there. */
static void
a_store_sweeps_and_what_runs_stays(void)
{
    char out[ROOM];
    struct child living;
    bool is_robbed = false;
    die_at_once(false);
    pid_t store = store_start(16 << 20);
    child_start(&living, program, &is_robbed);
    child_await(&living);
    lode *db = store_open();
    lode_id id;
    lode_view view;
    must(lode_put(db, "kept", 4, 0, &id));
    run("sweep", NULL, out);
    must(lode_get(db, id, 0, &view));
    lode_release(&view);
    lode_close(db);
    lode_close(store_open());
    child_signal(&living); /* its cluster serves still */
    child_await(&living);
    child_kill(&living);
    daemon_stop(store);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    a_private_cluster_sweeps();
    the_command_sweeps();
    another_environment_sweeps();
    a_store_sweeps_and_what_runs_stays();
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
