#include "store/waits/pool.h"

#include "api/base/fail.h"
#include "store/waits/ranges.h"
#include "store/waits/wakes.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNKS_FREED_AT_ONCE = 16 };

static lode_err
no_memory(const struct waits *waits)
{
    return lode_fail_with(LODE_ENOMEM, "no memory for more than %u waits", waits->used);
}

lode_err
pool_create(struct waits **waits_out)
{
    struct waits *waits = calloc(1, sizeof *waits);
    uint32_t *heads = calloc(WAIT_HEADS_MIN, sizeof *heads);
    if (waits == NULL || heads == NULL) {
        free(waits);
        free(heads);
        return lode_fail_with(LODE_ENOMEM, "no memory for the list of waits");
    }
    waits->heads = heads;
    waits->head_count = waits->head_base = waits->head_room = WAIT_HEADS_MIN;
    *waits_out = waits;
    return LODE_OK;
}

void
pool_destroy(struct waits *waits)
{
    if (waits == NULL) {
        return;
    }
    while (waits->chunk_count > 0) {
        free(waits->chunks[--waits->chunk_count]);
    }
    ranges_destroy(waits);
    filters_destroy(&waits->filters);
    free(waits->chunks);
    free(waits->heads);
    free(waits->unasked);
    free(waits);
}

/* ---- the heads ---- */

static uint32_t
head_bits(uint64_t hash)
{
    return (uint32_t)(hash >> 20);
}

/*
 * There are as many heads as pairs, or a few more. Heads above `head_base` are those that were
 * split off so far: the hashes of the others have not got their own ones yet.
 */
static uint32_t
head_of(const struct waits *waits, uint32_t bits)
{
    uint32_t at = bits & (2 * waits->head_base - 1);
    return at < waits->head_count ? at : bits & (waits->head_base - 1);
}

uint32_t
pool_head(const struct waits *waits, uint64_t hash)
{
    return waits->heads[head_of(waits, head_bits(hash))];
}

static void
link_head(struct waits *waits, uint32_t number)
{
    struct wait *wait = pool_at(waits, number);
    uint32_t *head = &waits->heads[head_of(waits, wait->hash)];
    wait->hash_prev = 0;
    wait->hash_next = *head;
    if (*head != 0) {
        pool_at(waits, *head)->hash_prev = number;
    }
    *head = number;
}

/* Adds a head, and moves to it what belongs there. Without memory the chains become longer. */
static void
split_head(struct waits *waits)
{
    if (waits->head_count == waits->head_room) {
        uint32_t *heads = realloc(waits->heads, 2 * (size_t)waits->head_room * sizeof *heads);
        if (heads == NULL) {
            return;
        }
        waits->heads = heads;
        waits->head_room *= 2;
    }
    uint32_t next, from = waits->head_count - waits->head_base, number = waits->heads[from];
    waits->heads[from] = waits->heads[waits->head_count++] = 0;
    for (; number != 0; number = next) {
        next = pool_at(waits, number)->hash_next;
        link_head(waits, number);
    }
    if (waits->head_count == 2 * waits->head_base) {
        waits->head_base = waits->head_count;
    }
}

/* ---- finding ---- */

static uint32_t
find_pair(const struct waits *waits, const struct session *session, lode_id id, uint32_t bits)
{
    uint32_t number = waits->heads[head_of(waits, bits)];
    while (number != 0 && !(pool_at(waits, number)->session == session &&
                            lode_id_same(pool_at(waits, number)->id, id))) {
        number = pool_at(waits, number)->hash_next;
    }
    return number;
}

uint32_t
pool_pair(const struct waits *waits, const struct session *session, lode_id id, uint64_t hash)
{
    return find_pair(waits, session, id, head_bits(hash));
}

uint32_t
pool_of_pair(const struct waits *waits, uint32_t first, uint64_t cookie, bool is_watch)
{
    uint32_t number = first;
    while (number != 0 && !(pool_at(waits, number)->cookie == cookie &&
                            pool_at(waits, number)->is_watch == is_watch)) {
        number = pool_at(waits, number)->same_next;
    }
    return number;
}

