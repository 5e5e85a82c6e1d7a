#include "tools/lode/cluster/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CPUS_MOST = 8192 };

static int
cpus_of_affinity(void)
{
    size_t size = CPU_ALLOC_SIZE(CPUS_MOST);
    cpu_set_t *set = CPU_ALLOC(CPUS_MOST);
    int count = 0;
    if (set != NULL && sched_getaffinity(0, size, set) == 0) {
        count = CPU_COUNT_S(size, set);
    }
    CPU_FREE(set);
    return count > 0 ? count : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/* "max 100000" or "150000 100000": microseconds in a period. 0: no quota. */
static int
quota_of(const char *path)
{
    long long quota, period;
    int cpus = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    if (fscanf(file, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0) {
        cpus = (int)((quota + period - 1) / period);
    }
    fclose(file);
    return cpus;
}

/* The tightest quota from our group up to the root of the hierarchy (cgroup v2). */
static int
cpus_of_cgroup(void)
{
    char line[512], path[640];
    int least = 0;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::", 3) != 0) {
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        for (char *end; (end = strrchr(line + 3, '/')) != NULL; *end = '\0') {
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", line + 3);
            int cpus = quota_of(path);
            least = cpus > 0 && (least == 0 || cpus < least) ? cpus : least;
        }
    }
    fclose(file);
    int here = quota_of("/sys/fs/cgroup/cpu.max");
    return here > 0 && (least == 0 || here < least) ? here : least;
}

int
cpus_usable(void)
{
    int cpus = cpus_of_affinity(), quota = cpus_of_cgroup();
    cpus = quota > 0 && quota < cpus ? quota : cpus;
    return cpus > 0 ? cpus : 1;
}
