#include "api/base/paths.h"

#include "api/base/fail.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xxhash.h>

lode_err
lode_path_join(char *path_out, size_t room, const char *dir, const char *name_format, ...)
{
    char path[LODE_PATH_MAX * 2];
    va_list args;
    int used = snprintf(path, sizeof path, "%s/", dir);
    if (used < 0 || (size_t)used >= sizeof path) {
        return lode_fail_with(LODE_EINVAL, "the path '%.80s…' is too long", dir);
    }
    va_start(args, name_format);
    int n = vsnprintf(path + used, sizeof path - (size_t)used, name_format, args);
    va_end(args);
    if (n < 0 || (size_t)(used + n) >= sizeof path || (size_t)(used + n) >= room) {
        return lode_fail_with(LODE_EINVAL, "the path '%.200s' is longer than %zu bytes", path,
                              room - 1);
    }
    memcpy(path_out, path, (size_t)(used + n) + 1);
    return LODE_OK;
}

static const char *
env_path(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static lode_err
copy_path(const char *what, const char *path, char *out, size_t room)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (path[0] != '/') {
        return lode_fail_with(LODE_EINVAL, "%s is '%s': give an absolute path", what, path);
    }
    if (length >= room) {
        return lode_fail_with(LODE_EINVAL,
                              "%s is '%s' of %zu bytes: at most %zu fit; choose a shorter path",
                              what, path, length, room - 1);
    }
    memcpy(out, path, length);
    out[length] = '\0';
    return LODE_OK;
}

static lode_err
default_dir(char *out, size_t room)
{
    char path[LODE_PATH_MAX];
    const char *runtime = env_path("XDG_RUNTIME_DIR");
    if (runtime != NULL) {
        LODE_TRY(lode_path_join(path, sizeof path, runtime, "lode"));
    } else {
        snprintf(path, sizeof path, "/tmp/lode-%u", (unsigned)getuid());
    }
    return copy_path("the default directory", path, out, room);
}

static lode_err
default_state(char *out, size_t room)
{
    char path[LODE_PATH_MAX];
    const char *base = env_path("XDG_STATE_HOME");
    const char *home = env_path("HOME");
    if (base != NULL) {
        LODE_TRY(lode_path_join(path, sizeof path, base, "lode"));
    } else if (home != NULL) {
        LODE_TRY(lode_path_join(path, sizeof path, home, ".local/state/lode"));
    } else {
        snprintf(path, sizeof path, "/var/tmp/lode-%u", (unsigned)getuid());
    }
    return copy_path("the default state directory", path, out, room);
}

/* Two clusters must not share files: all but the default one get a directory named by its path. */
static lode_err
append_tag(const char *dir, char *path, size_t room)
{
    unsigned long long tag = XXH3_64bits(dir, strlen(dir));
    char base[LODE_PATH_MAX];
    memcpy(base, path, strlen(path) + 1);
    return lode_path_join(path, room, base, "%012llx", tag & 0xffffffffffffULL);
}

lode_err
lode_paths_resolve(const char *dir, struct lode_paths *paths_out)
{
    struct lode_paths paths;
    char home_dir[LODE_DIR_MAX + 1];
    char shm_default[64];
    const char *shm = env_path("LODE_SHM_DIR");
    const char *state = env_path("LODE_STATE_DIR");
    lode_err has_home = default_dir(home_dir, sizeof home_dir);
    if (dir == NULL) {
        dir = env_path("LODE_DIR");
    }
    if (dir == NULL) {
        LODE_TRY(has_home);
        memcpy(paths.dir, home_dir, sizeof home_dir);
    } else {
        LODE_TRY(copy_path("the cluster's directory", dir, paths.dir, sizeof paths.dir));
    }
    snprintf(shm_default, sizeof shm_default, "/dev/shm/lode-%u", (unsigned)getuid());
    LODE_TRY(copy_path("the shared memory directory", shm != NULL ? shm : shm_default, paths.shm,
                       sizeof paths.shm));
    if (state != NULL) {
        LODE_TRY(copy_path("the state directory", state, paths.state, sizeof paths.state));
    } else {
        LODE_TRY(default_state(paths.state, sizeof paths.state));
    }
    if (has_home != LODE_OK || strcmp(paths.dir, home_dir) != 0) {
        LODE_TRY(append_tag(paths.dir, paths.shm, sizeof paths.shm));
        LODE_TRY(append_tag(paths.dir, paths.state, sizeof paths.state));
    }
    *paths_out = paths;
    return LODE_OK;
}

/* mkdir -p; only the last part gets mode 0700 by us, parents follow the umask. */
static lode_err
make_dir_once(const char *path)
{
    char part[LODE_PATH_MAX];
    size_t length = strlen(path);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i < length; i++) {
        if (part[i] == '/') {
            part[i] = '\0';
            if (mkdir(part, 0755) != 0 && errno != EEXIST) {
                return lode_fail_errno("cannot make the directory '%s'", part);
            }
            part[i] = '/';
        }
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return lode_fail_errno("cannot make the directory '%s'", path);
    }
    return LODE_OK;
}

/* A cluster that ends may take an empty parent away between our two steps (sweep.c). */
static lode_err
make_dir(const char *path)
{
    enum { ATTEMPTS = 16 };
    lode_err err = make_dir_once(path);
    for (int i = 1; i < ATTEMPTS && err != LODE_OK && errno == ENOENT; i++) {
        err = make_dir_once(path);
    }
    return err;
}

static lode_err
check_dir(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return lode_fail_errno("cannot look at '%s'", path);
    }
    if (!S_ISDIR(st.st_mode)) {
        return lode_fail_with(LODE_EINVAL, "'%s' is not a directory: remove it, or set another",
                              path);
    }
    if (st.st_uid != geteuid()) {
        return lode_fail_with(LODE_EDENIED,
                              "'%s' belongs to user %u, not to you: set another directory", path,
                              (unsigned)st.st_uid);
    }
    if ((st.st_mode & 077) != 0 && chmod(path, 0700) != 0) {
        return lode_fail_errno("'%s' is open to others and cannot be closed", path);
    }
    return LODE_OK;
}

lode_err
lode_paths_prepare(const struct lode_paths *paths)
{
    const char *each[] = {paths->dir, paths->shm, paths->state};
    struct statfs fs;
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        LODE_TRY(make_dir(each[i]));
        LODE_TRY(check_dir(each[i]));
    }
    if (statfs(paths->shm, &fs) != 0) {
        return lode_fail_errno("cannot look at '%s'", paths->shm);
    }
    if (fs.f_type != TMPFS_MAGIC) {
        return lode_fail_with(LODE_EINVAL,
                              "LODE_SHM_DIR '%s' is not on a tmpfs: objects are shared through "
                              "memory; set it to a directory in /dev/shm",
                              paths->shm);
    }
    return LODE_OK;
}
