#include "api/client/store/scheduler_lives.h"

#include "api/base/fail.h"
#include "api/base/files.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/*
 * Trying the lock would be in the way of a scheduler that starts just then, so the kernel's list of
 * locks is read: "N: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE …". False: nobody holds it; true also
 * where the list cannot be read.
 */
static bool
is_held(const struct stat *file)
{
    char line[256];
    FILE *locks = fopen("/proc/locks", "re");
    bool held = locks == NULL;
    while (!held && fgets(line, sizeof line, locks) != NULL) {
        unsigned int major_number, minor_number;
        unsigned long inode;
        held = sscanf(line, "%*s FLOCK %*s %*s %*s %x:%x:%lu", &major_number, &minor_number,
                      &inode) == 3 &&
               inode == file->st_ino && major_number == major(file->st_dev) &&
               minor_number == minor(file->st_dev);
    }
    if (locks != NULL) {
        fclose(locks);
    }
    return held;
}

/* Each scheduler writes the lock file as it starts. */
static uint64_t
identity_of(const struct stat *file)
{
    return (uint64_t)file->st_mtim.tv_sec * 1000000000 + (uint64_t)file->st_mtim.tv_nsec;
}

lode_err
lode_scheduler_lives(const struct lode_paths *paths, uint64_t *seen)
{
    char path[LODE_PATH_MAX];
    struct stat file;
    LODE_TRY(lode_path_join(path, sizeof path, paths->dir, "%s", LODE_FILE_SCHEDULER_LOCK));
    bool known = stat(path, &file) == 0;
    if (!known && errno != ENOENT) {
        return LODE_OK;
    }
    if (!known || !is_held(&file) || (*seen != 0 && *seen != identity_of(&file))) {
        return lode_fail_with(LODE_EDOWN,
                              "the scheduler in %s has ended: nobody will make this "
                              "result",
                              paths->dir);
    }
    *seen = identity_of(&file);
    return LODE_OK;
}
