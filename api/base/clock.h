/* clock.h: monotonic time and deadlines. A deadline is in ns of CLOCK_MONOTONIC. */
#ifndef LODE_BASE_CLOCK_H
#define LODE_BASE_CLOCK_H

#include <lode/cluster.h>
#include <time.h>

#define LODE_NEVER INT64_MAX

static inline int64_t
lode_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The deadline of a timeout_ms that begins now; LODE_FOREVER (any negative) and overflow: never. */
static inline int64_t
lode_deadline(int64_t timeout_ms)
{
    int64_t ns, end;
    if (timeout_ms < 0 || __builtin_mul_overflow(timeout_ms, INT64_C(1000000), &ns) ||
        __builtin_add_overflow(lode_now_ns(), ns, &end)) {
        return LODE_NEVER;
    }
    return end;
}

/* Milliseconds until the deadline, rounded up: 0 when it has passed, -1 for never (as poll()). */
static inline int64_t
lode_remaining_ms(int64_t deadline)
{
    if (deadline == LODE_NEVER) {
        return LODE_FOREVER;
    }
    int64_t left = deadline - lode_now_ns();
    return left <= 0 ? 0 : (left + 999999) / 1000000;
}

#endif
