/*
 * lode_open(NULL) beside a cluster that is starting, or whose store is being replaced, waits for it
 * and starts no private one beside it; where it does not come up, the error names the supervisor.
 * And a LODE_DIR that can be no cluster's is an error, not a private cluster.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 8 };

/* Does not wait until it serves: only until it is there. */
static pid_t
begin_start(void)
{
    char lock[256];
    int64_t end = now_ms() + bound_ms(5000);
    snprintf(lock, sizeof lock, "%s/supervisor.lock", story_dir());
    pid_t pid = fork();
    if (pid == 0) {
        execl(story_program("lode"), "lode", "start", "-c", "1", "-m", "16M", NULL);
        _exit(127);
    }
    struct flock held;
    int fd = -1;
    do {
        if (now_ms() > end) {
            give_up("the supervisor does not come up");
        }
        sched_yield();
        fd = fd < 0 ? open(lock, O_RDONLY | O_CLOEXEC) : fd;
        held = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
    } while (fd < 0 || fcntl(fd, F_OFD_GETLK, &held) != 0 || held.l_type == F_UNLCK);
    close(fd);
    return pid;
}

static lode *
open_shared(void)
{
    lode *db = NULL;
    must(lode_open(NULL, NULL, &db));
    expect_eq(strcmp(lode_cluster_dir(db), story_dir()), 0);
    return db;
}

static void
stop(pid_t supervisor)
{
    int status;
    kill(supervisor, SIGTERM);
    expect_eq(waitpid(supervisor, &status, 0), supervisor);
    expect_eq(status, 0);
}

static void
increment(lode *db)
{
    lode_id result;
    int64_t value;
    must(lode_load(db, story_tasks("play")));
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(41)), NULL, &result));
    must(lode_get_i64(db, result, 20000, &value));
    expect_eq(value, 42);
}

static void
one_that_starts_is_waited_for(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        pid_t supervisor = begin_start();
        lode *db = open_shared();
        increment(db);
        lode_close(db);
        stop(supervisor);
    }
}

static void
one_whose_store_is_replaced_is_waited_for(pid_t supervisor)
{
    pid_t store = story_process("lode-store");
    kill(store, SIGKILL);
    expect(story_wait_end(store, bound_ms(5000)));
    lode_close(open_shared());
    expect_eq(kill(supervisor, 0), 0);
}

static void
one_that_does_not_come_up_is_named(pid_t supervisor)
{
    char name[32];
    lode *db = NULL;
    pid_t store = story_process("lode-store");
    story_stop_process(supervisor);
    kill(store, SIGKILL);
    snprintf(name, sizeof name, "(pid %d)", (int)supervisor);
    fails(lode_open(NULL, NULL, &db), LODE_EDOWN);
    expect_text(lode_last_error(), name);
    kill(supervisor, SIGCONT);
    lode_close(open_shared());
}

static void
refused(const char *dir, lode_err expected)
{
    lode *db = NULL;
    setenv("LODE_DIR", dir, 1);
    fails(lode_open(NULL, NULL, &db), expected);
    expect_text(lode_last_error(), "LODE_DIR");
    expect_text(lode_last_error(), dir);
}

static void
a_wrong_directory_is_an_error(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/file", story_files());
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    refused(path, LODE_EINVAL);
    strcat(path, "/d");
    refused(path, LODE_EINVAL);
    snprintf(path, sizeof path, "%s/none/d", story_files());
    refused(path, LODE_EINVAL);
    snprintf(path, sizeof path, "%s/link", story_files());
    expect(symlink("/nowhere/at/all", path) == 0);
    refused(path, LODE_EINVAL);
    setenv("LODE_DIR", story_dir(), 1);
}

/* `lode start` refuses each of them: two programs would never see each other's objects. */
static void
a_directory_that_is_not_ours_alone_is_an_error(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/open", story_files());
    expect(mkdir(path, 0700) == 0);
    expect(chmod(path, 0755) == 0);
    refused(path, LODE_EDENIED);
    expect(chmod(path, 01777) == 0);
    refused(path, LODE_EDENIED);
    expect(chmod(path, 0700) == 0);
    if (geteuid() == 0) {
        expect(chown(path, 65534, 65534) == 0);
        refused(path, LODE_EDENIED);
    }
    setenv("LODE_DIR", story_dir(), 1);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    a_wrong_directory_is_an_error();
    a_directory_that_is_not_ours_alone_is_an_error();
    one_that_starts_is_waited_for();
    pid_t supervisor = cluster_start(1, 16 << 20);
    one_whose_store_is_replaced_is_waited_for(supervisor);
    one_that_does_not_come_up_is_named(supervisor);
    stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 40, story);
}
