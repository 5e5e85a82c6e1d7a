#include "tests/support/scratch.h"

#include "tests/support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int
remove_one(const char *path, const struct stat *file, int type, struct FTW *at)
{
    (void)file, (void)type, (void)at;
    remove(path);
    return 0;
}

/* The reading end of the pipe says when the last process that has the writing end is gone. */
_Noreturn static void
wait_and_remove(int end, const char *path)
{
    char byte;
    close_range(0, (unsigned)end - 1, 0);
    close_range((unsigned)end + 1, ~0U, 0);
    while (read(end, &byte, 1) < 0 && errno == EINTR) {
    }
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    _exit(0);
}

void
scratch_dir(char *path)
{
    int ends[2];
    expect(mkdtemp(path) != NULL);
    expect_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t guard = fork();
    expect(guard >= 0);
    if (guard == 0) {
        setsid(); /* a signal to the test's group is not for it */
        wait_and_remove(ends[0], path);
    }
    close(ends[0]);
}
