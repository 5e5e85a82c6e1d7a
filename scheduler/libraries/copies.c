#include "scheduler/libraries/copies.h"

#include "api/base/fail.h"
#include "api/cluster/hold.h"
#include "api/cluster/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 64, NAME_SIZE = 16 };

/* As copies_open() names them. */
static bool
is_ours(const char *name)
{
    return strlen(name) == NAME_SIZE && strspn(name, "0123456789abcdef") == NAME_SIZE;
}

/* A copy that an earlier version has made: it had no directories, and nobody removed it. */
static bool
is_of_earlier_version(const char *name)
{
    enum { DIGITS = 32 };
    return strspn(name, "0123456789abcdef") == DIGITS && strcmp(name + DIGITS, ".so") == 0;
}

/* Whoever can hold a directory is alone with it: its scheduler has ended. */
static void
sweep(const char *parent)
{
    DIR *dir = opendir(parent);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[LIBRARY_PATH_MAX];
        int fd = -1;
        int size = snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
        if (is_ours(entry->d_name) && (size_t)size < sizeof path &&
            lode_hold_directory(path, 0, &fd) == LODE_OK) {
            lode_tree_remove(path);
            close(fd);
        } else if (is_of_earlier_version(entry->d_name) && (size_t)size < sizeof path) {
            (void)unlink(path);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

/*
 * LODE_EAGAIN: another scheduler was in the way. It ended, and took `parent` with it; or its sweep
 * came between our making of the directory and our hold of it.
 */
static lode_err
make_and_hold(const char *parent, struct copies *copies_out)
{
    uint64_t number = 0;
    if (mkdir(parent, 0700) != 0 && errno != EEXIST) {
        return lode_fail_errno("cannot make the directory '%s'", parent);
    }
    (void)!getrandom(&number, sizeof number, 0);
    int size = snprintf(copies_out->dir, sizeof copies_out->dir, "%s/%016llx", parent,
                        (unsigned long long)number);
    if (size < 0 || (size_t)size >= sizeof copies_out->dir) {
        return lode_fail_with(LODE_ESYS, "the path '%.200s…' is too long", parent);
    }
    if (mkdir(copies_out->dir, 0700) != 0) {
        return errno == ENOENT ? LODE_EAGAIN
                               : lode_fail_errno("cannot make the directory '%s'", copies_out->dir);
    }
    lode_err err = lode_hold_directory(copies_out->dir, 0, &copies_out->lock_fd);
    return err == LODE_ERUNNING ? LODE_EAGAIN : err;
}

lode_err
copies_open(const char *parent, struct copies *copies_out)
{
    lode_err err = LODE_EAGAIN;
    sweep(parent);
    for (int i = 0; i < TRIES && err == LODE_EAGAIN; i++) {
        err = make_and_hold(parent, copies_out);
    }
    return err == LODE_EAGAIN
               ? lode_fail_with(LODE_ESYS, "cannot make a directory in '%s': it is gone each time",
                                parent)
               : err;
}

bool
copies_are_there(const struct copies *copies)
{
    return lode_hold_is_at(copies->lock_fd, copies->dir);
}

void
copies_remove(const struct copies *copies, const char *copy)
{
    char path[LIBRARY_PATH_MAX];
    size_t length = strlen(copies->dir);
    if (strncmp(copy, copies->dir, length) != 0 || copy[length] != '/') {
        return;
    }
    length += 1 + strcspn(copy + length + 1, "/"); /* with what lies beside it, if anything does */
    if (length < sizeof path) {
        memcpy(path, copy, length);
        path[length] = '\0';
        lode_tree_remove(path);
    }
}

void
copies_close(struct copies *copies)
{
    char *end = strrchr(copies->dir, '/');
    lode_tree_remove(copies->dir);
    close(copies->lock_fd);
    *end = '\0';
    rmdir(copies->dir); /* if it was the last */
}
