/*
 * A tmpfs of 1 MiB: the store refuses to start and says what to do, or it serves what fits; nobody
 * dies of SIGBUS. A tmpfs that others fill up later is LODE_EFULL.
 * ctest: root
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 4096, PIECE = 256 << 10, PIECES_MAX = 1024 };

static void
mount_tmpfs(const char *size)
{
    char options[64];
    snprintf(options, sizeof options, "size=%s,mode=0700", size);
    if (mount("tmpfs", story_shm(), "tmpfs", 0, options) != 0) {
        skip("cannot mount a tmpfs: %s", strerror(errno));
    }
}

static void
expect_refusal(const char *capacity)
{
    const char *argv[] = {"lode-store", capacity == NULL ? NULL : "--capacity", capacity, NULL};
    char out[ROOM];
    char err[ROOM];
    int status = program_run(argv, out, err, ROOM);
    expect_ne(status, 0);
    expect_lt(status, 128); /* no signal */
    expect_text(err, "--shm-size");
}

/* Until the store says no: by an error, in every size. */
static int
put_until_full(lode *db)
{
    static char bytes[PIECE];
    int count = 0;
    for (; count < PIECES_MAX; count++) {
        lode_id id;
        lode_err err = lode_put(db, bytes, sizeof bytes, 0, &id);
        if (err != LODE_OK) {
            expect_eq(err, LODE_EFULL);
            return count;
        }
    }
    give_up("%d pieces of %d bytes went into a store without room", count, PIECE);
}

static void
fill_file(const char *path)
{
    static char bytes[PIECE];
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    expect(fd >= 0);
    size_t size = sizeof bytes;
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n <= 0) {
            size /= 2;
        }
    }
    close(fd);
}

static void
others_fill_the_tmpfs(void)
{
    char path[256];
    pid_t store = store_start(24 << 20);
    lode *db = store_open();
    lode_id id;
    must(lode_put(db, "before", 6, 0, &id));
    snprintf(path, sizeof path, "%s/of-somebody-else", story_shm());
    fill_file(path);
    put_until_full(db);
    lode_view view;
    must(lode_get(db, id, 0, &view));
    expect(memcmp(view.data, "before", 6) == 0);
    lode_release(&view);
    unlink(path);
    lode_close(db);
    db = store_open();
    expect_lt(0, put_until_full(db)); /* there is room again */
    lode_close(db);
    daemon_stop(store);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    if (unshare(CLONE_NEWNS) != 0) {
        skip("no mount namespace of our own: %s", strerror(errno));
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        skip("cannot make the mounts private: %s", strerror(errno));
    }
    mount_tmpfs("1m");
    expect_refusal("1073741824");
    expect_refusal(NULL);
    expect_eq(story_count_files(story_shm()), 0);
    umount2(story_shm(), MNT_DETACH);

    mount_tmpfs("32m");
    others_fill_the_tmpfs();
    umount2(story_shm(), MNT_DETACH);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
