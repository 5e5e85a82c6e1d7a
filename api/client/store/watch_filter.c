#include "api/base/fail.h"
#include "api/client/store/many.h"
#include "api/layout/id_filter.h"

#include <stdlib.h>

enum { PART_BYTES = 1 << 15 }; /* of the bits, in one packet */

/* What stands in the filter: each id once, however often the caller gave it; and sessions' rows. */
struct listed {
    size_t chosen, promised, rows;
    uint64_t has_row[LODE_SESSION_ROWS / 64];
};

/* Notices of rows may mark a place meanwhile, so whether it is ready is not asked here. */
static bool
is_in_filter(const struct lode_many *m, size_t i)
{
    return m->same[i] == LODE_MANY_ALONE && lode_many_is_filtered(m, i);
}

static void
list_session(struct listed *listed, uint64_t session)
{
    uint64_t row = session % LODE_SESSION_ROWS, bit = UINT64_C(1) << row % 64;
    listed->rows += (listed->has_row[row / 64] & bit) == 0;
    listed->has_row[row / 64] |= bit;
}

/* All that may stand in it. */
static void
list(const struct lode_many *m, struct listed *listed)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!is_in_filter(m, i)) {
            continue;
        }
        if (lode_id_kind(m->ids[i]) == LODE_ID_USER) {
            listed->chosen++;
        } else {
            listed->promised++;
            list_session(listed, lode_id_session(m->ids[i]));
            lode_spans_note(m->spans, m->ids[i]);
        }
    }
}

static void
set_bit(const struct lode_many *m, uint8_t *bits, uint32_t log2, lode_id id)
{
    uint64_t at = lode_filter_at(lode_many_hash(m, id), log2);
    bits[at / 8] |= (uint8_t)(1 << at % 8);
}

static void
fill(const struct lode_many *m, const struct listed *listed, uint8_t *bits, uint32_t log2)
{
    for (size_t i = 0; i < m->count; i++) {
        if (is_in_filter(m, i)) {
            set_bit(m, bits, log2, m->ids[i]);
        }
    }
    for (uint64_t row = 0; row < LODE_SESSION_ROWS && m->has_promised; row++) {
        if ((listed->has_row[row / 64] >> row % 64 & 1) != 0) {
            set_bit(m, bits, log2, lode_filter_row(row));
        }
    }
}

/* The store may refuse the first part. The answer to the last says that the filter is armed. */
static lode_err
send_part(const struct lode_many *m, struct lode_msg_watch_filter *msg, const uint8_t *bits,
          uint64_t size, bool *refused_out)
{
    int64_t answer_by = m->patience->answer_by;
    if (msg->at > 0 && msg->at + size < lode_filter_bytes(msg->log2)) {
        msg->head.tag = 0;
        return lode_store_send(&m->db->calls.socket, msg, sizeof *msg, bits + msg->at, size,
                               answer_by);
    }
    struct lode_reply reply = {.type = LODE_MSG_OK, .answer_by = answer_by};
    lode_err err =
        lode_store_ask(&m->db->calls, &msg->head, sizeof *msg, bits + msg->at, size, &reply);
    *refused_out = msg->at == 0 && (err == LODE_ELIMIT || err == LODE_ENOMEM);
    return err;
}

/* m->has_filter: it is armed. */
static lode_err
send_filter(struct lode_many *m, size_t count, const uint8_t *bits, uint32_t log2)
{
    struct lode_msg_watch_filter msg = {.head.type = LODE_MSG_WATCH_FILTER,
                                        .cookie = m->watch.cookie,
                                        .count = (uint32_t)count,
                                        .log2 = log2,
                                        .promised = m->has_promised};
    uint64_t size;
    bool refused = false;
    for (; msg.at < lode_filter_bytes(log2); msg.at += size) {
        uint64_t left = lode_filter_bytes(log2) - msg.at;
        size = left < PART_BYTES ? left : PART_BYTES;
        lode_err err = send_part(m, &msg, bits, size, &refused);
        if (refused) {
            return LODE_OK;
        }
        LODE_TRY(err);
    }
    m->has_filter = true;
    return LODE_OK;
}

bool
lode_many_must_look(struct lode_many *m)
{
    lode_mutex_lock(&m->db->calls.mu);
    bool must_look = m->must_look && !lode_many_is_done(m);
    m->must_look = false;
    m->watch.done = lode_many_is_done(m);
    lode_mutex_unlock(&m->db->calls.mu);
    return must_look;
}

/*
 * Those of a sort that are too few are watched one by one: promised ids in a filter have all who
 * put by a ring, or make results, ring the store. Returns how many are left.
 */
static size_t
choose(struct lode_many *m, const struct listed *listed)
{
    m->has_promised = listed->promised >= LODE_FILTER_LEAST;
    m->has_others |= m->has_promised;
    size_t count = listed->chosen + (m->has_promised ? listed->promised + listed->rows : 0);
    return count >= LODE_FILTER_LEAST && count <= LODE_SESSION_WAITS_MAX ? count : 0;
}

static lode_err
make_filter(struct lode_many *m)
{
    struct listed listed = {.chosen = 0};
    m->has_promised = true;
    list(m, &listed);
    size_t count = choose(m, &listed);
    if (count == 0) {
        return LODE_OK; /* too many: the store refuses some of them, one by one */
    }
    uint32_t log2 = lode_filter_log2(count);
    uint8_t *bits = calloc(1, lode_filter_bytes(log2));
    if (bits == NULL) {
        return LODE_OK;
    }
    fill(m, &listed, bits, log2);
    lode_err err = send_filter(m, count, bits, log2);
    free(bits);
    return err;
}

lode_err
lode_many_watch_filter(struct lode_many *m)
{
    if (!m->has_table || m->listed < LODE_FILTER_LEAST) {
        return LODE_OK;
    }
    free(m->spans);
    m->spans = calloc(LODE_SPANS_MAX, sizeof *m->spans);
    if (m->spans == NULL) {
        return LODE_OK;
    }
    LODE_TRY(make_filter(m));
    return lode_many_check_filter(m);
}
