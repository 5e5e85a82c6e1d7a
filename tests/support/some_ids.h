/* some_ids.h: promised ids that lie close or far apart, in a row or in no order. */
#ifndef TESTS_SUPPORT_SOME_IDS_H
#define TESTS_SUPPORT_SOME_IDS_H

#include <lode/object.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Reserves every `step`-th of so many ids, in a row. */
static inline lode_err
reserve_every(lode *db, size_t step, size_t count, lode_id *ids_out)
{
    lode_id *all = calloc(count * step, sizeof *all);
    lode_err err = all != NULL ? lode_reserve(db, count * step, all) : LODE_ENOMEM;
    for (size_t i = 0; i < count && err == LODE_OK; i++) {
        ids_out[i] = all[i * step];
    }
    free(all);
    return err;
}

/* The order is the same each time. */
static inline void
shuffle(lode_id *ids, size_t count)
{
    uint64_t random = 88172645463325252;
    for (size_t i = count; i > 1; i--) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        lode_id id = ids[i - 1];
        ids[i - 1] = ids[random % i];
        ids[random % i] = id;
    }
}

#endif
