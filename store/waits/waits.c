#include "store/waits/waits.h"

#include "api/base/fail.h"
#include "store/objects/decided.h"
#include "store/objects/status.h"
#include "store/waits/notices.h"
#include "store/waits/pool.h"
#include "store/waits/stream.h"

#include <stdlib.h>

lode_err
waits_create(struct waits **waits_out)
{
    struct waits *waits = calloc(1, sizeof *waits);
    if (waits == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the list of waits");
    }
    *waits_out = waits;
    return LODE_OK;
}

void
waits_destroy(struct waits *waits)
{
    if (waits != NULL) {
        free(waits->pool);
        free(waits->unasked);
        free(waits);
    }
}

/*
 * Whether the session has as many waits for the id as it may have. They are found one after the
 * other, so a client with a great many would slow the store down.
 */
static bool
waits_too_often(const struct store *store, const struct session *session, lode_id id, uint64_t hash)
{
    const struct waits *waits = store->waits;
    uint32_t count = 0, number = waits->heads[(hash >> 20) % WAIT_HEADS];
    for (; number != 0 && count < LODE_SESSION_WAITS_OF_ID_MAX;
         number = waits->pool[number - 1].hash_next) {
        const struct wait *wait = &waits->pool[number - 1];
        count += wait->session == session && lode_id_same(wait->id, id);
    }
    return count >= LODE_SESSION_WAITS_OF_ID_MAX;
}

/*
 * The scheduler waits for what the tasks of all programs wait for: no client's limit is the
 * scheduler's.
 */
static lode_err
check_limits(const struct store *store, const struct session *session, lode_id id, uint64_t hash)
{
    if (session->flags & LODE_HELLO_SCHEDULER) {
        return LODE_OK;
    }
    if (session->wait_count >= LODE_SESSION_WAITS_MAX) {
        return lode_fail_with(LODE_ELIMIT, "one session waits for %u ids: it can wait for no more",
                              session->wait_count);
    }
    return waits_too_often(store, session, id, hash)
               ? lode_fail_with(LODE_ELIMIT,
                                "one session waits %d times for one id, and can do so no more",
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
    uint32_t number = pool_find(store, session, id, cookie, is_watch);
    if (number != 0) {
        struct wait *again = &waits->pool[number - 1];
        if (again->status != LODE_FOUND_PENDING) {
            again->status = LODE_FOUND_PENDING;
            wakes_arm(store, again->bucket);
        }
        *number_out = number;
        return LODE_OK;
    }
    LODE_TRY(check_limits(store, session, id, hash));
    LODE_TRY(pool_take(waits, session, hash, &number));
    struct wait *wait = &waits->pool[number - 1];
    wait->id = id;
    wait->cookie = cookie;
    wait->bucket = lode_wake_bucket(hash);
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
        uint32_t room = waits->unasked_room == 0 ? WAIT_POOL_MIN : waits->unasked_room * 2;
        uint32_t *unasked = realloc(waits->unasked, room * sizeof *unasked);
        if (unasked == NULL) {
            return lode_fail_with(LODE_ENOMEM, "no memory for %u waits", room);
        }
        waits->unasked = unasked;
        waits->unasked_room = room;
    }
    waits->unasked[waits->unasked_count++] = number;
    waits->pool[number - 1].is_unasked = true;
    return LODE_OK;
}

lode_err
waits_arm_and_ask(struct store *store, struct session *session, lode_id id, uint64_t cookie)
{
    uint32_t number;
    LODE_TRY(arm(store, session, id, cookie, false, &number));
    stream_awaited(store, id);
    return store->waits->pool[number - 1].is_unasked ? LODE_OK : ask_later(store->waits, number);
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
    struct wait *wait = &waits->pool[waits->unasked[waits->unasked_first++] - 1];
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
        *status_out = store->waits->pool[number - 1].status;
    }
    pool_remove(store, number);
    return true;
}

