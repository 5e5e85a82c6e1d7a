/*
 * A program closes descriptors which are not its own, and opens files in their place. It keeps its
 * session as long as it leaves the high numbers alone. When it closes those, too, it hears that the
 * session is over. Nothing is written into its files. In a worker, where the code of users runs,
 * only nng's descriptors (sockets, epoll, eventfd) have low numbers.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST = 3, FILES = 64, HIGH = 900 };

static void
program(struct child *parent, void *arg)
{
    int fd[FILES];
    lode_id missing;
    lode_view view;
    lode *db = store_open();
    (void)arg;
    must(lode_id_random(&missing));
    int own =
        fcntl(parent->to, F_DUPFD_CLOEXEC, FIRST + FILES); /* the story's pipe, out of the way */
    expect(own >= 0);
    expect_eq(close_range(FIRST, FIRST + FILES - 1, 0), 0);
    for (int i = 0; i < FILES; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/file-%d", story_files(), i);
        fd[i] = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        expect_eq(fd[i], FIRST + i);
    }
    fails(lode_get(db, missing, 1, &view), LODE_ETIMEDOUT);
    expect_eq(close_range(HIGH, ~0U, 0), 0);
    bool is_put = true;
    for (int i = 0; i < 100 && is_put; i++) {
        lode_id id;
        is_put = lode_put(db, "x", 1, 0, &id) == LODE_OK;
        bool is_there = lode_get(db, missing, 1, &view) == LODE_OK; /* says that it waits */
        expect(!is_there);
    }
    expect(!is_put);
    for (int i = 0; i < FILES; i++) {
        struct stat stat;
        expect_eq(fstat(fd[i], &stat), 0);
        expect_eq(stat.st_size, 0);
    }
    expect_eq(write(own, "+", 1), 1);
    _exit(0);
}

/* No pipe, no file, no shared memory. */
static void
expect_low_numbers_are_nngs(pid_t worker)
{
    for (int fd = FIRST; fd < HIGH; fd++) {
        char path[64], target[256] = "";
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)worker, fd);
        if (readlink(path, target, sizeof target - 1) > 0 && strncmp(target, "socket:", 7) != 0 &&
            strncmp(target, "anon_inode:[event", 17) != 0) {
            give_up("descriptor %d of a worker is %s", fd, target);
        }
    }
}

static void
a_worker_hangs_its_own_high(void)
{
    pid_t cluster = cluster_start(1, 16 << 20);
    lode *db = cluster_open_with("play");
    int64_t two = 0;
    lode_id result;
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &result));
    must(lode_get_i64(db, result, LODE_FOREVER, &two));
    expect_eq(two, 2);
    expect_low_numbers_are_nngs(story_process("lode-worker"));
    lode_close(db);
    cluster_stop(cluster);
}

static void
story(int argc, char **argv)
{
    struct child child;
    (void)argc, (void)argv;
    a_worker_hangs_its_own_high();
    pid_t store = store_start(16 << 20);
    child_start(&child, program, NULL);
    child_await(&child);
    child_must_end(&child);
    lode *db = store_open();
    await_stat(db, sessions, 1);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
