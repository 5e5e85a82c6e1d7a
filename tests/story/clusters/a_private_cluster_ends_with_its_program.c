/*
 * Where nothing runs, lode_open() starts a cluster of the program's own. The cluster ends with the
 * program, be it by lode_close(), by exit, or by kill -9. It leaves no process and no file, and
 * says nothing.
 *
 * ctest: ci 20
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *
said_path(void)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/said", story_files());
    return path;
}

/* A cluster that has the story's file as its stderr. */
static lode *
open_listened_to(void)
{
    int own = dup(STDERR_FILENO);
    int said = open(said_path(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    expect(own >= 0 && said >= 0);
    expect(dup2(said, STDERR_FILENO) == STDERR_FILENO);
    lode *db = private_open();
    expect(dup2(own, STDERR_FILENO) == STDERR_FILENO);
    close(own);
    close(said);
    return db;
}

static void
work(lode *db)
{
    lode_id result;
    int64_t value;
    must(lode_load(db, story_tasks("play")));
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &result));
    must(lode_get_i64(db, result, LODE_FOREVER, &value));
    expect_eq(value, 2);
}

enum ending { CLOSES, EXITS, IS_KILLED, IS_KILLED_AT_ONCE, ENDINGS };

static void
program(struct child *parent, void *arg)
{
    enum ending ending = *(enum ending *)arg;
    if (ending == IS_KILLED_AT_ONCE) {
        child_signal(parent); /* while it starts */
    }
    lode *db = open_listened_to();
    expect(strcmp(lode_cluster_dir(db), story_dir()) != 0);
    work(db);
    expect_eq(waitpid(-1, NULL, WNOHANG), -1); /* the cluster is no child of the program's */
    if (ending != IS_KILLED_AT_ONCE) {
        child_signal(parent);
    }
    child_await(parent);
    if (ending == CLOSES) {
        lode_close(db);
        child_signal(parent);
        child_await(parent);
    }
    _exit(0);
}

/*
 * All that the program started has come to this process, and ends now. True: late, as it may on a
 * busy machine now and then: then its supervisor says so.
 */
static bool
expect_nothing_left(void)
{
    while (waitpid(-1, NULL, 0) > 0) {
    }
    expect_eq(errno, ECHILD);
    expect_eq(story_processes(NULL, NULL, 0), 0);
    expect_eq(story_count_files(story_shm()), 0);
    expect_eq(story_count_files(story_dir()), 0);
    expect_eq(story_count_state(), 0);
    static int slow;
    int before = slow;
    slow = count_slow_ends(said_path());
    return slow > before;
}

static bool
run(enum ending ending)
{
    struct child child;
    child_start(&child, program, &ending);
    child_await(&child);
    if (ending == IS_KILLED || ending == IS_KILLED_AT_ONCE) {
        child_kill(&child);
    } else {
        child_signal(&child);
        if (ending == CLOSES) {
            child_await(&child);
            child_signal(&child);
        }
        child_must_end(&child);
    }
    return expect_nothing_left();
}

static const char *const names[2] = {"first", "second"};

static void
neighbour(struct child *parent, void *arg)
{
    int mine = *(int *)arg;
    lode *db = private_open();
    lode_id id, other;
    lode_view view;
    must(lode_put(db, "mine", 4, 0, &id));
    must(lode_name_set(db, NULL, names[mine], id, 0));
    child_say(parent, &id, sizeof id);
    child_hear(parent, &other, sizeof other); /* both have a name now */
    fails(lode_get(db, other, 0, &view), LODE_EGONE);
    fails(lode_delete(db, other), LODE_EGONE);
    fails(lode_name_lookup(db, NULL, names[1 - mine], 0, &other), LODE_ENOTFOUND);
    must(lode_name_lookup(db, NULL, names[mine], 0, &other));
    lode_close(db);
}

/* Two programs, two clusters: neither finds the other's names, nor takes its ids for its own. */
static void
two_programs_do_not_meet(void)
{
    int numbers[2] = {0, 1};
    lode_id ids[2];
    struct child children[2];
    for (int i = 0; i < 2; i++) {
        child_start(&children[i], neighbour, &numbers[i]);
    }
    for (int i = 0; i < 2; i++) {
        child_hear(&children[i], &ids[i], sizeof ids[i]);
    }
    for (int i = 0; i < 2; i++) {
        child_say(&children[i], &ids[1 - i], sizeof ids[i]);
        child_must_end(&children[i]);
    }
    (void)expect_nothing_left();
}

static void
refused(int32_t num_cpus, uint64_t capacity_bytes, int32_t max_workers, const char *sentence)
{
    lode *db = NULL;
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_PRIVATE,
                                 .num_cpus = num_cpus,
                                 .capacity_bytes = capacity_bytes,
                                 .max_workers = max_workers};
    fails(lode_open(NULL, &options, &db), LODE_EINVAL);
    expect_text(lode_last_error(), sentence);
}

/* Before anything is started. */
static void
what_no_cluster_can_have_is_refused(void)
{
    refused(-1, 0, 0, "-1 CPUs");
    refused(8193, 0, 0, "8193 CPUs");
    refused(0, (1 << 20) - 1, 0, "1048575 bytes");
    refused(0, UINT64_C(1) << 60, 0, "1152921504606846976 bytes");
    refused(0, 0, -1, "-1 workers");
    refused(0, 0, 4097, "4097 workers");
    (void)expect_nothing_left();
}

static void
story(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 2), late[ENDINGS] = {0};
    lode *db = NULL;
    expect_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* of clusters whose program has ended */
    lode_open_options attach = {.struct_size = sizeof attach, .flags = LODE_OPEN_ATTACH};
    fails(lode_open(NULL, &attach, &db), LODE_EDOWN);
    fails(lode_open(story_dir(), NULL, &db), LODE_EDOWN);
    for (long i = 0; i < rounds; i++) {
        for (enum ending ending = CLOSES; ending < ENDINGS; ending++) {
            late[ending] += run(ending);
        }
    }
    for (enum ending ending = CLOSES; ending < ENDINGS; ending++) {
        expect_lt(late[ending], rounds);
    }
    what_no_cluster_can_have_is_refused();
    two_programs_do_not_meet();
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
