#include "tests/support/full_tmpfs.h"

#include "tests/support/check.h"

#include <fcntl.h>

int
full_tmpfs(const char *dir)
{
    enum { FIRST = 4 << 20, PAGE = 4096 };
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    off_t at = 0;
    expect_lt(-1, fd);
    for (off_t piece = FIRST; piece >= PAGE; piece /= 2) {
        while (fallocate(fd, 0, at, piece) == 0) {
            at += piece;
        }
    }
    return fd;
}
