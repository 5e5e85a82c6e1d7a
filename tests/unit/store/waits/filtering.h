/* filtering.h: a session that watches ids by a filter: the bits of the ids, and their packets. */
#ifndef TESTS_UNIT_STORE_WAITS_FILTERING_H
#define TESTS_UNIT_STORE_WAITS_FILTERING_H

#include "api/layout/id_filter.h"
#include "tests/unit/store/waits/watching.h"

enum { PART = 1 << 15 }; /* bytes of a packet */

static uint64_t cookie = COOKIE; /* of the filters that are sent */
static bool promised;            /* they are of ids of sessions, too */

static uint8_t bits[4 << 20];

static inline void
set(lode_id id, uint32_t log2)
{
    uint64_t at = lode_filter_at(table_hash(&store->table, id), log2);
    bits[at / 8] |= (uint8_t)(1 << at % 8);
}

/* The user's ids from `from` on. */
static inline void
set_users(uint64_t from, uint32_t count)
{
    memset(bits, 0, sizeof bits);
    for (uint64_t i = from; i < from + count; i++) {
        set(user(i), lode_filter_log2(count));
    }
}

/* One packet; tag 0: without an answer. */
static inline void
send_part(struct fake *fake, uint32_t count, uint32_t log2, uint64_t at, size_t size, uint32_t tag)
{
    static struct {
        struct lode_msg_watch_filter msg;
        uint8_t bits[PART];
    } packet;
    packet.msg = (struct lode_msg_watch_filter){.head = {.type = LODE_MSG_WATCH_FILTER, .tag = tag},
                                                .cookie = cookie,
                                                .count = count,
                                                .log2 = log2,
                                                .at = at,
                                                .promised = promised};
    memcpy(packet.bits, bits + at, size);
    fake_send(fake, &packet, sizeof packet.msg + size);
    pump();
}

static inline void
send_bits(struct fake *fake, uint32_t count)
{
    uint32_t log2 = lode_filter_log2(count);
    uint64_t size, all = lode_filter_bytes(log2);
    for (uint64_t at = 0; at < all; at += size) {
        size = all - at < PART ? all - at : PART;
        send_part(fake, count, log2, at, size, at + size == all);
    }
    expect_ok(fake);
}

#endif