void
waits_unwatch(struct store *store, struct session *session, uint64_t cookie)
{
    uint32_t next;
    waits_tell_decided(store);
    for (uint32_t number = session->wait_first; number != 0; number = next) {
        const struct wait *wait = &store->waits->pool[number - 1];
        next = wait->session_next;
        if (wait->is_watch && wait->cookie == cookie) {
            pool_remove(store, number);
        }
    }
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
    struct wait *wait = &store->waits->pool[number - 1];
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

static void
tell_all(struct store *store, lode_id id, enum lode_found status, bool is_error)
{
    struct waits *waits = store->waits;
    uint64_t hash = table_hash(&store->table, id);
    uint32_t next,
        number = store->wakes.armed[lode_wake_bucket(hash)] == 0 ? 0 : *pool_head(waits, hash);
    for (; number != 0; number = next) {
        next = waits->pool[number - 1].hash_next;
        if (lode_id_same(waits->pool[number - 1].id, id)) {
            tell(store, number, status, is_error);
        }
    }
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

bool
waits_any(struct store *store, lode_id id)
{
    struct waits *waits = store->waits;
    waits_tell_decided(store);
    uint32_t number = *pool_head(waits, table_hash(&store->table, id));
    for (; number != 0; number = waits->pool[number - 1].hash_next) {
        const struct wait *wait = &waits->pool[number - 1];
        if (wait->status == LODE_FOUND_PENDING && !wait_is_over(wait) &&
            lode_id_same(wait->id, id)) {
            return true;
        }
    }
    return false;
}

/* ---- what was decided ---- */

static void
look_at(struct store *store, uint32_t number)
{
    uint32_t entry = 0;
    enum lode_found status = status_of(store, store->waits->pool[number - 1].id, &entry);
    if (status != LODE_FOUND_PENDING) {
        bool is_error =
            status == LODE_FOUND_SEALED && store->table.entries[entry].kind == LODE_KIND_ERROR;
        tell(store, number, status, is_error);
    }
}

static bool
look_part(struct store *store, struct chore *chore)
{
    struct waits *waits = store->waits;
    struct look *look = (struct look *)chore, *other = &waits->looks[look == waits->looks];
    if (chores_is_behind(chore, &other->chore)) {
        return false;
    }
    for (int i = 0; look->next < waits->room; i++, look->next++) {
        const struct wait *wait = &waits->pool[look->next];
        if (i == CHORE_LOOKS) {
            return false;
        }
        if (wait->session != NULL &&
            (look->session == 0 || lode_id_session(wait->id) == look->session)) {
            look_at(store, look->next + 1);
        }
    }
    return true;
}

/*
 * Looks at the waits for ids of that session (0: of any), and tells those whose id is decided. One
 * walk serves all sessions that end before it begins: thousands do if the scheduler ends. A short
 * walk is done at once.
 */
static void
look_anew(struct store *store, uint64_t session)
{
    struct waits *waits = store->waits;
    struct look *look = &waits->looks[waits->looks[0].chore.is_given];
    for (int i = 0; i < 2; i++) {
        if (waits->looks[i].chore.is_given && waits->looks[i].next == 0) {
            waits->looks[i].session = waits->looks[i].session == session ? session : 0;
            return;
        }
    }
    look->next = 0;
    look->session = session;
    chores_give(store, &look->chore, look_part);
    if (waits->room <= CHORE_LOOKS) {
        chores_do_now(store, &look->chore);
    }
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
    uint64_t session = 0;
    uint32_t sessions = 0;
    for (uint32_t i = 0; i < decided->count; i++) {
        tell_one_decision(store, &decided->list[i]);
        if (decided->list[i].status == LODE_FOUND_PENDING) {
            session = lode_id_session(decided->list[i].id);
            sessions++;
        }
    }
    if (decided->lost || sessions > 1) {
        look_anew(store, 0);
    } else if (sessions == 1) {
        look_anew(store, session);
    }
    decided_clear(decided);
}
