#include "tools/lode/lockfile.h"

#include "api/base/fail.h"
#include "api/base/files.h"
#include "api/base/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* A holder that ends takes the file away, and another makes a new one: then look again. */
enum { ATTEMPTS = 16 };

static const struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

static lode_err
running_already(int fd, const char *dir)
{
    struct flock lock = whole_file;
    if (fcntl(fd, F_GETLK, &lock) != 0) {
        return lode_fail_errno("cannot tell who holds the lock of '%s'", dir);
    }
    if (lock.l_type == F_UNLCK) {
        return LODE_EAGAIN; /* it has just ended */
    }
    if (lock.l_pid <= 0) {
        return lode_fail_with(LODE_ERUNNING,
                              "already running in '%s' (in another container): stop it there, or "
                              "choose another directory with --dir",
                              dir);
    }
    return lode_fail_with(LODE_ERUNNING,
                          "already running (pid %d) in '%s': stop it with `lode stop`, or choose "
                          "another directory with --dir",
                          (int)lock.l_pid, dir);
}

/* The lock counts only if the file is still the one at that path: a holder that ends unlinks it. */
static bool
is_at(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

static lode_err
take_once(const char *dir, const char *path, int *fd_out)
{
    struct flock lock = whole_file;
    char pid[16];
    lode_err err;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return lode_fail_errno("cannot open '%s'", path);
    }
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        err = errno == EAGAIN || errno == EACCES ? running_already(fd, dir)
                                                 : lode_fail_errno("cannot lock '%s'", path);
        goto close_fd;
    }
    if (!is_at(fd, path)) {
        err = LODE_EAGAIN;
        goto close_fd;
    }
    int length = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)length, 0) != length) {
        err = lode_fail_errno("cannot write '%s'", path);
        goto close_fd;
    }
    *fd_out = fd;
    return LODE_OK;

close_fd:
    close(fd);
    return err;
}

lode_err
lockfile_take(const char *dir, int *fd_out)
{
    char path[LODE_PATH_MAX];
    LODE_TRY(lode_path_join(path, sizeof path, dir, LODE_FILE_SUPERVISOR_LOCK));
    for (int i = 0; i < ATTEMPTS; i++) {
        lode_err err = take_once(dir, path, fd_out);
        if (err != LODE_EAGAIN) {
            return err;
        }
    }
    return lode_fail_with(LODE_ERUNNING, "'%s' keeps changing hands: others start there", path);
}

void
lockfile_remove(const char *dir)
{
    char path[LODE_PATH_MAX];
    if (lode_path_join(path, sizeof path, dir, LODE_FILE_SUPERVISOR_LOCK) == LODE_OK) {
        unlink(path);
    }
}

static lode_err
ask_holder(int fd, const char *dir, pid_t *pid_out)
{
    struct flock lock = whole_file;
    if (fcntl(fd, F_GETLK, &lock) != 0) {
        return lode_fail_errno("cannot tell who holds the lock of '%s'", dir);
    }
    if (lock.l_type == F_UNLCK) {
        return lode_fail_with(LODE_EDOWN, "no cluster runs in '%s'", dir);
    }
    if (lock.l_pid <= 0) {
        return lode_fail_with(
            LODE_EDENIED, "the cluster in '%s' runs in another container: see to it there", dir);
    }
    *pid_out = lock.l_pid;
    return LODE_OK;
}

/* A pidfd of a process that held the lock before and after it was opened is the holder's. */
static lode_err
open_holder(int fd, const char *dir, pid_t *pid_out, int *pidfd_out)
{
    pid_t pid = 0, again = 0;
    LODE_TRY(ask_holder(fd, dir, &pid));
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        return errno == ESRCH ? LODE_EAGAIN
                              : lode_fail_errno("cannot open the process %d", (int)pid);
    }
    lode_err err = ask_holder(fd, dir, &again);
    if (err != LODE_OK || pid != again) {
        close(pidfd);
        return err != LODE_OK ? err : LODE_EAGAIN;
    }
    *pid_out = pid;
    *pidfd_out = pidfd;
    return LODE_OK;
}

lode_err
lockfile_holder(const char *dir, pid_t *pid_out, int *pidfd_out)
{
    char path[LODE_PATH_MAX];
    lode_err err = LODE_EAGAIN;
    LODE_TRY(lode_path_join(path, sizeof path, dir, LODE_FILE_SUPERVISOR_LOCK));
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? lode_fail_with(LODE_EDOWN, "no cluster runs in '%s'", dir)
                   : lode_fail_errno("cannot open '%s'", path);
    }
    for (int i = 0; i < ATTEMPTS && err == LODE_EAGAIN; i++) {
        err = pidfd_out != NULL ? open_holder(fd, dir, pid_out, pidfd_out)
                                : ask_holder(fd, dir, pid_out);
    }
    if (err == LODE_EAGAIN) {
        err = lode_fail_with(LODE_EDOWN, "the cluster in '%s' is just ending", dir);
    }
    close(fd);
    return err;
}
