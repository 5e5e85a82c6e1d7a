#include "tools/lode/clusters.h"

#include "api/base/fail.h"
#include "api/base/files.h"
#include "api/base/socket.h"
#include "tools/lode/lockfile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUFFIX = 6 }; /* of mkdtemp() */

/* A directory of ours, and not a link to another's: others may make what they like in /tmp. */
static bool
is_own_dir(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static bool
inspect(const char *path, struct cluster *cluster_out)
{
    struct cluster cluster = {.is_private = true};
    if (strlen(path) >= sizeof cluster.dir || !is_own_dir(path) ||
        owner_read(path, &cluster.owner) != LODE_OK ||
        lockfile_holder(path, &cluster.supervisor, NULL) != LODE_OK) {
        return false;
    }
    snprintf(cluster.dir, sizeof cluster.dir, "%s", path);
    *cluster_out = cluster;
    return true;
}

static size_t
scan(const char *parent, const char *prefix, struct cluster *list, size_t room, size_t count)
{
    DIR *dir = opendir(parent);
    if (dir == NULL) {
        return count;
    }
    for (struct dirent *entry; count < room && (entry = readdir(dir)) != NULL;) {
        char path[LODE_PATH_MAX];
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
            strlen(entry->d_name) == strlen(prefix) + SUFFIX &&
            lode_path_join(path, sizeof path, parent, "%s", entry->d_name) == LODE_OK &&
            inspect(path, &list[count])) {
            count++;
        }
    }
    closedir(dir);
    return count;
}

size_t
clusters_private(struct cluster *list, size_t room)
{
    char prefix[32];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    size_t count = 0;
    if (runtime != NULL && runtime[0] == '/') {
        count = scan(runtime, "lode-", list, room, count);
    }
    snprintf(prefix, sizeof prefix, "lode-%u-", (unsigned)getuid());
    return scan("/tmp", prefix, list, room, count);
}

/* A store that somebody runs alone has no supervisor, but it listens. */
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
