#include "api/cluster/directories.h"

#include "api/base/fail.h"
#include "api/cluster/hold.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { ATTEMPTS = 16, PATIENCE_MS = 1000 };

/* In this directory others may make and remove entries. */
static bool
is_shared(const struct stat *dir)
{
    return (dir->st_mode & S_IWOTH) != 0 || ((dir->st_mode & S_IWGRP) && (dir->st_mode & S_ISVTX));
}

static lode_err
check_entry(const struct stat *parent, const char *path, const char *variable)
{
    struct stat entry;
    if (lstat(path, &entry) != 0) {
        return lode_fail_errno("cannot look at '%s'", path);
    }
    if (!is_shared(parent)) {
        return LODE_OK;
    }
    if ((parent->st_mode & S_ISVTX) == 0) {
        return lode_fail_with(LODE_EDENIED,
                              "anybody may replace '%s': its parent is writable for all, and not "
                              "sticky; set %s to another directory",
                              path, variable);
    }
    if (entry.st_uid != geteuid() && entry.st_uid != 0) {
        return lode_fail_with(LODE_EDENIED,
                              "'%s' belongs to user %u, not to you: set %s to another directory",
                              path, (unsigned)entry.st_uid, variable);
    }
    return LODE_OK;
}

/*
 * Sets the mode whatever the umask is: a directory that its owner cannot enter would block all
 * later runs.
 */
static lode_err
make_one(const char *path, const char *variable)
{
    if (mkdir(path, 0700) == 0) {
        return chmod(path, 0700) == 0 ? LODE_OK
                                      : lode_fail_errno("cannot set the mode of '%s'", path);
    }
    struct stat there;
    int number = errno;
    if (number == EEXIST || stat(path, &there) == 0) { /* EROFS comes before EEXIST */
        return LODE_OK;
    }
    errno = number; /* stat() has said that there is none */
    return lode_fail_errno("cannot make the directory '%s' (%s names another)", path, variable);
}

/* The entry at `path` leads nowhere, or has vanished again. */
static lode_err
fail_of_level(const char *path, const char *variable)
{
    int number = errno;
    struct stat entry;
    if (lstat(path, &entry) == 0 && S_ISLNK(entry.st_mode)) {
        return lode_fail_with(LODE_EINVAL,
                              "'%s' is a link to nothing: remove it, or set %s to another "
                              "directory",
                              path, variable);
    }
    errno = number;
    return lode_fail_errno("cannot look at '%s'", path);
}

/*
 * Checks one level after the other, from the root down, and makes those that are missing if
 * `makes`. LODE_ESYS with ENOENT: one is missing, or has vanished again.
 */
static lode_err
walk_levels(const char *path, const char *variable, bool makes)
{
    char part[LODE_PATH_MAX];
    struct stat parent;
    size_t length = strlen(path);
    memcpy(part, path, length + 1);
    if (stat("/", &parent) != 0) {
        return lode_fail_errno("cannot look at '/'");
    }
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        char end = part[i];
        part[i] = '\0';
        if (makes) {
            LODE_TRY(make_one(part, variable));
        }
        LODE_TRY(check_entry(&parent, part, variable));
        if (stat(part, &parent) != 0) {
            return fail_of_level(part, variable);
        }
        part[i] = end;
    }
    return LODE_OK;
}

static lode_err
check_last(const char *path, const char *variable)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return lode_fail_errno("cannot look at '%s'", path);
    }
    if (!S_ISDIR(st.st_mode)) {
        return lode_fail_with(LODE_EINVAL,
                              "'%s' is not a directory: remove it, or set %s to another", path,
                              variable);
    }
    if (st.st_uid != geteuid()) {
        return lode_fail_with(LODE_EDENIED,
                              "'%s' belongs to user %u, not to you: set %s to another directory",
                              path, (unsigned)st.st_uid, variable);
    }
    if ((st.st_mode & 0777) != 0700) {
        return lode_fail_with(LODE_EDENIED,
                              "'%s' has the mode %04o: it must be open to you alone: `chmod 700` "
                              "it, or set %s to another directory",
                              path, (unsigned)(st.st_mode & 07777), variable);
    }
    return LODE_OK;
}

lode_err
lode_directory_check(const char *path, const char *variable)
{
    LODE_TRY(walk_levels(path, variable, false));
    return check_last(path, variable);
}

lode_err
lode_directory_prepare(const char *path, const char *variable)
{
    lode_err err = walk_levels(path, variable, true);
    /* A cluster that ends may take an empty parent away between two steps (sweep.c). */
    for (int i = 1; i < ATTEMPTS && err != LODE_OK && errno == ENOENT; i++) {
        err = walk_levels(path, variable, true);
    }
    LODE_TRY(err);
    return check_last(path, variable);
}

lode_err
lode_directory_hold(const char *path, const char *variable, int *fd_out)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        LODE_TRY(lode_directory_prepare(path, variable));
        lode_err err = lode_hold_directory(path, PATIENCE_MS, fd_out);
        if (err == LODE_ERUNNING) {
            return lode_fail_with(LODE_ERUNNING,
                                  "already running: a cluster (perhaps in another container) uses "
                                  "'%s'; set %s to another directory",
                                  path, variable);
        }
        if (err != LODE_EAGAIN) {
            return err;
        }
    }
    return lode_fail_with(LODE_ERUNNING, "'%s' keeps changing hands: others start there", path);
}

lode_err
lode_directory_hold_shm(const struct lode_paths *paths, int *fd_out)
{
    struct statfs fs;
    int fd = -1;
    LODE_TRY(lode_directory_hold(paths->shm, "LODE_SHM_DIR", &fd));
    if (fstatfs(fd, &fs) != 0 || fs.f_type != TMPFS_MAGIC) {
        close(fd);
        return lode_fail_with(LODE_EINVAL,
                              "LODE_SHM_DIR '%s' is not on a tmpfs: objects are shared through "
                              "memory; set it to a directory in /dev/shm",
                              paths->shm);
    }
    *fd_out = fd;
    return LODE_OK;
}
