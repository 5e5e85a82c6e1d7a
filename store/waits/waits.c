#include "store/waits/waits.h"

#include "api/base/fail.h"
#include "store/objects/decided.h"
#include "store/objects/status.h"
#include "store/waits/follow.h"
#include "store/waits/notices.h"
#include "store/waits/pool.h"
#include "store/waits/ranges.h"
#include "store/waits/stream.h"

#include <stdlib.h>

/*
 * The scheduler waits for what the tasks of all programs wait for: no client's limit is the
 * scheduler's.
 */
static lode_err
check_limits(const struct store *store, const struct session *session, uint32_t first)
{
    if (session->flags & LODE_HELLO_SCHEDULER) {
        return LODE_OK;
    }
    if (session->wait_count >= LODE_SESSION_WAITS_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "one session waits for %u ids, and can wait for %d at a time: end "
                              "some of its waits, or open another session",
                              session->wait_count, LODE_SESSION_WAITS_MAX);
    }
    return first != 0 && pool_at(store->waits, first)->same_count >= LODE_SESSION_WAITS_OF_ID_MAX
               ? lode_fail_with(LODE_ELIMIT,
                                "one session waits %d times for one id, as often as it can: let "
                                "some of its threads share a wait, or open another session",
                                LODE_SESSION_WAITS_OF_ID_MAX)
               : LODE_OK;
}

static lode_err
arm(struct store *store, struct session *session, lode_id id, uint64_t cookie, bool is_watch,
    uint32_t *number_out)
{
    struct waits *waits = store->waits;
    uint64_t hash = table_hash(&store->table, id);
    waits_tell_decided(store); /* it is told of nothing that was before it */
    uint32_t first = pool_pair(waits, session, id, hash);
    uint32_t number = pool_of_pair(waits, first, cookie, is_watch);
    if (number != 0) {
        struct wait *again = pool_at(waits, number);
        if (again->status != LODE_FOUND_PENDING) {
            again->status = LODE_FOUND_PENDING;
            wakes_arm(store, again->bucket);
        }
        *number_out = number;
        return LODE_OK;
    }
    LODE_TRY(check_limits(store, session, first));
    LODE_TRY(pool_take(waits, session, id, hash, first, &number));
    struct wait *wait = pool_at(waits, number);
    wait->cookie = cookie;
    wait->status = LODE_FOUND_PENDING;
    wait->is_watch = is_watch;
    wakes_arm(store, wait->bucket);
    *number_out = number;
    return LODE_OK;
}

lode_err
waits_arm(struct store *store, struct session *session, lode_id id, uint64_t cookie, bool is_watch)
{
    uint32_t number;
    return arm(store, session, id, cookie, is_watch, &number);
}

/* ---- armed by a record ---- */

static lode_err
ask_later(struct waits *waits, uint32_t number)
{
    if (waits->unasked_count == waits->unasked_room) {
        uint32_t room = waits->unasked_room == 0 ? WAIT_UNASKED_MIN : waits->unasked_room * 2;
        uint32_t *unasked = realloc(waits->unasked, room * sizeof *unasked);
        if (unasked == NULL) {
            return lode_fail_with(LODE_ENOMEM, "no memory for %u waits", room);
        }
        waits->unasked = unasked;
        waits->unasked_room = room;
    }
    waits->unasked[waits->unasked_count++] = number;
    pool_at(waits, number)->is_unasked = true;
    return LODE_OK;
}

lode_err
waits_arm_and_ask(struct store *store, struct session *session, lode_id id, uint64_t cookie)
{
    uint32_t number;
    LODE_TRY(arm(store, session, id, cookie, false, &number));
    stream_awaited(store, id);
    follow_awaited(store, id);
    return pool_at(store->waits, number)->is_unasked ? LODE_OK : ask_later(store->waits, number);
}

uint32_t
waits_unasked(const struct store *store)
{
    return store->waits->unasked_count - store->waits->unasked_first;
}

