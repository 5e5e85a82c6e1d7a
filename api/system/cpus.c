#include "api/system/cpus.h"

#include <sched.h>
#include <unistd.h>

uint32_t
lode_cpus_count(pid_t pid)
{
    cpu_set_t set;
    if (sched_getaffinity(pid, sizeof set, &set) == 0) {
        return (uint32_t)CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* there are more than 1,024, or no such pid */
    return online > 0 ? (uint32_t)online : 1;
}
