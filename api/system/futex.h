/* futex.h: sleeping on a 32-bit word that other processes map too. Wake-ups may be spurious. */
#ifndef LODE_SYSTEM_FUTEX_H
#define LODE_SYSTEM_FUTEX_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * Sleeps while *word == seen, at most timeout_ns (negative: no limit). The word may be read-only.
 */
static inline void
lode_futex_wait(const _Atomic uint32_t *word, uint32_t seen, int64_t timeout_ns)
{
    struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    syscall(SYS_futex, word, FUTEX_WAIT, seen, timeout_ns < 0 ? NULL : &limit, NULL, 0);
}

/* Returns how many were asleep on it. */
static inline long
lode_futex_wake_all(_Atomic uint32_t *word)
{
    return syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

#endif
