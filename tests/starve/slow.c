/*
 * A part of libstarve.so: memory that takes long to free. The call that frees the memory of a large
 * file does not return until somebody opens the FIFO that SLOW_FREE names for writing. The opener
 * waits until there is such a call.
 *
 * The kernel frees the memory with the last name or descriptor, whichever goes last. So a call
 * counts if no process, this one included, has the file open otherwise.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

enum { LARGE_BYTES = 64 << 20, PATH = 512 };

static int
count_in(const char *fds, const struct stat *file)
{
    int count = 0;
    DIR *dir = opendir(fds);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        struct stat there;
        count += fstatat(dirfd(dir), entry->d_name, &there, 0) == 0 &&
                 there.st_dev == file->st_dev && there.st_ino == file->st_ino;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

/* The descriptors that any process has of the file. */
static int
count_open(const struct stat *file)
{
    int count = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char fds[PATH];
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
            snprintf(fds, sizeof fds, "/proc/%s/fd", entry->d_name);
            count += count_in(fds, file);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

static void
be_slow(const char *fifo)
{
    int fd = open(fifo, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
}

static bool
is_large(const struct stat *file)
{
    return S_ISREG(file->st_mode) && (int64_t)file->st_blocks * 512 >= LARGE_BYTES;
}

SEEN int
close(int fd)
{
    static int (*real)(int);
    struct stat file;
    const char *fifo = getenv("SLOW_FREE");
    if (real == NULL) {
        real = (int (*)(int))dlsym(RTLD_NEXT, "close");
    }
    if (fifo != NULL && fstat(fd, &file) == 0 && is_large(&file) && file.st_nlink == 0 &&
        count_open(&file) == 1) {
        be_slow(fifo);
    }
    return real(fd);
}

SEEN int
unlinkat(int dir_fd, const char *name, int flags)
{
    static int (*real)(int, const char *, int);
    struct stat file;
    const char *fifo = getenv("SLOW_FREE");
    if (real == NULL) {
        real = (int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat");
    }
    if (fifo != NULL && fstatat(dir_fd, name, &file, AT_SYMLINK_NOFOLLOW) == 0 && is_large(&file) &&
        file.st_nlink == 1 && count_open(&file) == 0) {
        be_slow(fifo);
    }
    return real(dir_fd, name, flags);
}
