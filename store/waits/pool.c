#include "store/waits/pool.h"

#include "api/base/fail.h"
#include "store/waits/wakes.h"

#include <stdlib.h>
#include <string.h>

uint32_t *
pool_head(struct waits *waits, uint64_t hash)
{
    return &waits->heads[(hash >> 20) % WAIT_HEADS];
}

static lode_err
grow_pool(struct waits *waits)
{
    uint32_t room = waits->room == 0 ? WAIT_POOL_MIN : waits->room * 2;
    struct wait *pool = realloc(waits->pool, room * sizeof *pool);
    if (pool == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for %u waits", room);
    }
    memset(pool + waits->room, 0, (room - waits->room) * sizeof *pool);
    for (uint32_t i = room; i-- > waits->room;) {
        pool[i].hash_next = waits->free_first;
        waits->free_first = i + 1;
    }
    waits->pool = pool;
    waits->room = room;
    return LODE_OK;
}

uint32_t
pool_find(struct store *store, struct session *session, lode_id id, uint64_t cookie, bool is_watch)
{
    struct waits *waits = store->waits;
    uint32_t number = *pool_head(waits, table_hash(&store->table, id));
    for (; number != 0; number = waits->pool[number - 1].hash_next) {
        const struct wait *wait = &waits->pool[number - 1];
        if (wait->session == session && wait->cookie == cookie && wait->is_watch == is_watch &&
            lode_id_same(wait->id, id)) {
            return number;
        }
    }
    return 0;
}

static void
link_wait(struct waits *waits, uint32_t number, struct session *session, uint64_t hash)
{
    struct wait *wait = &waits->pool[number - 1];
    uint32_t *head = pool_head(waits, hash);
    wait->hash_prev = 0;
    wait->hash_next = *head;
    if (*head != 0) {
        waits->pool[*head - 1].hash_prev = number;
    }
    *head = number;
    wait->session_prev = 0;
    wait->session_next = session->wait_first;
    if (session->wait_first != 0) {
        waits->pool[session->wait_first - 1].session_prev = number;
    }
    session->wait_first = number;
    session->wait_count++;
}

lode_err
pool_take(struct waits *waits, struct session *session, uint64_t hash, uint32_t *number_out)
{
    if (waits->free_first == 0) {
        LODE_TRY(grow_pool(waits));
    }
    uint32_t number = waits->free_first;
    struct wait *wait = &waits->pool[number - 1];
    waits->free_first = wait->hash_next;
    wait->session = session;
    link_wait(waits, number, session, hash);
    *number_out = number;
    return LODE_OK;
}

void
pool_remove(struct store *store, uint32_t number)
{
    struct waits *waits = store->waits;
    struct wait *wait = &waits->pool[number - 1];
    if (wait->status == LODE_FOUND_PENDING) {
        wakes_disarm(store, wait->bucket);
    }
    if (wait->hash_prev != 0) {
        waits->pool[wait->hash_prev - 1].hash_next = wait->hash_next;
    } else {
        *pool_head(waits, table_hash(&store->table, wait->id)) = wait->hash_next;
    }
    if (wait->hash_next != 0) {
        waits->pool[wait->hash_next - 1].hash_prev = wait->hash_prev;
    }
    if (wait->session_prev != 0) {
        waits->pool[wait->session_prev - 1].session_next = wait->session_next;
    } else {
        wait->session->wait_first = wait->session_next;
    }
    if (wait->session_next != 0) {
        waits->pool[wait->session_next - 1].session_prev = wait->session_prev;
    }
    wait->session->wait_count--;
    wait->session = NULL;
    wait->is_unasked = false;
    wait->hash_next = waits->free_first;
    waits->free_first = number;
}
