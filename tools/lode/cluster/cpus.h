/* cpus.h: how many CPUs there are for us. */
#ifndef LODE_TOOLS_CPUS_H
#define LODE_TOOLS_CPUS_H

/*
 * Those that this process may run on, cut to the quota of its cgroup (a container's); at least 1.
 */
int cpus_usable(void);

#endif
