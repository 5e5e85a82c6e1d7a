/*
 * burst.h: calls that follow each other go to the scheduler together. A message costs its sender a
 * system call, and wakes two threads of the scheduler: as much as some tasks.
 *
 * A call that comes alone goes at once. One that comes soon after another is held in the link. So
 * is the first one after a wait, if last time another call came before the next wait. What is held
 * goes with the next record that is not, with the next flush (the session is about to sleep), or
 * when the timer rings.
 *
 *     call, get, call, get …                each call goes at once
 *     call, call, call … get, call, call …  all but the very first are held; the get sends them
 *
 * Many calls go in parts, so that others begin with the first ones meanwhile. On one CPU nobody
 * can: a message would only wake who then takes the CPU from the calls, and parts are larger.
 *
 * Threads  lode_burst_wait(): any. The others: tasks.mu is held
 */
#ifndef LODE_CLIENT_BURST_H
#define LODE_CLIENT_BURST_H

#include "api/wire/later.h"
#include "api/wire/link.h"

#include <stdatomic.h>

struct lode_burst {
    struct lode_link *link;
    struct lode_later *_Atomic timer; /* NULL: nothing is held. Written under tasks.mu */
    _Atomic uint32_t held;            /* calls in the link that nobody has sent, or more */
    _Atomic uint32_t since_wait;      /* calls since the session slept last */
    _Atomic bool is_expected;         /* more than one will come before the next wait */
    _Atomic bool rang;                /* it was the timer that sent the last calls */
    _Atomic int64_t last_ns;          /* when the last call came */
    uint32_t held_max;                /* calls; constant */
    uint32_t held_bytes;              /* tasks.mu */
};

/*
 * For the calls that go into this link. Without memory for a timer each goes at once.
 *
 *   cpus  on how many there are others to begin with them while this process calls
 */
void lode_burst_open(struct lode_burst *burst, struct lode_link *link, uint32_t cpus);

/*
 * From now on each call goes at once, and what is held stays in the link. Under tasks.mu: the timer
 * may ring until the caller has closed it, and it must do that without the lock. NULL: none.
 */
struct lode_later *lode_burst_close(struct lode_burst *burst);

/* A call of so many bytes is to be appended. True: it is to be held. */
bool lode_burst_holds(struct lode_burst *burst, uint32_t bytes);

/* The call was appended, and held or not, as lode_burst_holds() has said. */
void lode_burst_appended(struct lode_burst *burst, uint32_t bytes, bool held);

/* The session is about to sleep: sends what is held. */
void lode_burst_wait(struct lode_burst *burst);

#endif
