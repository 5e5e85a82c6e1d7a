#include "api/base/sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names end with '*' where a number follows. Bits: the parts of enum lode_sweep that own them. */
struct owned {
    const char *name;
    unsigned of;
};

enum { OF_STORE = 1, OF_SCHEDULER = 2, OF_PRIVATE = 4 };

static const struct owned in_dir[] = {
    {"store.sock", OF_STORE},        {"scheduler.sock", OF_SCHEDULER},
    {"n-*", OF_SCHEDULER},           {"cluster.json", OF_SCHEDULER},
    {"store.lock", OF_PRIVATE},      {"scheduler.lock", OF_PRIVATE},
    {"supervisor.lock", OF_PRIVATE}, {"owner", OF_PRIVATE},
};

static const struct owned in_shm[] = {
    {"index", OF_STORE},
    {"truth", OF_STORE},
    {"segment-*", OF_STORE},
    {"session-*", OF_STORE},
};

/* The state of a private cluster lies in a directory of its own (paths.h): all goes. */
static const struct owned in_state[] = {{"*", OF_PRIVATE}};

static bool
matches(const char *name, const char *pattern)
{
    size_t length = strlen(pattern);
    return pattern[length - 1] == '*' ? strncmp(name, pattern, length - 1) == 0
                                      : strcmp(name, pattern) == 0;
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
sweep_files(int at, const char *path, const struct owned *list, size_t count, unsigned what)
{
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (is_owned(entry->d_name, list, count, what)) {
            unlinkat(fd, entry->d_name, 0);
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
sweep_state(const char *path)
{
    static const char *const parts[] = {"lib", "logs"};
    if (!has_tag(path)) {
        return;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char part[LODE_PATH_MAX];
        if (lode_path_join(part, sizeof part, path, "%s", parts[i]) == LODE_OK) {
            sweep_files(AT_FDCWD, part, in_state, 1, OF_PRIVATE);
            rmdir(part);
        }
    }
    sweep_files(AT_FDCWD, path, in_state, 1, OF_PRIVATE);
}

/* A cluster's own directory under the user's goes, and the user's, if this was the last in it. */
static void
remove_dir(const char *path)
{
    char parent[LODE_PATH_MAX];
    size_t length = strlen(path);
    if (rmdir(path) == 0 && has_tag(path)) {
        memcpy(parent, path, length - 13);
        parent[length - 13] = '\0';
        rmdir(parent);
    }
}

void
lode_paths_sweep(const struct lode_paths *paths, enum lode_sweep what)
{
    sweep_files(AT_FDCWD, paths->dir, in_dir, sizeof in_dir / sizeof in_dir[0], what);
    sweep_files(AT_FDCWD, paths->shm, in_shm, sizeof in_shm / sizeof in_shm[0], what);
    if (what == LODE_SWEEP_PRIVATE) {
        sweep_state(paths->state);
        rmdir(paths->dir);
    }
    if ((what & LODE_SWEEP_ALL) == LODE_SWEEP_ALL) {
        remove_dir(paths->shm);
        remove_dir(paths->state);
    }
}
