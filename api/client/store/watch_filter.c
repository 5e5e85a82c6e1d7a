#include "api/base/fail.h"
#include "api/client/store/many.h"
#include "api/layout/id_filter.h"

#include <stdlib.h>

enum { PART_BYTES = 1 << 15 }; /* of the bits, in one packet */

/*
 * An id that the caller gave more than once counts once. None is in a row: so only notices of a
 * filter mark its place, and while none is armed this thread reads the marks without the lock.
 */
static bool
is_in_filter(const struct lode_many *m, size_t i)
{
    return m->same[i] == LODE_MANY_ALONE && lode_many_is_filtered(m, i) && !m->ready[i];
}

static size_t
count_missing(const struct lode_many *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++) {
        count += is_in_filter(m, i);
    }
    return count;
}

static void
fill(const struct lode_many *m, uint8_t *bits, uint32_t log2)
{
    for (size_t i = 0; i < m->count; i++) {
        if (is_in_filter(m, i)) {
            uint64_t at = lode_filter_at(lode_many_hash(m, m->ids[i]), log2);
            bits[at / 8] |= (uint8_t)(1 << at % 8);
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
                                        .log2 = log2};
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

lode_err
lode_many_watch_filter(struct lode_many *m)
{
    size_t count = m->has_table ? count_missing(m) : 0;
    if (count < LODE_FILTER_LEAST || count > LODE_SESSION_WAITS_MAX) {
        return LODE_OK; /* too many: the store refuses some of them, one by one */
    }
    uint32_t log2 = lode_filter_log2(count);
    uint8_t *bits = calloc(1, lode_filter_bytes(log2));
    if (bits == NULL) {
        return LODE_OK;
    }
    fill(m, bits, log2);
    lode_err err = send_filter(m, count, bits, log2);
    free(bits);
    return err == LODE_OK && m->has_filter ? lode_many_check_filter(m) : err;
}
