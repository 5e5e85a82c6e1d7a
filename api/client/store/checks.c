#include "api/client/store/checks.h"

#include "api/base/fail.h"
#include "api/client/session/handle.h"

#include <stdlib.h>

enum { ROW_LEAST = 64 }; /* shorter rows go id by id, with others in one packet */

struct lode_checks {
    lode *db;
    const lode_id *ids;
    lode_checks_fn found;
    void *arg;
    int64_t answer_by;
    bool drain; /* with the next question */
    size_t row_at, row_count;
    uint32_t row_step;
    uint32_t count; /* in the packet */
    size_t at[LODE_STORE_IDS_MAX];
    struct {
        struct lode_msg_check msg;
        lode_id ids[LODE_STORE_IDS_MAX];
    } packet;
    struct {
        struct lode_msg_check msg;
        uint8_t bits[LODE_STORE_ROW_MAX / 8];
    } answer;
};

lode_err
lode_checks_begin(lode *db, const lode_id *ids, bool drain, int64_t answer_by, lode_checks_fn found,
                  void *arg, struct lode_checks **checks_out)
{
    struct lode_checks *checks = malloc(sizeof *checks);
    if (checks == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory to look for many objects");
    }
    checks->db = db;
    checks->ids = ids;
    checks->found = found;
    checks->arg = arg;
    checks->answer_by = answer_by;
    checks->drain = drain;
    checks->row_count = 0;
    checks->count = 0;
    *checks_out = checks;
    return LODE_OK;
}

/* Asks about `count` ids, of which `sent` are in the packet. The answer has a bit for each. */
static lode_err
ask(struct lode_checks *checks, uint32_t count, uint32_t step, size_t sent)
{
    size_t size = sizeof checks->packet.msg + sent * sizeof checks->packet.ids[0];
    checks->packet.msg = (struct lode_msg_check){
        .head.type = LODE_MSG_CHECK, .count = count, .step = step, .drain = checks->drain};
    LODE_TRY(lode_store_ask_exactly(
        &checks->db->calls, &checks->packet.msg.head, size, LODE_MSG_CHECKED, &checks->answer,
        sizeof checks->answer.msg + (count + 7) / 8, checks->answer_by));
    checks->drain = false;
    return LODE_OK;
}

static bool
is_found(const struct lode_checks *checks, uint32_t i)
{
    return (checks->answer.bits[i / 8] >> i % 8 & 1) != 0;
}

static lode_err
ask_packet(struct lode_checks *checks)
{
    uint32_t count = checks->count;
    checks->count = 0;
    LODE_TRY(ask(checks, count, 0, count));
    for (uint32_t i = 0; i < count; i++) {
        if (is_found(checks, i)) {
            checks->found(checks->arg, checks->at[i]);
        }
    }
    return LODE_OK;
}

/* The packet is empty, and it may have been asked just before. */
static lode_err
ask_row(struct lode_checks *checks)
{
    checks->packet.ids[0] = checks->ids[checks->row_at];
    LODE_TRY(ask(checks, (uint32_t)checks->row_count, checks->row_step, 1));
    for (uint32_t i = 0; i < checks->row_count; i++) {
        if (i % 8 == 0 && checks->answer.bits[i / 8] == 0) {
            i += 7; /* most are still to come */
        } else if (is_found(checks, i)) {
            checks->found(checks->arg, checks->row_at + i);
        }
    }
    return LODE_OK;
}

static lode_err
end_row(struct lode_checks *checks)
{
    size_t count = checks->row_count;
    lode_err err = LODE_OK;
    if (count >= ROW_LEAST) {
        if (checks->count > 0) {
            LODE_TRY(ask_packet(checks)); /* its ids would be overwritten */
        }
        err = ask_row(checks);
        checks->row_count = 0;
        return err;
    }
    checks->row_count = 0;
    for (size_t i = 0; i < count && err == LODE_OK; i++) {
        checks->at[checks->count] = checks->row_at + i;
        checks->packet.ids[checks->count++] = checks->ids[checks->row_at + i];
        if (checks->count == LODE_STORE_IDS_MAX) {
            err = ask_packet(checks);
        }
    }
    return err;
}

/* Whether the id goes on with the row. The second one of a row says how far apart its ids are. */
static bool
goes_on(struct lode_checks *checks, size_t at)
{
    size_t count = checks->row_count;
    if (count == 0 || count == LODE_STORE_ROW_MAX || at != checks->row_at + count) {
        return false;
    }
    lode_id first = checks->ids[checks->row_at], id = checks->ids[at];
    if (count == 1) {
        uint64_t step = lode_id_low(id) - lode_id_low(first);
        if (lode_id_high(id) != lode_id_high(first) || step == 0 || step > LODE_STORE_STEP_MAX) {
            return false;
        }
        checks->row_step = (uint32_t)step;
    }
    return lode_id_same(id, lode_id_plus(first, (uint64_t)checks->row_step * count));
}

lode_err
lode_checks_add(struct lode_checks *checks, size_t at)
{
    if (goes_on(checks, at)) {
        checks->row_count++;
        return LODE_OK;
    }
    LODE_TRY(end_row(checks));
    checks->row_at = at;
    checks->row_count = 1;
    return LODE_OK;
}

lode_err
lode_checks_row(struct lode_checks *checks, const struct lode_row *row)
{
    LODE_TRY(end_row(checks));
    if (checks->count > 0) {
        LODE_TRY(ask_packet(checks)); /* its ids would be overwritten */
    }
    checks->row_at = row->at;
    checks->row_count = row->count;
    checks->row_step = row->step;
    lode_err err = ask_row(checks);
    checks->row_count = 0;
    return err;
}

lode_err
lode_checks_span(struct lode_checks *checks, lode_id first, uint32_t count, lode_checks_id_fn found,
                 void *arg)
{
    LODE_TRY(end_row(checks));
    if (checks->count > 0) {
        LODE_TRY(ask_packet(checks)); /* its ids would be overwritten */
    }
    checks->packet.ids[0] = first;
    LODE_TRY(ask(checks, count, 1, 1));
    for (uint32_t i = 0; i < count; i++) {
        if (i % 8 == 0 && checks->answer.bits[i / 8] == 0) {
            i += 7; /* most are still to come */
        } else if (is_found(checks, i)) {
            found(arg, lode_id_plus(first, i));
        }
    }
    return LODE_OK;
}

lode_err
lode_checks_flush(struct lode_checks *checks)
{
    LODE_TRY(end_row(checks));
    return checks->count > 0 || checks->drain ? ask_packet(checks) : LODE_OK;
}

void
lode_checks_end(struct lode_checks *checks)
{
    free(checks);
}
