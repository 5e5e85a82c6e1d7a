#include "api/cluster/paths.h"

#include "api/base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static lode_err
default_shm(char *out, size_t room)
{
    snprintf(out, room, "/dev/shm/lode-%u", (unsigned)getuid());
    return LODE_OK;
}

/*
 * Two clusters must not share files. So every cluster but the default one has directories of its
 * own, whose names have a hash of the cluster's path.
 */
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
    char shm_default[LODE_PATH_MAX];
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
    LODE_TRY(default_shm(shm_default, sizeof shm_default));
    LODE_TRY(copy_path("the shared memory directory", shm != NULL ? shm : shm_default, paths.shm,
                       sizeof paths.shm));
    if (state != NULL) {
        LODE_TRY(copy_path("the state directory", state, paths.state, sizeof paths.state));
    } else if (default_state(paths.state, sizeof paths.state) != LODE_OK) {
        paths.state[0] = '\0'; /* HOME is no path: it matters only if that directory is needed */
    }
    memcpy(paths.logs, paths.state, sizeof paths.logs);
    if (has_home != LODE_OK || strcmp(paths.dir, home_dir) != 0) {
        LODE_TRY(append_tag(paths.dir, paths.shm, sizeof paths.shm));
        if (paths.state[0] != '\0') {
            LODE_TRY(append_tag(paths.dir, paths.state, sizeof paths.state));
        }
    }
    *paths_out = paths;
    return LODE_OK;
}

static lode_err
set(const char *name, const char *value)
{
    return setenv(name, value, 1) == 0 ? LODE_OK : lode_fail_errno("cannot set %s", name);
}

/* The two others are set to what they are without their hash: resolving appends it again. */
lode_err
lode_paths_export(const char *dir)
{
    struct lode_paths paths;
    char path[LODE_PATH_MAX];
    LODE_TRY(lode_paths_resolve(dir, &paths));
    if (env_path("LODE_SHM_DIR") == NULL) {
        LODE_TRY(default_shm(path, sizeof path));
        LODE_TRY(set("LODE_SHM_DIR", path));
    }
    if (env_path("LODE_STATE_DIR") == NULL && default_state(path, sizeof path) == LODE_OK) {
        LODE_TRY(set("LODE_STATE_DIR", path));
    }
    return set("LODE_DIR", paths.dir);
}
