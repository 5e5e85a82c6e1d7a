#include "api/client/tasks/result_refs.h"

#include "api/layout/id.h"

enum { COUNT_BITS = 16, COUNT_MASK = (1 << COUNT_BITS) - 1 };

void
lode_result_refs_init(struct lode_result_refs *refs, uint64_t session)
{
    *refs =
        (struct lode_result_refs){.high = lode_id_high(lode_id_make(LODE_ID_RESULT, session, 0))};
}

/* NULL: the id is never counted here. */
static _Atomic uint64_t *
slot_of(struct lode_result_refs *refs, lode_id id)
{
    bool fits = lode_id_high(id) == refs->high && lode_id_low(id) >> (64 - COUNT_BITS) == 0;
    return fits ? &refs->slot[lode_id_low(id) % LODE_RESULT_REFS_MAX] : NULL;
}

static uint32_t
count_in(uint64_t word)
{
    return word & COUNT_MASK;
}

static bool
is_of(uint64_t word, lode_id id)
{
    return word != 0 && word >> COUNT_BITS == lode_id_low(id);
}

void
lode_result_refs_born(struct lode_result_refs *refs, lode_id id)
{
    _Atomic uint64_t *slot = slot_of(refs, id);
    if (slot == NULL) {
        return;
    }
    uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
    if (count_in(word) <= 1) { /* else, or if that changes now, the new one is not counted here */
        atomic_compare_exchange_strong(slot, &word, lode_id_low(id) << COUNT_BITS | 1);
    }
}

bool
lode_result_refs_take(struct lode_result_refs *refs, lode_id id)
{
    _Atomic uint64_t *slot = slot_of(refs, id);
    uint64_t word = slot != NULL ? atomic_load_explicit(slot, memory_order_relaxed) : 0;
    while (is_of(word, id) && count_in(word) < COUNT_MASK) {
        if (atomic_compare_exchange_weak(slot, &word, word + 1)) {
            return true;
        }
    }
    return false;
}

bool
lode_result_refs_drop(struct lode_result_refs *refs, lode_id id)
{
    _Atomic uint64_t *slot = slot_of(refs, id);
    uint64_t word = slot != NULL ? atomic_load_explicit(slot, memory_order_relaxed) : 0;
    while (is_of(word, id)) {
        bool is_last = count_in(word) == 1;
        if (atomic_compare_exchange_weak(slot, &word, is_last ? 0 : word - 1)) {
            return !is_last;
        }
    }
    return false;
}
