/*
 * drafts.h: which drafts of a session are open, by entry and generation. So a draft is ended once:
 * a copy of a draft that was ended is refused.
 */
#ifndef LODE_CLIENT_DRAFTS_H
#define LODE_CLIENT_DRAFTS_H

#include "api/base/lock.h"

#include <lode/object.h>

/* More open drafts would need more maps than a process may have (vm.max_map_count, 65,530). */
enum { LODE_OPEN_DRAFTS_MAX = 16384 };

struct lode_open_draft {
    uint32_t entry;
    uint64_t generation;
    uint64_t extent;
    uint64_t stored; /* bytes at the extent, with strides */
    bool named;      /* not one of lode_result_draft() */
    lode_id id;
};

struct lode_draft_node;

struct lode_drafts {
    struct lode_mutex mu;
    struct lode_draft_node *table; /* mu */
    uint32_t count;                /* mu */
};

void lode_drafts_init(struct lode_drafts *drafts);
void lode_drafts_fini(struct lode_drafts *drafts);

/* Errors: LODE_ENOMEM; LODE_ELIMIT too many are open. */
LODE_MUST_CHECK lode_err lode_drafts_add(struct lode_drafts *drafts,
                                         const struct lode_open_draft *draft);

/* Takes it out. Errors: LODE_EINVAL it is not open. */
LODE_MUST_CHECK lode_err lode_drafts_take(struct lode_drafts *drafts, uint32_t entry,
                                          uint64_t generation, struct lode_open_draft *draft_out);

/* Takes any one out; false: there is none. */
bool lode_drafts_take_any(struct lode_drafts *drafts, struct lode_open_draft *draft_out);

#endif
