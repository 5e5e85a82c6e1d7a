/* cpus.h: on how many CPUs a thread may run. Nothing blocks. */
#ifndef LODE_SYSTEM_CPUS_H
#define LODE_SYSTEM_CPUS_H

#include <stdint.h>
#include <sys/types.h>

/* Of the calling thread with 0, or of another process. All CPUs if the kernel does not say. */
uint32_t lode_cpus_count(pid_t pid);

#endif
