#include "api/cluster/sweep.h"

#include "api/base/clock.h"
#include "api/cluster/files.h"
#include "api/cluster/hold.h"
#include "api/cluster/remover.h"
#include "api/cluster/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file, by its name in files.h, and the parts of enum lode_sweep that leave it. */
struct owned {
    const char *name; /* NULL: every file */
    unsigned of;
};

enum { OF_STORE = 1, OF_SCHEDULER = 2, OF_PRIVATE = 4 };

static const struct owned in_dir[] = {
    {LODE_FILE_STORE_SOCKET, OF_STORE},     {LODE_FILE_SCHEDULER_SOCKET, OF_SCHEDULER},
    {LODE_FILE_ENDPOINT, OF_SCHEDULER},     {LODE_FILE_STORE_LOCK, OF_PRIVATE},
    {LODE_FILE_SCHEDULER_LOCK, OF_PRIVATE}, {LODE_FILE_SUPERVISOR_LOCK, OF_PRIVATE},
    {LODE_FILE_OWNER, OF_PRIVATE},          {LODE_FILE_PLACES, OF_PRIVATE},
};

static const struct owned in_shm[] = {
    {LODE_FILE_INDEX, OF_STORE},
    {LODE_FILE_TRUTH, OF_STORE},
    {LODE_FILE_SEGMENT, OF_STORE},
    {LODE_FILE_SESSION, OF_STORE},
};

/* The state of a private cluster lies in a directory of its own (paths.h): all goes. */
static const struct owned in_state[] = {{NULL, OF_PRIVATE}};

/* Where the name in the table is a format, its number may be any. */
static bool
matches(const char *name, const char *pattern)
{
    if (pattern == NULL) {
        return true;
    }
    size_t length = strcspn(pattern, "%");
    return strncmp(name, pattern, length) == 0 && (pattern[length] == '%' || name[length] == '\0');
}

static bool
is_owned(const char *name, const struct owned *list, size_t count, unsigned what)
{
    for (size_t i = 0; i < count; i++) {
        if ((list[i].of & what) != 0 && matches(name, list[i].name)) {
            return true;
        }
    }
    return false;
}

/* Directories are left alone: unlinkat() without AT_REMOVEDIR refuses them. */
static void
sweep_files(const char *path, const struct owned *list, size_t count, unsigned what,
            struct lode_remover *remover)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (is_owned(entry->d_name, list, count, what)) {
            lode_remover_unlink(remover, fd, entry->d_name);
        }
    }
    closedir(dir);
}

/* A directory that paths.c named by a hash belongs to one cluster alone; others are the user's. */
static bool
has_tag(const char *path)
{
    const char *name = strrchr(path, '/');
    return name != NULL && strlen(name + 1) == 12 && strspn(name + 1, "0123456789abcdef") == 12;
}

static void
sweep_state(const char *path, struct lode_remover *remover)
{
    char libraries[LODE_PATH_MAX];
    if (!has_tag(path)) {
        return;
    }
    if (lode_path_join(libraries, sizeof libraries, path, LODE_FOLDER_LIBRARIES) == LODE_OK) {
        lode_tree_remove(libraries);
    }
    sweep_files(path, in_state, 1, OF_PRIVATE, remover);
}

/* The directory that a tag was appended to, or the path itself. */
static void
base_of(const char *path, char base_out[LODE_PATH_MAX])
{
    size_t length = strlen(path);
    memcpy(base_out, path, length + 1);
    if (has_tag(path)) {
        base_out[length - 13] = '\0';
    }
}

/*
 * A cluster's own directory under the user's goes. So does the one that it lies in, if this was the
 * last in it, and if clusters alone have made it.
 */
static void
remove_dir(const char *path, bool keeps_base)
{
    char base[LODE_PATH_MAX];
    base_of(path, base);
    bool is_base = !has_tag(path);
    if ((is_base && keeps_base) || rmdir(path) != 0) {
        return;
    }
    if (!is_base && !keeps_base) {
        rmdir(base);
    }
}

static bool
is_the_users(const char *path, const char *chosen)
{
    char base[LODE_PATH_MAX];
    base_of(path, base);
    return chosen != NULL && chosen[0] != '\0' && access(base, F_OK) == 0;
}