uint32_t
pool_find(struct store *store, const struct session *session, lode_id id, uint64_t cookie,
          bool is_watch)
{
    struct waits *waits = store->waits;
    uint32_t first = pool_pair(waits, session, id, table_hash(&store->table, id));
    return pool_of_pair(waits, first, cookie, is_watch);
}

/* ---- pairs ---- */

static struct row_waits *
row_of(struct waits *waits, lode_id id)
{
    uint64_t session = lode_id_session(id);
    return session != 0 ? &waits->rows[session % LODE_SESSION_ROWS] : NULL;
}

static void
link_pair(struct waits *waits, uint32_t number)
{
    struct wait *wait = pool_at(waits, number);
    struct row_waits *row = row_of(waits, wait->id);
    wait->same_count = 1;
    waits->pair_count++;
    link_head(waits, number);
    if (row != NULL) {
        wait->row_next = row->first;
        if (row->first != 0) {
            pool_at(waits, row->first)->row_prev = number;
        }
        row->first = number;
    }
    if (waits->pair_count > waits->head_count) {
        split_head(waits);
    }
}

static void
link_same(struct waits *waits, uint32_t number, uint32_t first)
{
    struct wait *wait = pool_at(waits, number), *of_pair = pool_at(waits, first);
    wait->same_prev = first;
    wait->same_next = of_pair->same_next;
    if (wait->same_next != 0) {
        pool_at(waits, wait->same_next)->same_prev = number;
    }
    of_pair->same_next = number;
    of_pair->same_count++;
}

/* The next wait of the pair becomes its first one, or the pair goes with its last wait. */
static void
unlink_first(struct waits *waits, const struct wait *first)
{
    struct row_waits *row = row_of(waits, first->id);
    uint32_t heir = first->same_next;
    uint32_t to_hash_next = heir != 0 ? heir : first->hash_next;
    uint32_t to_row_next = heir != 0 ? heir : first->row_next;
    if (first->hash_prev != 0) {
        pool_at(waits, first->hash_prev)->hash_next = to_hash_next;
    } else {
        waits->heads[head_of(waits, first->hash)] = to_hash_next;
    }
    if (first->hash_next != 0) {
        pool_at(waits, first->hash_next)->hash_prev = heir != 0 ? heir : first->hash_prev;
    }
    if (row != NULL && first->row_prev == 0) {
        row->first = to_row_next;
    } else if (row != NULL) {
        pool_at(waits, first->row_prev)->row_next = to_row_next;
    }
    if (first->row_next != 0) {
        pool_at(waits, first->row_next)->row_prev = heir != 0 ? heir : first->row_prev;
    }
    if (heir != 0) {
        struct wait *wait = pool_at(waits, heir);
        wait->same_count = first->same_count - 1;
        wait->same_prev = 0;
        wait->hash_next = first->hash_next;
        wait->hash_prev = first->hash_prev;
        wait->row_next = first->row_next;
        wait->row_prev = first->row_prev;
    } else {
        waits->pair_count--;
    }
}

static void
unlink_pair(struct waits *waits, uint32_t number)
{
    const struct wait *wait = pool_at(waits, number);
    struct row_waits *row = row_of(waits, wait->id);
    if (row != NULL && row->next == number) { /* only a first wait is looked at */
        row->next = wait->same_next != 0 ? wait->same_next : wait->row_next;
    }
    if (wait->same_prev == 0) {
        unlink_first(waits, wait);
        return;
    }
    pool_at(waits, wait->same_prev)->same_next = wait->same_next;
    if (wait->same_next != 0) {
        pool_at(waits, wait->same_next)->same_prev = wait->same_prev;
    }
    pool_at(waits, find_pair(waits, wait->session, wait->id, wait->hash))->same_count--;
}

/* ---- taking ---- */