bool
waits_next_unasked(struct store *store, struct wait_key *key_out)
{
    struct waits *waits = store->waits;
    if (waits_unasked(store) == 0) {
        return false; /* the last wait has gone meanwhile */
    }
    struct wait *wait = pool_at(waits, waits->unasked[waits->unasked_first++]);
    if (waits->unasked_first == waits->unasked_count) {
        waits->unasked_first = waits->unasked_count = 0;
    }
    bool goes_on = wait->is_unasked;
    wait->is_unasked = false;
    *key_out = (struct wait_key){wait->session, wait->id, wait->cookie};
    return goes_on;
}

bool
waits_disarm(struct store *store, struct session *session, lode_id id, uint64_t cookie,
             enum lode_found *status_out)
{
    waits_tell_decided(store);
    uint32_t number = pool_find(store, session, id, cookie, false);
    if (number == 0) {
        return false;
    }
    if (status_out != NULL) {
        *status_out = pool_at(store->waits, number)->status;
    }
    pool_remove(store, number);
    return true;
}

bool
waits_unwatch_part(struct store *store, struct session *session, uint64_t cookie)
{
    waits_tell_decided(store);
    for (int i = 0; session->unwatch_next != 0; i++) {
        uint32_t number = session->unwatch_next;
        const struct wait *wait = pool_at(store->waits, number);
        if (i == CHORE_PART) {
            return false;
        }
        session->unwatch_next = wait->session_next;
        if (wait->is_watch && wait->cookie == cookie) {
            pool_remove(store, number);
        }
    }
    return true;
}

void
waits_unwatch_id(struct store *store, struct session *session, lode_id id, uint64_t cookie)
{
    waits_tell_decided(store);
    uint32_t number = pool_find(store, session, id, cookie, true);
    if (number != 0) {
        pool_remove(store, number);
    }
}

bool
waits_end_session(struct store *store, struct session *session, uint32_t most)
{
    ranges_end_session(store, session);
    filters_end_session(store, session);
    while (session->wait_first != 0) {
        if (most-- == 0) {
            return false;
        }
        pool_remove(store, session->wait_first);
    }
    return true;
}

/* ---- telling ---- */

void
waits_refuse(struct store *store, lode_id id)
{
    wakes_mark(store, lode_wake_bucket(table_hash(&store->table, id)));
}

static void
tell(struct store *store, uint32_t number, enum lode_found status, bool is_error)
{
    struct wait *wait = pool_at(store->waits, number);
    if (wait->status != LODE_FOUND_PENDING || wait_is_over(wait)) {
        return;
    }
    if (wait->is_watch) {
        notices_add(store, wait->session, wait->id, wait->cookie, status, is_error);
        pool_remove(store, number);
        return;
    }
    wakes_mark(store, wait->bucket);
    if (status == LODE_FOUND_SEALED) {
        pool_remove(store, number);
    } else {
        wait->status = (uint8_t)status;
        wakes_disarm(store, wait->bucket);
    }
}

/* Tells all waits of a session for an id, the first of which this is. */
static void
tell_pair(struct store *store, uint32_t first, enum lode_found status, bool is_error)
{
    uint32_t next;
    for (uint32_t number = first; number != 0; number = next) {
        next = pool_at(store->waits, number)->same_next;
        tell(store, number, status, is_error);
    }
}

static void
tell_all(struct store *store, lode_id id, enum lode_found status, bool is_error)
{
    struct waits *waits = store->waits;
    uint64_t hash = table_hash(&store->table, id);
    bool any = store->wakes.armed[lode_wake_bucket(hash)] != 0;
    uint32_t next, number = any ? pool_head(waits, hash) : 0;
    for (; number != 0; number = next) {
        next = pool_at(waits, number)->hash_next;
        if (lode_id_same(pool_at(waits, number)->id, id)) {
            tell_pair(store, number, status, is_error);
        }
    }
    ranges_tell(store, id, status, is_error);
}

void
waits_tell_one(struct store *store, struct session *session, lode_id id, uint64_t cookie,
               enum lode_found status, bool is_error)
{
    for (int is_watch = 0; is_watch < 2; is_watch++) {
        uint32_t number = pool_find(store, session, id, cookie, is_watch != 0);
        if (number != 0) {
            tell(store, number, status, is_error);
        }
    }
}

