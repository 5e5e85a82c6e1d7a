/* Which private clusters are dead, and what a sweep takes of them. */
#include "tests/support/check.h"
#include "tools/clusters/clusters.h"

#include "api/base/clock.h"
#include "api/cluster/directories.h"
#include "api/cluster/files.h"
#include "api/cluster/hold.h"
#include "tests/support/scratch.h"
#include "tools/clusters/places.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BYTES = 64 << 10 };

static char base[] = "/tmp/lt-clusters-XXXXXX";
static struct lode_paths cluster;

static void
join(char path_out[LODE_PATH_MAX], const char *dir, const char *name)
{
    must(lode_path_join(path_out, LODE_PATH_MAX, dir, "%s", name));
}

static void
write_file(const char *dir, const char *name, size_t size)
{
    static const char zeros[BYTES];
    char path[LODE_PATH_MAX];
    join(path, dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    expect_eq(write(fd, zeros, size), size);
    close(fd);
}

static bool
is_there(const char *dir, const char *name)
{
    char path[LODE_PATH_MAX];
    join(path, dir, name);
    return access(path, F_OK) == 0;
}

/* A private cluster of which no process is left. */
static void
setup(void)
{
    char dir[LODE_DIR_MAX + 1];
    scratch_dir(base);
    setenv("XDG_RUNTIME_DIR", base, 1);
    setenv("LODE_SHM_DIR", base, 1);
    setenv("LODE_STATE_DIR", base, 1);
    snprintf(dir, sizeof dir, "%s/lode-abcdef", base);
    must(lode_paths_resolve(dir, &cluster));
    must(lode_directory_prepare(cluster.dir, "LODE_DIR"));
    must(lode_directory_prepare(cluster.shm, "LODE_SHM_DIR"));
    must(owner_write(cluster.dir, getpid()));
    must(places_write(&cluster));
    write_file(cluster.dir, LODE_FILE_STORE_LOCK, 0);
    write_file(cluster.dir, LODE_FILE_SCHEDULER_LOCK, 0);
    write_file(cluster.shm, LODE_FILE_INDEX, BYTES);
}

static void
teardown(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", base);
    expect_eq(system(command), 0);
}

TestSuite(clusters, .timeout = 60, .init = setup, .fini = teardown);

struct seen {
    int count;
    uint64_t bytes;
    char kept[256];
};

/* Dead clusters of others may lie in /tmp. */
static void
note(const struct lode_dead *dead, void *arg)
{
    struct seen *seen = arg;
    if (strcmp(dead->path, cluster.dir) == 0) {
        seen->count++;
        seen->bytes = dead->bytes;
        snprintf(seen->kept, sizeof seen->kept, "%s", dead->kept != NULL ? dead->kept : "");
    }
}

static struct seen
sweep(bool removes)
{
    struct seen seen = {0};
    clusters_sweep_dead(removes, LODE_NEVER, note, &seen);
    return seen;
}

static void
expect_untouched(void)
{
    expect_eq(sweep(true).count, 0);
    expect(is_there(cluster.dir, LODE_FILE_STORE_LOCK));
    expect(is_there(cluster.dir, LODE_FILE_SCHEDULER_LOCK));
    expect(is_there(cluster.dir, LODE_FILE_PLACES));
    expect(is_there(cluster.shm, LODE_FILE_INDEX));
}

static void
expect_removed(void)
{
    struct seen seen = sweep(true);
    expect_eq(seen.count, 1);
    expect_le(BYTES, seen.bytes);
    expect(access(cluster.dir, F_OK) != 0);
    expect(access(cluster.shm, F_OK) != 0);
}

Test(clusters, of_which_no_process_is_left_are_shown_and_then_removed)
{
    struct seen seen = sweep(false);
    expect_eq(seen.count, 1);
    expect_le(BYTES, seen.bytes);
    expect(is_there(cluster.shm, LODE_FILE_INDEX));
    expect_removed();
    expect_eq(sweep(true).count, 0);
}

/* The lock file of that store may be gone: a cleaner of /tmp has removed it. */
Test(clusters, whose_store_holds_their_memory_are_not_touched)
{
    int fd = -1;
    must(lode_hold_directory(cluster.shm, 0, &fd));
    expect_untouched();
    close(fd);
    expect_removed();
}

Test(clusters, whose_daemons_hold_their_locks_are_not_touched)
{
    static const char *const names[] = {LODE_FILE_STORE_LOCK, LODE_FILE_SCHEDULER_LOCK};
    for (size_t i = 0; i < 2; i++) {
        char path[LODE_PATH_MAX];
        int fd = -1;
        join(path, cluster.dir, names[i]);
        must(lode_hold_file(path, &fd));
        expect_untouched();
        close(fd);
    }
    expect_removed();
}

static void
age(int seconds)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    expect_eq(utimensat(AT_FDCWD, cluster.dir, times, 0), 0);
}

/* Killed before it had written who it belongs to, as all of the first 45 ms of a start may be. */
Test(clusters, whose_start_was_killed_are_removed_after_a_minute)
{
    static const char *const written[] = {NULL, LODE_FILE_SUPERVISOR_LOCK, LODE_FILE_PLACES,
                                          LODE_FILE_OWNER};
    sweep(true);
    for (size_t i = 0; i < 4; i++) {
        int fd = -1;
        must(lode_directory_prepare(cluster.dir, "LODE_DIR"));
        must(lode_directory_prepare(cluster.shm, "LODE_SHM_DIR"));
        for (size_t k = 1; k <= i; k++) {
            write_file(cluster.dir, written[k], 0);
        }
        expect_eq(sweep(true).count, 0); /* it is being made */
        age(58);
        expect_eq(sweep(true).count, 0);
        age(62);
        must(lode_hold_directory(cluster.dir, 0, &fd));
        expect_eq(sweep(true).count, 0);
        close(fd);
        expect_eq(sweep(true).count, 1);
        expect(access(cluster.dir, F_OK) != 0);
        expect(access(cluster.shm, F_OK) != 0);
    }
}

/* It may belong to a `lode start`, which will look for its libraries. */
Test(clusters, without_an_owner_keep_their_copies_of_libraries)
{
    char path[LODE_PATH_MAX], libraries[LODE_PATH_MAX];
    join(libraries, cluster.state, LODE_FOLDER_LIBRARIES);
    must(lode_directory_prepare(libraries, "LODE_STATE_DIR"));
    write_file(libraries, "0123456789abcdef.so", 1);
    join(path, cluster.dir, LODE_FILE_OWNER);
    expect_eq(unlink(path), 0);
    age(62);
    expect_eq(sweep(true).count, 1);
    expect(access(cluster.dir, F_OK) != 0);
    expect(is_there(libraries, "0123456789abcdef.so"));
}

Test(clusters, whose_places_cannot_be_read_are_kept_with_the_reason)
{
    write_file(cluster.dir, LODE_FILE_PLACES, 7);
    struct seen seen = sweep(true);
    expect_eq(seen.count, 1);
    expect_eq(seen.bytes, 0);
    expect_text(seen.kept, "does not hold two paths");
    expect(is_there(cluster.dir, LODE_FILE_OWNER));
    expect(is_there(cluster.shm, LODE_FILE_INDEX));
}
