/*
 * tmpfs.h: directories in memory for the allocator's tests: an ordinary one in /dev/shm, and a
 * tmpfs of a size of one's own, in a mount namespace of this process (root only).
 */
#ifndef TESTS_UNIT_STORE_TMPFS_H
#define TESTS_UNIT_STORE_TMPFS_H

#include "tests/support/check.h"
#include "tests/support/full_tmpfs.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static char tmpfs_dir[64];

static inline void
tmpfs_setup(void)
{
    snprintf(tmpfs_dir, sizeof tmpfs_dir, "/dev/shm/lode-alloc-XXXXXX");
    scratch_dir(tmpfs_dir);
}

static inline void
tmpfs_teardown(void)
{
    umount2(tmpfs_dir, MNT_DETACH);
    expect_eq(rmdir(tmpfs_dir), 0);
}

/* Criterion has a process for each test, so the namespace ends with it. */
static inline void
tmpfs_of(const char *size)
{
    char options[64];
    snprintf(options, sizeof options, "size=%s,mode=0700", size);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("lode", tmpfs_dir, "tmpfs", 0, options) != 0) {
        const char *why = strerror(errno);
        tmpfs_teardown();
        fprintf(stderr, "SKIPPED: cannot mount a tmpfs here (%s)\n", why);
        cr_skip_test("cannot mount a tmpfs here (%s)", why);
    }
}

/*
 * Something else takes all that the tmpfs has left, until the descriptor that is returned is
 * closed: nothing that the store wants to grow can grow until then.
 */
static inline int
tmpfs_fill(void)
{
    return full_tmpfs(tmpfs_dir);
}

#endif