static bool
is_any_armed(const struct waits *waits, uint32_t first)
{
    uint32_t number = wait_is_over(pool_at(waits, first)) ? 0 : first;
    while (number != 0 && pool_at(waits, number)->status != LODE_FOUND_PENDING) {
        number = pool_at(waits, number)->same_next;
    }
    return number != 0;
}

bool
waits_any(struct store *store, lode_id id)
{
    struct waits *waits = store->waits;
    waits_tell_decided(store);
    uint64_t hash = table_hash(&store->table, id);
    uint32_t number = pool_head(waits, hash);
    for (; number != 0; number = pool_at(waits, number)->hash_next) {
        if (lode_id_same(pool_at(waits, number)->id, id) && is_any_armed(waits, number)) {
            return true;
        }
    }
    return ranges_any(store, id) || filters_any(store, id, hash);
}

/* ---- what was decided ---- */

/* Tells all waits of a session for an id, the first of which this is, if the id is decided. */
static void
look_at(struct store *store, uint32_t first)
{
    uint32_t entry = 0;
    enum lode_found status = status_of(store, pool_at(store->waits, first)->id, &entry);
    if (status != LODE_FOUND_PENDING) {
        bool is_error =
            status == LODE_FOUND_SEALED && store->table.entries[entry].kind == LODE_KIND_ERROR;
        tell_pair(store, first, status, is_error);
    }
}

static bool
look_at_row_part(struct store *store, struct chore *chore)
{
    struct row_waits *row = (struct row_waits *)chore;
    for (int i = 0; row->next != 0; i++) {
        uint32_t number = row->next;
        if (i == CHORE_LOOKS) {
            return false;
        }
        row->next = pool_at(store->waits, number)->row_next;
        look_at(store, number);
    }
    return true;
}

/*
 * A session has ended, or is settled: looks at the waits for ids of its row, and tells those whose
 * id is decided. That is done at once if they are few. If a walk of the row is under way, it begins
 * anew.
 */
static void
look_at_row(struct store *store, uint64_t session)
{
    struct row_waits *row = &store->waits->rows[session % LODE_SESSION_ROWS];
    row->next = row->first;
    if (!row->chore.is_given && !look_at_row_part(store, &row->chore)) {
        chores_give(store, &row->chore, look_at_row_part);
    }
    ranges_look_at_row(store, session);
    filters_look_at_row(store, session);
}

static bool
look_at_all_part(struct store *store, struct chore *chore)
{
    struct waits *waits = store->waits;
    (void)chore;
    for (int i = 0; waits->all_next < waits->begun; i++, waits->all_next++) {
        const struct wait *wait = pool_at(waits, waits->all_next + 1);
        if (i == CHORE_LOOKS) {
            return false;
        }
        if (wait->session != NULL && wait->same_count > 0) {
            look_at(store, waits->all_next + 1);
        }
    }
    return true;
}

/* There was no memory for a decision. */
static void
look_at_all(struct store *store)
{
    store->waits->all_next = 0;
    chores_give(store, &store->waits->all, look_at_all_part);
    ranges_look_at_all(store);
    filters_look_at_all(store);
}

static void
tell_one_decision(struct store *store, const struct decision *decision)
{
    enum lode_found status = decision->status;
    if (status != LODE_FOUND_PENDING) {
        tell_all(store, decision->id, status, decision->is_error);
    }
    if (status == LODE_FOUND_SEALED || status == LODE_FOUND_ABORTED) {
        stream_decided(store, decision->id);
    }
}

/*
 * First each decided id is told to its waits, with the reason. Then the waits for ids of sessions
 * that have ended are looked at anew.
 */
void
waits_tell_decided(struct store *store)
{
    struct decided *decided = &store->decided;
    if (decided->count == 0 && !decided->lost) {
        return;
    }
    for (uint32_t i = 0; i < decided->count; i++) {
        tell_one_decision(store, &decided->list[i]);
    }
    filters_tell_decided(store);
    for (uint32_t i = 0; i < decided->count; i++) {
        if (decided->list[i].status == LODE_FOUND_PENDING) {
            look_at_row(store, lode_id_session(decided->list[i].id));
        }
    }
    if (decided->lost) {
        look_at_all(store);
    }
    decided_clear(decided);
}
