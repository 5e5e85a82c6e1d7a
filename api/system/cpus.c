#include "api/system/cpus.h"

#include <sched.h>

uint32_t
lode_cpus_count(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}
