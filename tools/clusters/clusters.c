#include "tools/clusters/clusters.h"

#include "api/cluster/directories.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/hold.h"
#include "api/system/socket.h"
#include "tools/clusters/lockfile.h"
#include "tools/clusters/places.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SUFFIX = 6 }; /* of mkdtemp() */

/* True for a directory of this user's that is no link: others may make what they like in /tmp. */
static bool
is_own_dir(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

typedef void (*each_dir_fn)(const char *path, void *arg);

static void
scan(const char *parent, const char *prefix, each_dir_fn each, void *arg)
{
    DIR *dir = opendir(parent);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[LODE_PATH_MAX];
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
            strlen(entry->d_name) == strlen(prefix) + SUFFIX &&
            lode_path_join(path, sizeof path, parent, "%s", entry->d_name) == LODE_OK &&
            strlen(path) <= LODE_DIR_MAX && is_own_dir(path)) {
            each(path, arg);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

/* Wherever a private cluster may have its directory (private_start.h). */
static void
scan_all(each_dir_fn each, void *arg)
{
    char prefix[32];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime != NULL && runtime[0] == '/') {
        scan(runtime, "lode-", each, arg);
    }
    snprintf(prefix, sizeof prefix, "lode-%u-", (unsigned)getuid());
    scan("/tmp", prefix, each, arg);
}

struct running {
    struct cluster *list;
    size_t count, room;
};

static void
add_running(const char *path, void *arg)
{
    struct running *running = arg;
    struct cluster cluster = {.is_private = true};
    if (running->count < running->room && owner_read(path, &cluster.owner) == LODE_OK &&
        lockfile_holder(path, &cluster.supervisor, NULL) == LODE_OK) {
        snprintf(cluster.dir, sizeof cluster.dir, "%s", path);
        running->list[running->count++] = cluster;
    }
}

size_t
clusters_private(struct cluster *list, size_t room)
{
    struct running running = {list, 0, room};
    scan_all(add_running, &running);
    return running.count;
}

/* ---- what dead ones left ------------------------------------------------------------------- */

struct dead {
    bool removes;
    int64_t deadline;
    lode_dead_fn each;
    void *arg;
};

/*
 * A store or a scheduler may outlive its supervisor for a while: it is stopped, or busy. Without
 * the files in the directory nobody would find its shared memory later.
 */
static lode_err
check_daemons(const char *dir)
{
    static const char *const locks[] = {LODE_FILE_STORE_LOCK, LODE_FILE_SCHEDULER_LOCK};
    for (size_t i = 0; i < sizeof locks / sizeof locks[0]; i++) {
        char path[LODE_PATH_MAX];
        struct lode_holder holder;
        LODE_TRY(lode_path_join(path, sizeof path, dir, "%s", locks[i]));
        lode_err err = lode_hold_ask(path, &holder);
        if (err == LODE_OK) {
            return lode_fail_with(LODE_ERUNNING, "a process holds '%s'", path);
        }
        if (err != LODE_ENOTFOUND && err != LODE_EDOWN) {
            return err;
        }
    }
    return LODE_OK;
}

/*
 * A start that was killed before it wrote `owner` had not started a daemon. It had copied no
 * library, and perhaps not written its places. The directory may as well be that of a `lode start`,
 * whose copies of libraries the next start finds again: they stay.
 */
static lode_err
find_remains(const char *dir, bool has_owner, struct lode_paths *paths_out)
{
    lode_err err = places_read(dir, paths_out);
    if (has_owner) {
        return err;
    }
    if (err == LODE_ECORRUPT) {
        err = lode_paths_resolve(dir, paths_out);
    }
    paths_out->state[0] = '\0';
    return err;
}

/* LODE_ERUNNING: a daemon lives. *shm_fd_out stays -1 where there is no shared memory. */
static lode_err
hold_remains(const char *dir, bool has_owner, struct lode_paths *paths_out, int *shm_fd_out)
{
    LODE_TRY(check_daemons(dir));
    LODE_TRY(find_remains(dir, has_owner, paths_out));
    lode_err err = lode_hold_directory(paths_out->shm, 0, shm_fd_out);
    return err == LODE_EAGAIN ? LODE_OK : err;
}

static void
tell(const struct dead *dead, const struct lode_dead *what)
{
    if (dead->each != NULL) {
        dead->each(what, dead->arg);
    }
}

/*
 * True if nothing has been made or removed in the directory for a minute, by the wall clock. A
 * start that is under way is protected by its locks. This spares only those that have not taken
 * them yet.
 */
static bool
is_old(const char *path)
{
    enum { OLD_S = 60 };
    struct stat st;
    return lstat(path, &st) == 0 && time(NULL) - st.st_mtim.tv_sec > OLD_S;
}

/* The caller holds the cluster's directory. */
static void
sweep_held(const char *path, bool has_owner, const struct dead *dead)
{
    struct lode_paths paths;
    int shm_fd = -1;
    lode_err err = hold_remains(path, has_owner, &paths, &shm_fd);
    if (err == LODE_ERUNNING) {
        return;
    }
    if (err != LODE_OK) {
        tell(dead, &(struct lode_dead){.path = path, .shm = path, .kept = lode_last_error()});
        return;
    }
    uint64_t bytes = lode_sweep_bytes(paths.shm);
    if (dead->removes) {
        lode_paths_sweep(&paths, LODE_SWEEP_PRIVATE | lode_sweep_keeps(&paths), shm_fd,
                         dead->deadline);
        uint64_t left = lode_sweep_bytes(paths.shm);
        bytes -= left < bytes ? left : bytes;
    }
    if (shm_fd >= 0) {
        close(shm_fd);
    }
    tell(dead, &(struct lode_dead){.path = path, .shm = paths.shm, .bytes = bytes});
}

static void
sweep_one(const char *path, void *arg)
{
    const struct dead *dead = arg;
    struct lode_holder owner;
    int fd = -1;
    bool has_owner = owner_read(path, &owner) == LODE_OK;
    if (lode_now_ns() >= dead->deadline || (!has_owner && !is_old(path)) ||
        lode_hold_directory(path, 0, &fd) != LODE_OK) {
        return;
    }
    sweep_held(path, has_owner, dead);
    close(fd);
}

void
clusters_sweep_dead(bool removes, int64_t deadline, lode_dead_fn each, void *arg)
{
    struct dead dead = {.removes = removes, .deadline = deadline, .each = each, .arg = arg};
    scan_all(sweep_one, &dead);
}

/* ---- the one that is meant ----------------------------------------------------------------- */

/* A store that was started alone has no supervisor, but it listens. */
static bool
store_listens(const char *dir)
{
    char path[LODE_PATH_MAX];
    int fd = -1;
    if (lode_path_join(path, sizeof path, dir, LODE_FILE_STORE_SOCKET) != LODE_OK ||
        lode_socket_connect(path, &fd) != LODE_OK) {
        return false;
    }
    close(fd);
    return true;
}

static lode_err
find_at(const struct lode_paths *paths, struct cluster *cluster_out)
{
    struct cluster cluster = {0};
    lode_err err = lockfile_holder(paths->dir, &cluster.supervisor, NULL);
    if (err == LODE_EDOWN && store_listens(paths->dir)) {
        cluster.supervisor = 0;
    } else if (err == LODE_EDOWN) {
        if (lode_directory_check(paths->dir, "LODE_DIR") == LODE_EDENIED) {
            return LODE_EDENIED; /* another user's, or open to others: none of ours could run there */
        }
        return lode_fail_with(LODE_EDOWN, "no cluster runs in '%s'; `lode start` starts one",
                              paths->dir);
    } else if (err != LODE_OK) {
        return err;
    }
    cluster.is_private = owner_read(paths->dir, &cluster.owner) == LODE_OK;
    memcpy(cluster.dir, paths->dir, sizeof cluster.dir);
    *cluster_out = cluster;
    return LODE_OK;
}

static lode_err
find_of_ancestor(const char *default_dir, struct cluster *cluster_out)
{
    static struct cluster list[CLUSTERS_MAX];
    size_t count = clusters_private(list, CLUSTERS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (owner_is_ancestor(&list[i].owner)) {
            *cluster_out = list[i];
            return LODE_OK;
        }
    }
    if (count > 0) {
        return lode_fail_with(LODE_ENOTFOUND,
                              "no cluster runs in '%s'; choose one of %zu private ones with --dir",
                              default_dir, count);
    }
    return lode_fail_with(LODE_EDOWN, "no cluster runs in '%s'; `lode start` starts one",
                          default_dir);
}

lode_err
clusters_find(const char *dir, struct cluster *cluster_out)
{
    struct lode_paths paths;
    LODE_TRY(lode_paths_resolve(dir, &paths));
    lode_err err = find_at(&paths, cluster_out);
    if (err != LODE_EDOWN || dir != NULL) {
        return err;
    }
    return find_of_ancestor(paths.dir, cluster_out);
}
