#include "tests/support/leftovers.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROC_READ_MAX = 64 << 10, PROC_PATH_MAX = 64, WALK_FDS = 16, SHOWN_MAX = 64 };

/* Reads /proc/PID/what; returns bytes, 0 where it cannot be read. A zero is put behind them. */
static size_t
read_proc(pid_t pid, const char *what, char *buffer, size_t room)
{
    char path[PROC_PATH_MAX];
    size_t used = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    while (used < room - 1) {
        ssize_t n = read(fd, buffer + used, room - 1 - used);
        if (n <= 0) {
            break;
        }
        used += (size_t)n;
    }
    close(fd);
    buffer[used] = '\0';
    return used;
}

static bool
has_tag(pid_t pid, const char *tag)
{
    static char environment[PROC_READ_MAX];
    char want[PROC_PATH_MAX];
    size_t size = read_proc(pid, "environ", environment, sizeof environment);
    snprintf(want, sizeof want, "LODE_TEST_TAG=%s", tag);
    for (size_t at = 0; at < size; at += strlen(environment + at) + 1) {
        if (strcmp(environment + at, want) == 0) {
            return true;
        }
    }
    return false;
}

static bool
has_name(pid_t pid, const char *name)
{
    char comm[32];
    size_t size = read_proc(pid, "comm", comm, sizeof comm);
    if (size > 0 && comm[size - 1] == '\n') {
        comm[size - 1] = '\0';
    }
    return strcmp(comm, name) == 0;
}

/* The state stands behind the name, which is in brackets and may hold anything. */
static bool
is_alive(pid_t pid)
{
    char stat[512];
    size_t size = read_proc(pid, "stat", stat, sizeof stat);
    const char *bracket = size > 0 ? strrchr(stat, ')') : NULL;
    return bracket != NULL && bracket[1] == ' ' && bracket[2] != 'Z' && bracket[2] != 'X';
}

int
find_processes(const char *tag, const char *name, pid_t *pids, int room)
{
    int count = 0;
    DIR *proc = opendir("/proc");
    if (proc == NULL) {
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)atoi(entry->d_name) : 0;
        if (pid <= 0 || (name != NULL && !has_name(pid, name)) || !has_tag(pid, tag) ||
            !is_alive(pid)) {
            continue;
        }
        if (count < room) {
            pids[count] = pid;
        }
        count++;
    }
    closedir(proc);
    return count;
}

void
print_processes(const char *tag)
{
    pid_t pids[SHOWN_MAX];
    int count = find_processes(tag, NULL, pids, SHOWN_MAX);
    for (int i = 0; i < count && i < SHOWN_MAX; i++) {
        char line[1024];
        size_t size = read_proc(pids[i], "cmdline", line, sizeof line);
        for (size_t c = 0; c + 1 < size; c++) {
            line[c] = line[c] == '\0' ? ' ' : line[c];
        }
        fprintf(stderr, "    %d %s\n", (int)pids[i], line);
    }
}

static enum left_kind walk_kind;
static int walk_count;
static bool walk_prints;

static int
visit(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)where;
    if (type == FTW_D || type == FTW_DP || (walk_kind == LEFT_SOCKET && !S_ISSOCK(st->st_mode))) {
        return 0;
    }
    walk_count++;
    if (walk_prints) {
        fprintf(stderr, "left behind: %s\n", path);
    }
    return 0;
}

static int
walk(const char *dir, enum left_kind kind, bool prints)
{
    walk_kind = kind;
    walk_count = 0;
    walk_prints = prints;
    nftw(dir, visit, WALK_FDS, FTW_PHYS);
    return walk_count;
}

int
print_leftovers(const char *dir, enum left_kind kind)
{
    return walk(dir, kind, true) > 0;
}

int
count_files(const char *dir)
{
    return walk(dir, LEFT_ANY, false);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    remove(path);
    return 0;
}

void
remove_tree(const char *dir)
{
    nftw(dir, remove_one, WALK_FDS, FTW_PHYS | FTW_DEPTH);
}
