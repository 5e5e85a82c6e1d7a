/*
 * patience.h: how long a public call waits, fixed once when the call begins. All that the call asks
 * of the store on its way shares it.
 *
 * A store that runs answers at once. A store that is stopped (SIGSTOP), or busy for long, does not.
 * The rule for all calls, as cluster.h promises it: a call with a timeout comes back a second after
 * its time is up at the latest. A call without one, or with timeout 0, waits 5 s for answers.
 * LODE_FOREVER waits as long as the store lives.
 */
#ifndef LODE_CLIENT_PATIENCE_H
#define LODE_CLIENT_PATIENCE_H

#include "api/base/clock.h"

enum { LODE_ANSWER_MS = 5000, LODE_GRACE_MS = 1000 };

struct lode_patience {
    int64_t timeout_ms; /* as the caller gave it */
    int64_t deadline;   /* for what the call waits for: room, an object, a name */
    int64_t answer_by;  /* for the store's answers */
};

static inline int64_t
lode_time_after(int64_t time, int64_t ms)
{
    return time < LODE_NEVER - ms * 1000000 ? time + ms * 1000000 : LODE_NEVER;
}

/* Until when a call without a timeout, which begins now, waits for answers. */
static inline int64_t
lode_answer_by(void)
{
    return lode_deadline(LODE_ANSWER_MS);
}

/* Of a call that begins now. */
static inline struct lode_patience
lode_patience_of(int64_t timeout_ms)
{
    int64_t deadline = lode_deadline(timeout_ms);
    int64_t more = timeout_ms == 0 ? LODE_ANSWER_MS : LODE_GRACE_MS;
    return (struct lode_patience){timeout_ms, deadline, lode_time_after(deadline, more)};
}

/*
 * For the next answer, after work of the call's own, such as the copy of a put: what this took is
 * not the store's delay.
 */
static inline int64_t
lode_patience_anew(const struct lode_patience *patience)
{
    int64_t more = patience->timeout_ms == 0 ? LODE_ANSWER_MS : LODE_GRACE_MS;
    int64_t anew = lode_deadline(more);
    return patience->answer_by > anew ? patience->answer_by : anew;
}

/*
 * For an answer that the store gives once it has memory for so many bytes. Getting it takes the
 * system time: 64 MiB a second are far less than any machine does.
 */
static inline int64_t
lode_patience_for_bytes(const struct lode_patience *patience, uint64_t bytes)
{
    const uint64_t most = UINT64_C(1) << 44; /* no store is larger */
    return lode_time_after(patience->answer_by, (int64_t)((bytes < most ? bytes : most) >> 16));
}

#endif
