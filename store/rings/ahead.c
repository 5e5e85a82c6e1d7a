#include "store/rings/ahead.h"

#include "api/system/tricks.h"
#include "store/rings/part.h"
#include "store/state/file.h"

#include <string.h>

/* The environment of a store does not change. */
static bool
is_off(void)
{
    static enum { UNKNOWN, ON, OFF } now;
    if (now == UNKNOWN) {
        now = lode_trick_wanted(LODE_TRICK_AHEAD) ? ON : OFF;
    }
    return now == OFF;
}

/* The slots of a table that was once large are not in the cache. */
static bool
has_few(const struct table *table)
{
    return table->entry_count - table->free_count <= AHEAD_FEW &&
           table->slots.now.mask < UINT64_C(1) << LODE_TABLE_LOG2_MIN;
}

void
ahead_begin(struct ahead *ahead, const struct table *table, const struct session *session,
            uint64_t head, uint64_t tail)
{
    *ahead = (struct ahead){.session = session,
                            .at = head,
                            .fetched = head,
                            .tail = tail,
                            .off = is_off(),
                            .few = has_few(table)};
}

/* Where the id lies behind the record's header. */
static uint64_t
place_of_id(uint16_t type)
{
    return type == LODE_RECORD_COMMIT ? sizeof(struct lode_commit) : 0;
}

/*
 * Another processor wrote the ring's lines, and has them in its cache. Where a record begins says
 * the one before it, so without this each look would wait for a line, one after another.
 */
static void
fetch_lines(struct ahead *ahead)
{
    const uint8_t *ring = ahead->session->file + LODE_RING_OFFSET;
    uint64_t end = ahead->at + AHEAD_BYTES < ahead->tail ? ahead->at + AHEAD_BYTES : ahead->tail;
    for (; ahead->fetched < end; ahead->fetched += LODE_LINE) {
        __builtin_prefetch(ring + (ahead->fetched & (ahead->session->ring_bytes - 1)));
    }
}

/*
 * The hash of the id of the record that is looked at; 0: it has none. Behind a record that cannot
 * be believed nothing is looked at.
 */
static uint64_t
look(struct ahead *ahead, const struct table *table)
{
    const struct session *session = ahead->session;
    uint64_t at = ahead->at & (session->ring_bytes - 1), to_end = session->ring_bytes - at;
    uint64_t left = file_ring_left(session, ahead->at);
    const uint8_t *ring = session->file + LODE_RING_OFFSET;
    struct lode_record record;
    lode_id id;
    if (left < sizeof record) {
        ahead->at = ahead->tail;
        return 0;
    }
    memcpy(&record, ring + at, sizeof record);
    RING_COPIED(record);
    if (record.size < sizeof record || record.size > ahead->tail - ahead->at ||
        record.size % LODE_RECORD_ALIGN != 0 || record.size > to_end) {
        ahead->at = ahead->tail;
        return 0;
    }
    ahead->at += record.size;
    uint64_t place = sizeof record + place_of_id(record.type);
    if (record.type == LODE_RECORD_PAD || place + sizeof id > record.size ||
        place + sizeof id > left) {
        return 0;
    }
    memcpy(&id, ring + at + place, sizeof id);
    RING_COPIED(id);
    return table_hash(table, id);
}

void
ahead_go_on(struct ahead *ahead, const struct table *table, uint64_t head)
{
    if (ahead->off) {
        return;
    }
    if (ahead->few) {
        ahead->at = head;
        fetch_lines(ahead);
        return;
    }
    while (ahead->looked - ahead->applied < AHEAD_FAR && ahead->at != ahead->tail) {
        fetch_lines(ahead);
        uint64_t hash = look(ahead, table);
        ahead->hash[ahead->looked++ % AHEAD_FAR] = hash;
        table_prefetch(table, hash);
    }
    if (ahead->looked - ahead->applied > AHEAD_NEAR) {
        table_prefetch_entry(table, ahead->hash[(ahead->applied + AHEAD_NEAR) % AHEAD_FAR]);
    }
    ahead->applied++;
}
