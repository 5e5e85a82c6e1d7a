#include "api/cluster/hold.h"

#include "api/base/clock.h"
#include "api/system/descriptor.h"
#include "api/base/fail.h"
#include "api/system/process_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCKED, WRITTEN }; /* bytes of the file, by number: hold.h */
enum { LINE_MAX_BYTES = 48, PATIENCE_MS = 1000 };

static struct flock
lock_of(int byte)
{
    return (struct flock){
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1, .l_pid = 0};
}

/* LODE_EAGAIN: another open file has it. */
static lode_err
lock(int fd, int byte, const char *path)
{
    struct flock wanted = lock_of(byte);
    if (fcntl(fd, F_OFD_SETLK, &wanted) == 0) {
        return LODE_OK;
    }
    return errno == EAGAIN || errno == EACCES ? LODE_EAGAIN
                                              : lode_fail_errno("cannot lock '%s'", path);
}

static lode_err
is_locked(int fd, int byte, const char *path, bool *is_out)
{
    struct flock wanted = lock_of(byte);
    if (fcntl(fd, F_OFD_GETLK, &wanted) != 0) {
        return lode_fail_errno("cannot tell who holds '%s'", path);
    }
    *is_out = wanted.l_type != F_UNLCK;
    return LODE_OK;
}

static void
pause_1_ms(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/*
 * unlink() takes three steps, and other processes run between them: the link count falls, inotify
 * tells whoever watches by then, and only then the name is gone. A look between the last two finds
 * the name of a file about whose end nothing will be told any more: the count says that it ends.
 */
bool
lode_hold_finds(const char *path, struct stat *stat_out)
{
    return lstat(path, stat_out) == 0 && stat_out->st_nlink > 0;
}

bool
lode_hold_is_at(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && lode_hold_finds(path, &there) && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

/* ---- the line in the file ------------------------------------------------------------------ */

lode_err
lode_holder_write(int fd, pid_t pid)
{
    char line[LINE_MAX_BYTES];
    struct lode_process_stat stat;
    errno = 0;
    if (!lode_process_stat_read(pid, &stat)) {
        if (errno == EMFILE || errno == ENFILE) {
            return lode_fail_errno("cannot look at the process %d", (int)pid);
        }
        return lode_fail_with(LODE_EDOWN, "the process %d has ended", (int)pid);
    }
    int length = snprintf(line, sizeof line, "%d %llu\n", (int)pid, stat.start);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, line, (size_t)length, 0) != length) {
        return lode_fail_errno("cannot write which process holds the file");
    }
    return LODE_OK;
}

lode_err
lode_holder_read(int fd, struct lode_holder *holder_out)
{
    char line[LINE_MAX_BYTES];
    struct lode_holder holder;
    int pid, end = 0;
    ssize_t got = pread(fd, line, sizeof line - 1, 0);
    line[got > 0 ? got : 0] = '\0';
    if (sscanf(line, "%d %llu%n", &pid, &holder.start, &end) != 2 ||
        strcmp(line + end, "\n") != 0 || pid <= 0) {
        return lode_fail_with(LODE_ECORRUPT, "it is not the line 'PID START'");
    }
    holder.pid = pid;
    *holder_out = holder;
    return LODE_OK;
}

bool
lode_holder_is_here(const struct lode_holder *holder)
{
    struct lode_process_stat stat;
    return holder->pid > 0 && lode_process_stat_read(holder->pid, &stat) &&
           stat.start == holder->start && stat.state != 'Z';
}

/* ---- files --------------------------------------------------------------------------------- */

/*
 * Asks who holds the file. The line is read only while byte 1 is locked: otherwise it may be the
 * line of a holder that has ended. The file may change hands between the looks and the read. Then
 * the answer is the holder of the first look, or the next one, or pid 0 if the next one was just
 * writing.
 */
static lode_err
ask(int fd, const char *path, struct lode_holder *holder_out)
{
    struct lode_holder holder = {0};
    bool is_held, is_written;
    LODE_TRY(is_locked(fd, LOCKED, path, &is_held));
    if (!is_held) {
        return lode_fail_with(LODE_EDOWN, "no process holds '%s'", path);
    }
    LODE_TRY(is_locked(fd, WRITTEN, path, &is_written));
    if (is_written && lode_holder_read(fd, &holder) != LODE_OK) {
        holder = (struct lode_holder){0}; /* written over by somebody */
    }
    *holder_out = holder;
    return LODE_OK;
}

