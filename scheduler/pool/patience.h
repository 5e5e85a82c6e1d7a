/*
 * patience.h: how long a worker's output may stay unreadable, for want of the lock, or of records
 * that the worker has counted. After a second in which each look was in vain, nobody waits any
 * more, until a look succeeds. A look in vain that follows none for a while begins a new second: in
 * the meantime there was nothing to read, and the worker did nothing wrong.
 */
#ifndef LODE_SCHEDULER_PATIENCE_H
#define LODE_SCHEDULER_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

enum { PATIENCE_NS = 1000000000 };

/* All zero: no look was in vain. */
struct patience {
    int64_t since;  /* of the first look in vain; 0: the last one was not */
    int64_t looked; /* the last one */
    bool is_over;
};

static inline void
patience_begin(struct patience *patience)
{
    *patience = (struct patience){0};
}

/* A look in vain. True: it was the last that waits. */
static inline bool
patience_ends(struct patience *patience, int64_t now)
{
    if (patience->since == 0 || now - patience->looked > PATIENCE_NS / 2) {
        patience->since = now;
    }
    patience->looked = now;
    patience->is_over = patience->is_over || now - patience->since >= PATIENCE_NS;
    return patience->is_over;
}

#endif
