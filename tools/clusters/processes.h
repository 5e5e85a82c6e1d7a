/* processes.h: what /proc says of processes. Nothing blocks; a process that is gone is no error. */
#ifndef LODE_TOOLS_PROCESSES_H
#define LODE_TOOLS_PROCESSES_H

#include "api/system/process_stat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    struct lode_process_stat stat;
    uint64_t private_bytes; /* RssAnon: without programs and libraries, which all share */
    uint64_t shared_bytes;  /* RssShmem */
};

/* False if there is no such process. */
bool process_read(pid_t pid, struct process *process_out);

/* Which part of a cluster it is, by its name. */
enum process_role { ROLE_OTHER, ROLE_STORE, ROLE_SCHEDULER, ROLE_WORKER };
enum process_role process_role(const struct process *process);

/* How long it has been there. */
uint64_t process_age_ns(const struct process *process);

/* Fills the memory figures in; zeros if they cannot be read. */
void process_read_memory(struct process *process);

/* The living children of a process, with their memory. Returns how many; writes at most `room`. */
size_t processes_of(pid_t parent, struct process *list, size_t room);

/* Sends the signal to every child of this process; 0: none. Returns how many live. */
size_t processes_signal_children(int signal);

#endif
