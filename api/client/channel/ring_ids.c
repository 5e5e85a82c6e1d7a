#include "api/client/channel/ring_ids.h"

static_assert(2 * LODE_RING_DROPS_MAX * LODE_REFERENCE_BYTES + sizeof(struct lode_record) <=
                  LODE_RING_BYTES_FIRST,
              "ring_ids.h");

/* None needs credit. For room they wait, wait unless drops are owed, or do not wait. */
static const struct lode_patience waits = {.deadline = LODE_NEVER, .answer_by = LODE_ROOM_LATER},
                                  waits_unless_owing = {.deadline = LODE_NEVER,
                                                        .answer_by = LODE_ROOM_UNLESS_OWING},
                                  waits_never = {.deadline = LODE_NEVER, .answer_by = 0};

/* TAKE or DROP. */
static lode_err
reference(struct lode_ring *ring, enum lode_record_type type, lode_id id, bool urgent,
          const struct lode_patience *room)
{
    struct lode_ring_need need = {.size = LODE_REFERENCE_BYTES};
    void *body;
    LODE_TRY(lode_ring_reserve(ring, type, &need, room, &body));
    memcpy(body, &id, sizeof id);
    lode_ring_publish(ring, &need, NULL, 0, 0, urgent);
    return LODE_OK;
}

lode_err
lode_ring_take(struct lode_ring *ring, lode_id id)
{
    return reference(ring, LODE_RECORD_TAKE, id, false, &waits);
}

static void
drop(struct lode_ring *ring, lode_id id, bool urgent, const struct lode_patience *room)
{
    if (reference(ring, LODE_RECORD_DROP, id, urgent, room) == LODE_ETIMEDOUT) {
        lode_ring_owe(ring, id);
    }
}

void
lode_ring_drop(struct lode_ring *ring, lode_id id, bool urgent)
{
    drop(ring, id, urgent, &waits_unless_owing);
}

void
lode_ring_drop_now(struct lode_ring *ring, lode_id id)
{
    drop(ring, id, true, &waits_never);
}

/* One piece of the ring, and one write of the tail, for as many records as there are ids. */
static lode_err
drop_part(struct lode_ring *ring, const lode_id *ids, uint32_t count, bool urgent)
{
    struct lode_ring_need need = {.size = count * LODE_REFERENCE_BYTES};
    void *body;
    LODE_TRY(lode_ring_reserve(ring, LODE_RECORD_DROP, &need, &waits_unless_owing, &body));
    uint8_t *at = (uint8_t *)body - sizeof(struct lode_record);
    for (uint32_t i = 0; i < count; i++, at += LODE_REFERENCE_BYTES) {
        struct lode_record record = {.size = LODE_REFERENCE_BYTES, .type = LODE_RECORD_DROP};
        memcpy(at, &record, sizeof record);
        memcpy(at + sizeof record, &ids[i], sizeof ids[i]);
    }
    lode_ring_publish(ring, &need, NULL, 0, 0, urgent);
    return LODE_OK;
}

void
lode_ring_drop_part(struct lode_ring *ring, const lode_id *ids, uint32_t count, bool urgent)
{
    if (drop_part(ring, ids, count, urgent) == LODE_ETIMEDOUT) {
        for (uint32_t i = 0; i < count; i++) {
            lode_ring_owe(ring, ids[i]);
        }
    }
}

lode_err
lode_ring_wait(struct lode_ring *ring, lode_id id, uint64_t cookie, int64_t answer_by)
{
    const struct lode_patience room = {.deadline = LODE_NEVER, .answer_by = answer_by};
    struct lode_wait_record record = {.id = id, .cookie = cookie};
    struct lode_ring_need need = {.size = sizeof(struct lode_record) + sizeof record};
    void *body;
    LODE_TRY(lode_ring_reserve(ring, LODE_RECORD_WAIT, &need, &room, &body));
    memcpy(body, &record, sizeof record);
    lode_ring_publish(ring, &need, NULL, 0, 0, true);
    return LODE_OK;
}
