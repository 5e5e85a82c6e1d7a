#include "store/rings/pairs.h"

#include "store/rings/part.h"
#include "store/state/file.h"

#include <string.h>

static_assert((PAIRS_FAR + 1) * PAIRS_RECORD / LODE_RECORD_ALIGN <= 64, "pairs.h: bits of skip");

void
pairs_begin(struct pairs *pairs, const struct store *store, const struct session *session,
            uint64_t head)
{
    *pairs =
        (struct pairs){.session = session, .off = store->batch.phase != BATCH_NONE, .at = head};
}

/* Moves the bits: the record at `head` is the one of bit 0. */
static void
move_on(struct pairs *pairs, uint64_t head)
{
    uint64_t steps = (head - pairs->at) / LODE_RECORD_ALIGN;
    pairs->skip = steps < 64 ? pairs->skip >> steps : 0;
    pairs->at = head;
}

struct reference {
    struct lode_record record;
    lode_id id;
};
static_assert(sizeof(struct reference) == PAIRS_RECORD, "pairs.h");

static bool
is_reference(const struct reference *reference, uint16_t type)
{
    return reference->record.type == type && reference->record.size == PAIRS_RECORD;
}

/*
 * Looks for the DROP of the TAKE at `ring`, of which `left` bytes lie in one piece, and marks it.
 */
static bool
find_drop(struct pairs *pairs, const uint8_t *ring, uint64_t left, lode_id id)
{
    for (uint32_t n = 1; n <= PAIRS_FAR && (n + 1) * PAIRS_RECORD <= left; n++) {
        uint64_t bit = UINT64_C(1) << n * PAIRS_RECORD / LODE_RECORD_ALIGN;
        struct reference next;
        memcpy(&next, ring + n * PAIRS_RECORD, sizeof next);
        RING_COPIED(next);
        bool is_drop = is_reference(&next, LODE_RECORD_DROP);
        if (!is_drop && !is_reference(&next, LODE_RECORD_TAKE)) {
            return false;
        }
        if (is_drop && lode_id_same(next.id, id) && (pairs->skip & bit) == 0) {
            pairs->skip |= bit;
            return true;
        }
    }
    return false;
}

bool
pairs_skip(struct pairs *pairs, uint64_t head, uint64_t tail)
{
    uint64_t at = head & (pairs->session->ring_bytes - 1);
    uint64_t to_end = file_ring_left(pairs->session, head);
    uint64_t left = tail - head < to_end ? tail - head : to_end;
    const uint8_t *ring = pairs->session->file + LODE_RING_OFFSET + at;
    static const lode_id zero; /* cuts the session when it is applied */
    struct reference take;
    if (pairs->off || left < PAIRS_RECORD) {
        return false;
    }
    move_on(pairs, head);
    if ((pairs->skip & 1) != 0) {
        return true;
    }
    if (pairs->session->lost != NULL) { /* it may be lost since the drain began */
        return false;
    }
    memcpy(&take, ring, sizeof take);
    RING_COPIED(take);
    return is_reference(&take, LODE_RECORD_TAKE) && !lode_id_same(take.id, zero) &&
           find_drop(pairs, ring, left, take.id);
}
