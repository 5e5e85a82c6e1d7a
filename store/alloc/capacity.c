/*
 * Looks at the machine's memory, at cgroup limits of either version, and at what the tmpfs has
 * free.
 */
#include "store/alloc/capacity.h"

#include "api/base/fail.h"
#include "api/layout/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PERCENT = 30 };

/* What the tmpfs needs beside the objects: the index and a session's file, at the least. */
static uint64_t
beside(uint64_t bytes)
{
    return (UINT64_C(1) << 20) + bytes / 64;
}

/* The number in a file of one number; "max", or no such file: UINT64_MAX. */
static uint64_t
number_in(const char *path)
{
    unsigned long long number;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return UINT64_MAX;
    }
    int found = fscanf(file, "%llu", &number);
    fclose(file);
    return found == 1 ? number : UINT64_MAX;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The least limit of the group and the groups around it. */
static uint64_t
limit_upwards(const char *mount, char *group, const char *file)
{
    uint64_t limit = UINT64_MAX;
    char path[1024];
    for (;;) {
        int n = snprintf(path, sizeof path, "%s%s/%s", mount, group, file);
        if (n > 0 && (size_t)n < sizeof path) {
            limit = least(limit, number_in(path));
        }
        char *slash = strrchr(group, '/');
        if (slash == NULL) {
            return limit;
        }
        *slash = '\0';
    }
}

/* Lines are "0::/group" (version 2) or "N:memory,…:/group" (version 1). */
static uint64_t
limit_of_line(char *line)
{
    char *controllers = strchr(line, ':');
    char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (group == NULL) {
        return UINT64_MAX;
    }
    *group++ = '\0';
    controllers++;
    group[strcspn(group, "\n")] = '\0';
    if (*controllers == '\0') {
        return limit_upwards("/sys/fs/cgroup", group, "memory.max");
    }
    for (char *rest = controllers, *name; (name = strsep(&rest, ",")) != NULL;) {
        if (strcmp(name, "memory") == 0) {
            return limit_upwards("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
        }
    }
    return UINT64_MAX;
}

static uint64_t
cgroup_limit(void)
{
    uint64_t limit = UINT64_MAX;
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) {
        return limit;
    }
    while (getline(&line, &room, file) > 0) {
        limit = least(limit, limit_of_line(line));
    }
    free(line);
    fclose(file);
    return limit;
}

static lode_err
tmpfs_free(const char *dir, uint64_t *bytes_out)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) != 0) {
        return lode_fail_errno("cannot ask how much is free in '%s'", dir);
    }
    /* A tmpfs without a limit says 0 blocks of 0. */
    *bytes_out = fs.f_blocks == 0 ? UINT64_MAX : (uint64_t)fs.f_bavail * fs.f_frsize;
    return LODE_OK;
}

static lode_err
too_small(const char *dir, uint64_t wanted, uint64_t has)
{
    return lode_fail_with(LODE_EFULL,
                          "a store of %llu KiB needs %llu KiB of shared memory, and '%s' has %llu "
                          "KiB free: ask for a "
                          "smaller capacity, remove what fills it, or enlarge the tmpfs (mount -o "
                          "remount,size=…; for a container: docker run --shm-size=…)",
                          (unsigned long long)(wanted >> 10),
                          (unsigned long long)((wanted + beside(wanted)) >> 10), dir,
                          (unsigned long long)(has >> 10));
}

lode_err
capacity_choose(const char *dir, uint64_t wanted_bytes, uint64_t *bytes_out)
{
    uint64_t has = 0, bytes = wanted_bytes;
    LODE_TRY(tmpfs_free(dir, &has));
    if (wanted_bytes == 0) {
        uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
        bytes = least(least(memory, cgroup_limit()), has) / 100 * PERCENT;
        bytes = bytes > SEGMENT_CAPACITY_MIN ? bytes : SEGMENT_CAPACITY_MIN;
    }
    bytes = bytes / LODE_PAGE * LODE_PAGE;
    if (bytes < SEGMENT_CAPACITY_MIN) {
        return lode_fail_with(
            LODE_EINVAL, "a capacity of %llu bytes is too small: the least is %llu (1 MiB)",
            (unsigned long long)wanted_bytes, (unsigned long long)SEGMENT_CAPACITY_MIN);
    }
    if (bytes > SEGMENT_CAPACITY_MAX) {
        return lode_fail_with(LODE_EINVAL, "a capacity of %llu bytes: at most %llu (16 TiB)",
                              (unsigned long long)wanted_bytes,
                              (unsigned long long)SEGMENT_CAPACITY_MAX);
    }
    if (has != UINT64_MAX && bytes + beside(bytes) > has) {
        return too_small(dir, bytes, has);
    }
    *bytes_out = bytes;
    return LODE_OK;
}
