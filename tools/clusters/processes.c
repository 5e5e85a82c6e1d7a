#include "tools/clusters/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool
process_read(pid_t pid, struct process *process_out)
{
    struct process process = {0};
    if (!lode_process_stat_read(pid, &process.stat)) {
        return false;
    }
    *process_out = process;
    return true;
}

enum process_role
process_role(const struct process *process)
{
    static const struct {
        const char *name;
        enum process_role role;
    } roles[] = {{"lode-store", ROLE_STORE},
                 {"lode-scheduler", ROLE_SCHEDULER},
                 {"lode-worker", ROLE_WORKER}};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(process->stat.name, roles[i].name) == 0) {
            return roles[i].role;
        }
    }
    return ROLE_OTHER;
}

uint64_t
process_age_ns(const struct process *process)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    uint64_t start_ns = process->stat.start * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
    return now_ns > start_ns ? now_ns - start_ns : 0;
}

void
process_read_memory(struct process *process)
{
    char path[48], line[128];
    snprintf(path, sizeof path, "/proc/%d/status", (int)process->stat.pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long long kib;
        if (sscanf(line, "RssAnon: %llu", &kib) == 1) {
            process->private_bytes = kib << 10;
        } else if (sscanf(line, "RssShmem: %llu", &kib) == 1) {
            process->shared_bytes = kib << 10;
        }
    }
    fclose(file);
}

typedef void (*each_child_fn)(struct process *child, void *arg);

/* By a walk over /proc: the kernel's list of children is an option that not every kernel has. */
static void
each_child(pid_t parent, each_child_fn each, void *arg)
{
    DIR *proc = opendir("/proc");
    if (proc == NULL) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
        struct process process;
        if (isdigit((unsigned char)entry->d_name[0]) &&
            process_read((pid_t)atoi(entry->d_name), &process) && process.stat.parent == parent &&
            process.stat.state != 'Z') {
            each(&process, arg);
        }
    }
    closedir(proc);
}

struct collected {
    struct process *list;
    size_t room, count;
};

static void
collect(struct process *child, void *arg)
{
    struct collected *collected = arg;
    if (collected->count < collected->room) {
        process_read_memory(child);
        collected->list[collected->count] = *child;
    }
    collected->count++;
}

size_t
processes_of(pid_t parent, struct process *list, size_t room)
{
    struct collected collected = {list, room, 0};
    each_child(parent, collect, &collected);
    return collected.count;
}

struct signalled {
    int signal;
    size_t count;
};

static void
signal_child(struct process *child, void *arg)
{
    struct signalled *signalled = arg;
    kill(child->stat.pid, signalled->signal);
    signalled->count++;
}

size_t
processes_signal_children(int signal)
{
    struct signalled signalled = {signal, 0};
    each_child(getpid(), signal_child, &signalled);
    return signalled.count;
}
