/*
 * offers.h: what is offered to all programs outlives the scheduler. The core says what it offers
 * (OFFERED) whenever that changes, and the daemon keeps it. The next scheduler is told each name
 * (CORE_OFFER_AGAIN), and loads its file anew (loads.h). Until the name is bound, there is an entry
 * for it here; calls of its functions wait meanwhile. Where the load fails, the entry stays and
 * says why, until the name is offered again.
 */
#ifndef LODE_SCHEDULER_CORE_OFFERS_H
#define LODE_SCHEDULER_CORE_OFFERS_H

#include "scheduler/core/state/state.h"

/* `size` bytes of the name count. NULL: there is none. */
struct core_offer *core_offer_find(const struct core *core, const char *name, size_t size);

/* An entry that `load` is to end. */
struct core_offer *core_offer_add(struct core *core, const char *name, struct core_load *load);

/* The load has failed: it is lost. */
void core_offer_lose(struct core *core, struct core_offer *offer, const char *why);

/* The name is offered from now on. None of that name: nothing. */
void core_offer_drop(struct core *core, const char *name);

/* Says what is offered, and what is to be offered again. */
void core_offers_tell(struct core *core);

void core_offers_fini(struct core *core);

#endif