lode_err
lode_hold_ask(const char *path, struct lode_holder *holder_out)
{
    int fd =
        lode_descriptor_above_stdio(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? lode_fail_with(LODE_ENOTFOUND, "there is no '%s'", path)
                   : lode_fail_errno("cannot open '%s'", path);
    }
    lode_err err = ask(fd, path, holder_out);
    close(fd);
    return err;
}

static lode_err
fail_held(const char *path, const struct lode_holder *holder)
{
    int length = (int)(strrchr(path, '/') - path);
    if (lode_holder_is_here(holder)) {
        return lode_fail_with(LODE_ERUNNING,
                              "already running (pid %d) in '%.*s': stop it, or choose another "
                              "directory",
                              (int)holder->pid, length, path);
    }
    return lode_fail_with(LODE_ERUNNING,
                          "already running in '%.*s' (in another container): stop it there, or "
                          "choose another directory",
                          length, path);
}

/* LODE_EAGAIN: the holder has just let go, or another file is there now, or it writes who it is. */
static lode_err
take(const char *path, int fd)
{
    struct lode_holder holder = {0};
    lode_err err = lock(fd, LOCKED, path);
    if (err == LODE_EAGAIN) {
        err = ask(fd, path, &holder);
        return err == LODE_EDOWN || (err == LODE_OK && holder.pid == 0) ? LODE_EAGAIN
               : err == LODE_OK                                         ? fail_held(path, &holder)
                                                                        : err;
    }
    LODE_TRY(err);
    if (!lode_hold_is_at(fd, path)) {
        return LODE_EAGAIN; /* its holder has unlinked it as it ended */
    }
    /* The file may have been made under any umask. */
    if (fchmod(fd, 0600) != 0) {
        return lode_fail_errno("cannot set the mode of '%s'", path);
    }
    err = lode_holder_write(fd, getpid());
    if (err != LODE_OK) {
        lode_hold_remove(path, fd); /* it says nothing: its directory can be removed then */
        return err;
    }
    return lock(fd, WRITTEN, path);
}

lode_err
lode_hold_try(const char *path, int *fd_out)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return lode_fail_errno("cannot open '%s'", path);
    }
    lode_err err = take(path, fd);
    if (err != LODE_OK) {
        close(fd);
        return err;
    }
    *fd_out = fd;
    return LODE_OK;
}

lode_err
lode_hold_file(const char *path, int *fd_out)
{
    int64_t deadline = lode_deadline(PATIENCE_MS);
    lode_err err;
    while ((err = lode_hold_try(path, fd_out)) == LODE_EAGAIN) {
        if (lode_now_ns() >= deadline) {
            return fail_held(path, &(struct lode_holder){0});
        }
        pause_1_ms();
    }
    return err;
}

lode_err
lode_hold_check(const char *path)
{
    struct lode_holder holder;
    lode_err err = lode_hold_ask(path, &holder);
    if (err == LODE_OK && holder.pid != 0) {
        return fail_held(path, &holder);
    }
    return err == LODE_ENOTFOUND || err == LODE_EDOWN ? LODE_OK : err;
}

void
lode_hold_remove(const char *path, int fd)
{
    if (fd >= 0 && lode_hold_is_at(fd, path)) {
        unlink(path);
    }
}

/* ---- directories --------------------------------------------------------------------------- */

lode_err
lode_hold_directory(const char *path, int64_t patience_ms, int *fd_out)
{
    int64_t deadline = lode_deadline(patience_ms);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? LODE_EAGAIN : lode_fail_errno("cannot open '%s'", path);
    }
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            lode_err err = lode_fail_errno("cannot lock '%s'", path);
            close(fd);
            return err;
        }
        if (lode_now_ns() >= deadline) {
            close(fd);
            return lode_fail_with(LODE_ERUNNING, "a cluster that runs uses the directory '%s'",
                                  path);
        }
        pause_1_ms();
    }
    if (!lode_hold_is_at(fd, path)) {
        close(fd);
        return LODE_EAGAIN;
    }
    *fd_out = fd;
    return LODE_OK;
}
