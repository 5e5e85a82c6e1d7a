#include "api/system/process_stat.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STAT_MAX = 1024 };

/* The name stands in parentheses and may itself hold any byte: what follows the last one counts. */
static bool
parse(char *line, struct lode_process_stat *stat)
{
    int parent;
    char *open = strchr(line, '('), *close = strrchr(line, ')');
    if (open == NULL || close == NULL || close < open) {
        return false;
    }
    *close = '\0';
    snprintf(stat->name, sizeof stat->name, "%.15s", open + 1);
    if (sscanf(close + 1,
               " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &stat->state, &parent, &stat->start) != 3) {
        return false;
    }
    stat->parent = parent;
    return true;
}

bool
lode_process_stat_read(pid_t pid, struct lode_process_stat *stat_out)
{
    char path[48], line[STAT_MAX];
    struct lode_process_stat stat = {.pid = pid};
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t got = read(fd, line, sizeof line - 1);
    close(fd);
    line[got > 0 ? got : 0] = '\0';
    if (!parse(line, &stat)) {
        return false;
    }
    *stat_out = stat;
    return true;
}