static lode_err
grow(struct waits *waits)
{
    if (waits->chunk_count == waits->chunk_room) {
        uint32_t room = waits->chunk_room == 0 ? 16 : waits->chunk_room * 2;
        struct wait **chunks = realloc(waits->chunks, room * sizeof *chunks);
        if (chunks == NULL) {
            return no_memory(waits);
        }
        waits->chunks = chunks;
        waits->chunk_room = room;
    }
    struct wait *chunk = malloc(WAIT_CHUNK * sizeof *chunk);
    if (chunk == NULL) {
        return no_memory(waits);
    }
    waits->chunks[waits->chunk_count++] = chunk;
    return LODE_OK;
}

static void
link_session(struct waits *waits, uint32_t number, struct session *session)
{
    pool_at(waits, number)->session_next = session->wait_first;
    if (session->wait_first != 0) {
        pool_at(waits, session->wait_first)->session_prev = number;
    }
    session->wait_first = number;
    session->wait_count++;
}

lode_err
pool_take(struct waits *waits, struct session *session, lode_id id, uint64_t hash, uint32_t first,
          uint32_t *number_out)
{
    uint32_t number = waits->free_first;
    if (number != 0) {
        waits->free_first = pool_at(waits, number)->hash_next;
    } else {
        if (waits->begun == waits->chunk_count * WAIT_CHUNK) {
            LODE_TRY(grow(waits));
        }
        number = ++waits->begun;
    }
    struct wait *wait = pool_at(waits, number);
    *wait = (struct wait){.id = id,
                          .session = session,
                          .hash = head_bits(hash),
                          .bucket = (uint16_t)lode_wake_bucket(hash)};
    if (first == 0) {
        link_pair(waits, number);
    } else {
        link_same(waits, number, first);
    }
    link_session(waits, number, session);
    waits->used++;
    *number_out = number;
    return LODE_OK;
}

/* ---- freeing ---- */

/* Gives back the chunks that have not been used since the pool was empty, but for one. */
static bool
shrink_part(struct store *store, struct chore *chore)
{
    struct waits *waits = store->waits;
    (void)chore;
    for (int i = 0; i < CHUNKS_FREED_AT_ONCE; i++) {
        if (waits->chunk_count <= 1 || waits->begun > (waits->chunk_count - 1) * WAIT_CHUNK) {
            return true;
        }
        free(waits->chunks[--waits->chunk_count]);
    }
    return false;
}

/* No wait is left: the pool is as it was in the beginning. */
static void
empty(struct store *store)
{
    struct waits *waits = store->waits;
    waits->begun = waits->free_first = 0;
    waits->unasked_first = waits->unasked_count = 0;
    waits->head_count = waits->head_base = WAIT_HEADS_MIN;
    if (waits->head_room > WAIT_HEADS_MIN) {
        uint32_t *heads = realloc(waits->heads, WAIT_HEADS_MIN * sizeof *heads);
        waits->heads = heads != NULL ? heads : waits->heads;
        waits->head_room = heads != NULL ? WAIT_HEADS_MIN : waits->head_room;
    }
    if (waits->chunk_count > 1) {
        chores_give(store, &waits->shrinking, shrink_part);
    }
}

void
pool_remove(struct store *store, uint32_t number)
{
    struct waits *waits = store->waits;
    struct wait *wait = pool_at(waits, number);
    struct session *session = wait->session;
    if (wait->status == LODE_FOUND_PENDING) {
        wakes_disarm(store, wait->bucket);
    }
    unlink_pair(waits, number);
    if (session->unwatch_next == number) {
        session->unwatch_next = wait->session_next;
    }
    if (wait->session_prev != 0) {
        pool_at(waits, wait->session_prev)->session_next = wait->session_next;
    } else {
        session->wait_first = wait->session_next;
    }
    if (wait->session_next != 0) {
        pool_at(waits, wait->session_next)->session_prev = wait->session_prev;
    }
    session->wait_count--;
    wait->session = NULL;
    wait->is_unasked = false;
    wait->hash_next = waits->free_first;
    waits->free_first = number;
    if (--waits->used == 0) {
        empty(store);
    }
}
