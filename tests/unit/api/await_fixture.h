/*
 * await_fixture.h: a session that waits for one id, `id`. The test plays the store: it reads what
 * the session says to it, answers, and changes the counter of the id's bucket.
 */
#ifndef LODE_TESTS_API_AWAIT_FIXTURE_H
#define LODE_TESTS_API_AWAIT_FIXTURE_H

#include "api/client/store/await.h"
#include "api/system/futex.h"
#include "tests/unit/api/fake_index.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static struct fake_index fake;
static lode db;
static lode_id id;
static uint64_t hash;
static int store; /* the other end of the socket */
static struct lode_session_header *file;

static inline void
await_setup(void)
{
    int ends[2];
    fake = fake_index_make();
    memset(&db, 0, sizeof db);
    db.index = fake.view;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    store = ends[1];
    cr_assert_eq(lode_store_calls_init(&db.calls), LODE_OK);
    db.calls.socket.fd = ends[0];
    db.calls.bell_fd = eventfd(0, EFD_CLOEXEC);
    cr_assert_eq(lode_store_calls_start(&db.calls), LODE_OK);
    file = aligned_alloc(LODE_PAGE, LODE_RING_OFFSET + LODE_RING_BYTES_MIN);
    memset(file, 0, LODE_RING_OFFSET + LODE_RING_BYTES_MIN);
    file->ring_bytes = LODE_RING_BYTES_MIN;
    lode_ring_init(&db.ring, file, &fake.rows[5], &db.index, &db.calls);
    id = lode_id_make(LODE_ID_PUT, 1, 1);
    hash = lode_id_hash(id, fake.view.hash_key);
}

static inline void
await_teardown(void)
{
    lode_ring_fini(&db.ring);
    lode_store_calls_fini(&db.calls);
    close(store);
    free(file);
    fake_index_free(&fake);
}

static inline void
bump(void)
{
    struct lode_wake *wake = &fake.wakes[lode_wake_bucket(hash)];
    atomic_fetch_add(&wake->counter, 1);
    lode_futex_wake_all(&wake->counter);
}

static inline struct lode_msg_lookup
receive(enum lode_store_msg type)
{
    struct lode_msg_lookup msg = {.cookie = 0};
    cr_assert_eq(recv(store, &msg, sizeof msg, 0), (ssize_t)sizeof msg);
    cr_assert_eq(msg.head.type, type);
    cr_assert(lode_id_same(msg.id, id));
    return msg;
}

static inline bool
has_waited(void)
{
    return atomic_load(&file->ring_tail) != 0;
}

/* The bell, and what the one record in the ring says: the cookie. 0: there is none. */
static inline uint64_t
receive_wait(void)
{
    uint64_t rung;
    struct lode_record record;
    struct lode_wait_record wait;
    const uint8_t *at = (const uint8_t *)file + LODE_RING_OFFSET;
    cr_assert_eq(read(db.calls.bell_fd, &rung, sizeof rung), (ssize_t)sizeof rung);
    if (!has_waited()) {
        return 0;
    }
    cr_assert_eq(rung, 1);
    memcpy(&record, at, sizeof record);
    memcpy(&wait, at + sizeof record, sizeof wait);
    cr_assert_eq(atomic_load(&file->ring_tail), sizeof record + sizeof wait);
    cr_assert_eq(record.type, LODE_RECORD_WAIT);
    cr_assert(lode_id_same(wait.id, id));
    return wait.cookie;
}

static inline void
answer(const struct lode_msg_lookup *asked, uint8_t status)
{
    struct lode_msg_found found = {.head = {.type = LODE_MSG_FOUND, .tag = asked->head.tag},
                                   .status = status};
    send(store, &found, sizeof found, 0);
}

static inline void
begin_anew(void)
{
    await_teardown();
    await_setup();
}

#endif
