#include "store/waits/ranges.h"

#include "api/base/fail.h"
#include "store/objects/status.h"
#include "store/waits/notices.h"
#include "store/waits/pool.h"
#include "store/waits/wakes.h"

#include <stddef.h>
#include <stdlib.h>

struct range {
    struct range *next, **link;                 /* in the list of its row */
    struct range *session_next, **session_link; /* in that of its session */
    struct session *session;
    struct id_row ids;
    uint64_t cookie;
    uint64_t told[]; /* bits */
};

static struct row_ranges *
row_of(struct waits *waits, uint64_t session)
{
    return &waits->rows[session % LODE_SESSION_ROWS].ranges;
}

static lode_id
id_at(const struct range *range, uint32_t i)
{
    return lode_id_plus(range->ids.first, (uint64_t)i * range->ids.step);
}

static bool
find(const struct range *range, lode_id id, uint32_t *at_out)
{
    if (lode_id_high(id) != lode_id_high(range->ids.first)) {
        return false;
    }
    uint64_t distance = lode_id_low(id) - lode_id_low(range->ids.first);
    uint64_t at = distance / range->ids.step;
    *at_out = (uint32_t)at;
    return at < range->ids.count && distance % range->ids.step == 0;
}

static bool
is_told(const struct range *range, uint32_t at)
{
    return (range->told[at / 64] >> at % 64 & 1) != 0;
}

/* ---- armed and taken away ---- */

/* The scheduler has no limit of a client's (waits.c), but sends no WATCH_ROW: it has this one. */
static lode_err
check_limits(const struct store *store, const struct session *session, const struct id_row *ids)
{
    uint64_t of = lode_id_session(ids->first);
    if (session->wait_count + (uint64_t)ids->count > LODE_SESSION_WAITS_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "one session waits for %u ids, and with %u more it would for more "
                              "than %d: wait for fewer at a time, or open another session",
                              session->wait_count, ids->count, LODE_SESSION_WAITS_MAX);
    }
    return session->range_count >= RANGES_OF_SESSION_MAX ||
                   row_of(store->waits, of)->count >= RANGES_OF_ROW_MAX
               ? lode_fail_with(LODE_ELIMIT, "no more rows of ids can be watched")
               : LODE_OK;
}

lode_err
ranges_arm(struct store *store, struct session *session, const struct id_row *ids, uint64_t cookie)
{
    LODE_TRY(check_limits(store, session, ids));
    size_t words = (ids->count + 63) / 64;
    struct range *range = calloc(1, sizeof *range + words * sizeof range->told[0]);
    if (range == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory to watch %u ids in a row", ids->count);
    }
    struct row_ranges *row = row_of(store->waits, lode_id_session(ids->first));
    range->session = session;
    range->ids = *ids;
    range->cookie = cookie;
    range->next = row->first;
    range->link = &row->first;
    range->session_next = session->range_first;
    range->session_link = &session->range_first;
    if (range->next != NULL) {
        range->next->link = &range->next;
    }
    if (range->session_next != NULL) {
        range->session_next->session_link = &range->session_next;
    }
    row->first = session->range_first = range;
    row->count++;
    session->range_count++;
    session->wait_count += ids->count;
    store->waits->range_count++;
    wakes_arm_all(store);
    return LODE_OK;
}

static void
end(struct store *store, struct range *range)
{
    struct row_ranges *row = row_of(store->waits, lode_id_session(range->ids.first));
    if (row->walk == range) {
        row->walk = range->next;
        row->walk_at = 0;
    }
    *range->link = range->next;
    if (range->next != NULL) {
        range->next->link = range->link;
    }
    *range->session_link = range->session_next;
    if (range->session_next != NULL) {
        range->session_next->session_link = range->session_link;
    }
    row->count--;
    range->session->range_count--;
    range->session->wait_count -= range->ids.count;
    store->waits->range_count--;
    wakes_disarm_all(store);
    free(range);
}

void
ranges_unwatch(struct store *store, struct session *session, uint64_t cookie)
{
    struct range *next;
    for (struct range *range = session->range_first; range != NULL; range = next) {
        next = range->session_next;
        if (range->cookie == cookie) {
            end(store, range);
        }
    }
}

void
ranges_end_session(struct store *store, struct session *session)
{
    while (session->range_first != NULL) {
        end(store, session->range_first);
    }
}

void
ranges_destroy(struct waits *waits)
{
    for (uint32_t i = 0; i < LODE_SESSION_ROWS; i++) {
        struct row_ranges *row = &waits->rows[i].ranges;
        while (row->first != NULL) {
            struct range *range = row->first;
            row->first = range->next;
            free(range);
        }
    }
}

/* ---- telling ---- */

static void
tell(struct store *store, struct range *range, uint32_t at, enum lode_found status, bool is_error)
{
    struct session *session = range->session;
    if (is_told(range, at) || session->ended || session->left) {
        return;
    }
    range->told[at / 64] |= UINT64_C(1) << at % 64;
    notices_add(store, session, id_at(range, at), range->cookie, status, is_error);
}

void
ranges_tell(struct store *store, lode_id id, enum lode_found status, bool is_error)
{
    if (store->waits->range_count == 0) {
        return;
    }
    struct range *range = row_of(store->waits, lode_id_session(id))->first;
    for (uint32_t at; range != NULL; range = range->next) {
        if (find(range, id, &at)) {
            tell(store, range, at, status, is_error);
        }
    }
}

bool
ranges_any(const struct store *store, lode_id id)
{
    const struct range *range = row_of(store->waits, lode_id_session(id))->first;
    for (uint32_t at; range != NULL; range = range->next) {
        if (find(range, id, &at) && !is_told(range, at) && !range->session->ended &&
            !range->session->left) {
            return true;
        }
    }
    return false;
}

/* ---- looking ---- */

static void
look_at(struct store *store, struct range *range, uint32_t at)
{
    uint32_t entry = 0;
    enum lode_found status =
        is_told(range, at) ? LODE_FOUND_PENDING : status_of(store, id_at(range, at), &entry);
    if (status != LODE_FOUND_PENDING) {
        tell(store, range, at, status,
             status == LODE_FOUND_SEALED && store->table.entries[entry].kind == LODE_KIND_ERROR);
    }
}

static bool
look_part(struct store *store, struct chore *chore)
{
    struct row_ranges *row =
        (struct row_ranges *)((char *)chore - offsetof(struct row_ranges, chore));
    for (int i = 0; i < CHORE_LOOKS && row->walk != NULL; i++) {
        look_at(store, row->walk, row->walk_at++);
        if (row->walk_at == row->walk->ids.count) {
            row->walk = row->walk->next;
            row->walk_at = 0;
        }
    }
    return row->walk == NULL;
}

static void
begin_walk(struct row_ranges *row)
{
    row->walk = row->first;
    row->walk_at = 0;
}

void
ranges_look_at_row(struct store *store, uint64_t session)
{
    struct row_ranges *row = row_of(store->waits, session);
    begin_walk(row);
    if (row->walk != NULL && !row->chore.is_given && !look_part(store, &row->chore)) {
        chores_give(store, &row->chore, look_part);
    }
}

void
ranges_look_at_all(struct store *store)
{
    for (uint64_t i = 0; i < LODE_SESSION_ROWS && store->waits->range_count > 0; i++) {
        struct row_ranges *row = row_of(store->waits, i);
        begin_walk(row);
        if (row->walk != NULL) {
            chores_give(store, &row->chore, look_part);
        }
    }
}
