/*
 * capacity.h: how large a store may be, by what its machine, its cgroup and its tmpfs have.
 *
 * Threads: any. Blocking: it reads /proc and /sys.
 */
#ifndef LODE_STORE_ALLOC_CAPACITY_H
#define LODE_STORE_ALLOC_CAPACITY_H

#include <lode/error.h>
#include <stdint.h>

#define SEGMENT_CAPACITY_MIN (UINT64_C(1) << 20)
#define SEGMENT_CAPACITY_MAX (UINT64_C(16) << 40)

/*
 * The capacity of a store in `dir`.
 *
 *   wanted_bytes  0: 30 % of the least of memory, cgroup limit and what is free in the tmpfs, but
 *                 no less than SEGMENT_CAPACITY_MIN
 *
 * Errors  LODE_EINVAL   smaller than SEGMENT_CAPACITY_MIN, or more than an extent can say
 *         LODE_EFULL    more than the tmpfs has free; with what to do, --shm-size included
 *         LODE_ESYS
 */
LODE_MUST_CHECK lode_err capacity_choose(const char *dir, uint64_t wanted_bytes,
                                         uint64_t *bytes_out);

#endif