enum lode_sweep
lode_sweep_keeps(const struct lode_paths *paths)
{
    unsigned keeps = 0;
    keeps |= is_the_users(paths->shm, getenv("LODE_SHM_DIR")) ? LODE_SWEEP_KEEP_SHM : 0;
    keeps |= is_the_users(paths->state, getenv("LODE_STATE_DIR")) ? LODE_SWEEP_KEEP_STATE : 0;
    return (enum lode_sweep)keeps;
}

/*
 * Nobody else's: where another process holds the directory, its files are of a cluster that runs.
 */
static void
sweep_shm(const char *path, enum lode_sweep what, int shm_fd, struct lode_remover *remover)
{
    int fd = -1;
    if (shm_fd < 0 && lode_hold_directory(path, 0, &fd) != LODE_OK) {
        return;
    }
    sweep_files(path, in_shm, sizeof in_shm / sizeof in_shm[0], what, remover);
    if ((what & LODE_SWEEP_ALL) == LODE_SWEEP_ALL) {
        remove_dir(path, (what & LODE_SWEEP_KEEP_SHM) != 0);
    }
    if (fd >= 0) {
        close(fd);
    }
}

/*
 * Shared memory goes first. If this process is killed midway, the files in LODE_DIR still say where
 * the rest lies.
 */
void
lode_paths_sweep(const struct lode_paths *paths, enum lode_sweep what, int shm_fd, int64_t deadline)
{
    struct lode_remover remover = {0};
    if (what & LODE_SWEEP_STORE) {
        sweep_shm(paths->shm, what, shm_fd, &remover);
    }
    if ((what & LODE_SWEEP_PRIVATE) == LODE_SWEEP_PRIVATE) {
        sweep_state(paths->state, &remover);
    }
    if ((what & LODE_SWEEP_ALL) == LODE_SWEEP_ALL) {
        remove_dir(paths->state, (what & LODE_SWEEP_KEEP_STATE) != 0);
    }
    sweep_files(paths->dir, in_dir, sizeof in_dir / sizeof in_dir[0], what, &remover);
    if ((what & LODE_SWEEP_PRIVATE) == LODE_SWEEP_PRIVATE) {
        rmdir(paths->dir);
    }
    lode_remover_finish(&remover, deadline);
}

/* ---- what dead clusters left --------------------------------------------------------------- */

/* -1: there is no file of a store. */
static int64_t
bytes_in(const char *path)
{
    int64_t bytes = -1;
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        struct stat file;
        if (is_owned(entry->d_name, in_shm, sizeof in_shm / sizeof in_shm[0], OF_STORE) &&
            fstatat(dirfd(dir), entry->d_name, &file, AT_SYMLINK_NOFOLLOW) == 0) {
            bytes = (bytes < 0 ? 0 : bytes) + (int64_t)file.st_blocks * 512;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return bytes;
}

uint64_t
lode_sweep_bytes(const char *shm)
{
    int64_t bytes = bytes_in(shm);
    return bytes > 0 ? (uint64_t)bytes : 0;
}

/* A directory is one that a cluster made, or nothing is done to it. */
static void
look_at(const char *path, bool removes, int64_t deadline, lode_dead_fn each, void *arg)
{
    struct lode_remover remover = {0};
    struct stat st;
    int fd = -1;
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        lode_hold_directory(path, 0, &fd) != LODE_OK) {
        return;
    }
    int64_t bytes = bytes_in(path), freed = bytes;
    if (removes && (bytes >= 0 || has_tag(path))) {
        sweep_shm(path, LODE_SWEEP_STORE, fd, &remover);
        freed -= (int64_t)lode_sweep_bytes(path);
        if (has_tag(path)) {
            rmdir(path);
        }
    }
    close(fd);
    lode_remover_finish(&remover, deadline);
    if (bytes >= 0 && each != NULL) {
        each(&(struct lode_dead){.path = path,
                                 .shm = path,
                                 .bytes = freed > 0 ? (uint64_t)freed : 0},
             arg);
    }
}

void
lode_sweep_dead(const struct lode_paths *paths, bool removes, int64_t deadline, lode_dead_fn each,
                void *arg)
{
    char base[LODE_PATH_MAX];
    base_of(paths->shm, base);
    look_at(base, removes, deadline, each, arg);
    DIR *dir = opendir(base);
    for (struct dirent *entry;
         dir != NULL && lode_now_ns() < deadline && (entry = readdir(dir)) != NULL;) {
        char path[LODE_PATH_MAX];
        if (lode_path_join(path, sizeof path, base, "%s", entry->d_name) == LODE_OK &&
            has_tag(path)) {
            look_at(path, removes, deadline, each, arg);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}
