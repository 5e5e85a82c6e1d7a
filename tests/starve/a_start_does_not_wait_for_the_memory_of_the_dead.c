/*
 * The kernel takes seconds to free the memory of a huge store. A cluster that starts where a dead
 * one has left such memory, in its own directory, beside it, or in a private cluster's, serves
 * meanwhile. What frees the memory holds nothing of the cluster's: it can end, and the next one
 * start.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 400, LARGE_BYTES = 80 << 20 };

static char fifo[PATH];

static void
make_dir(const char *path)
{
    expect(mkdir(path, 0700) == 0 || errno == EEXIST);
}

static void
make_file(const char *dir, const char *name, const void *bytes, size_t size, off_t room)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    expect(fd >= 0);
    expect_eq(write(fd, bytes, size), (ssize_t)size);
    expect(room == 0 || posix_fallocate(fd, 0, room) == 0);
    close(fd);
}

/* Shared memory beside that of our cluster, as a cluster leaves it. */
static void
leave_memory(const char *tag, char path_out[PATH])
{
    make_dir(story_shm());
    snprintf(path_out, PATH, "%s/%s", story_shm(), tag);
    make_dir(path_out);
    make_file(path_out, "segment-0", "", 0, LARGE_BYTES);
}

/* A private cluster, all of whose processes were killed at once. */
static void
leave_private_cluster(void)
{
    char dir[PATH], shm[PATH], owner[64], places[2 * PATH];
    leave_memory("00000000dead", shm);
    snprintf(dir, sizeof dir, "%s/lode-abcdef", getenv("XDG_RUNTIME_DIR"));
    make_dir(dir);
    int length = snprintf(owner, sizeof owner, "%d 1\n", (int)getpid());
    make_file(dir, "owner", owner, (size_t)length, 0);
    size_t size = strlen(shm) + 1;
    memcpy(places, shm, size);
    places[size++] = '\0'; /* no state directory */
    make_file(dir, "places", places, size, 0);
}

/* From here on programs that start cannot free large memory before hurry(). */
static void
be_slow(void)
{
    snprintf(fifo, sizeof fifo, "%s/slow", story_files());
    expect_eq(mkfifo(fifo, 0600), 0);
    setenv("SLOW_FREE", fifo, 1);
    setenv("LD_PRELOAD", story_tasks("starve"), 1);
}

/* Waits until a process is freeing large memory, and lets it. */
static void
hurry(void)
{
    int fd = open(fifo, O_WRONLY | O_CLOEXEC);
    expect(fd >= 0);
    close(fd);
}

static void
memory_of_a_private_cluster(void)
{
    leave_private_cluster();
    pid_t supervisor = cluster_start(1, 0);
    lode_close(cluster_open());
    hurry();
    cluster_stop(supervisor);
}

static void
memory_beside_a_store(void)
{
    char path[PATH];
    leave_memory("00000000beef", path);
    pid_t store = store_start(16 << 20);
    expect_eq(story_count_files(path), 0);
    daemon_stop(store);
    store = store_start(16 << 20);
    hurry();
    daemon_stop(store);
}

/* Ends the store while its supervisor cannot see it yet. */
static void
kill_full_store(pid_t supervisor)
{
    lode *db = store_open();
    lode_draft draft;
    must(lode_create(db, LARGE_BYTES, NULL, 0, &draft));
    memset(draft.data, 1, LARGE_BYTES);
    pid_t store = story_process("lode-store");
    story_stop_process(supervisor);
    kill(store, SIGKILL);
    lode_close(db);
    kill(supervisor, SIGCONT);
}

static void
memory_of_the_store_before(void)
{
    pid_t supervisor = cluster_start(1, 2 * LARGE_BYTES);
    kill_full_store(supervisor);
    lode_close(store_open());
    hurry();
    cluster_stop(supervisor);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    be_slow();
    memory_of_a_private_cluster();
    memory_beside_a_store();
    memory_of_the_store_before();
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
