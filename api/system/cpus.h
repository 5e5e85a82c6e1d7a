/* cpus.h: on how many CPUs the calling thread may run. Nothing blocks. */
#ifndef LODE_SYSTEM_CPUS_H
#define LODE_SYSTEM_CPUS_H

#include <stdint.h>

/* 1 if the kernel does not say. */
uint32_t lode_cpus_count(void);

#endif
