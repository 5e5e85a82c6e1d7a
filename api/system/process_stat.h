/* process_stat.h: what /proc/PID/stat says of a process. Nothing blocks. */
#ifndef LODE_SYSTEM_PROCESS_STAT_H
#define LODE_SYSTEM_PROCESS_STAT_H

#include <stdbool.h>
#include <sys/types.h>

struct lode_process_stat {
    pid_t pid, parent;
    char state;               /* 'R', 'S', 'Z' … */
    char name[16];            /* the program's, cut to 15 bytes */
    unsigned long long start; /* clock ticks since the boot: with the pid it names one process */
};

/* False if there is no such process in our pid namespace. */
bool lode_process_stat_read(pid_t pid, struct lode_process_stat *stat_out);

#endif
