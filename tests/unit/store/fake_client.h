/*
 * fake_client.h: the store and the clients of support/fake_store.h for Criterion: a failure ends
 * the test. And questions about what the store has.
 */
#ifndef TESTS_UNIT_STORE_FAKE_CLIENT_H
#define TESTS_UNIT_STORE_FAKE_CLIENT_H

#include "store/freeing/freeing.h"
#include "store/freeing/lingering.h"
#include "store/freeing/reclaim.h"
#include "store/objects/own.h"
#include "store/main/check.h"
#include "store/rings/holders.h"
#include "store/rings/ring.h"
#include "store/state/answers.h"
#include "tests/support/fake_store.h"
#include "tests/unit/store/tmpfs.h"

#define FAKE_CAPACITY (UINT64_C(8) << 20)

static inline void
store_begin(void)
{
    struct store_options options = {
        .shm_dir = tmpfs_dir, .capacity_bytes = FAKE_CAPACITY, .generation = 77};
    must(store_create(&options, &store));
}

/* In a tmpfs of that size. */
static inline void
store_setup_in(const char *size)
{
    tmpfs_setup();
    tmpfs_of(size);
    store_begin();
}

static inline void
store_setup(void)
{
    tmpfs_setup();
    store_begin();
}

static inline void
store_teardown(void)
{
    store->check_first = 0;
    do { /* a great table is checked in parts */
        expect(store_check(store));
    } while (store->check_first < store->table.entry_count);
    store_destroy(store, true);
    tmpfs_teardown(); /* fails if a file is left */
}

/* Lets the store do all that it has to do, as its loop would before it sleeps. */
static inline void
pump(void)
{
    expect(store_turn(STORE_ROUNDS));
}

/* One round of the loop, with what came. */
static inline void
fake_round(void)
{
    struct epoll_event events[16];
    int count = epoll_wait(store->epoll_fd, events, 16, 0);
    for (int i = 0; i < count; i++) {
        struct source *source = events[i].data.ptr;
        source->ready(store, source, events[i].events);
    }
    store_settle(store, false);
}

/* What can be freed is, and nothing else is done. A turn that loses the CPU ends before that. */
static inline void
fake_free(void)
{
    do {
        freeing_turn(store);
    } while (freeing_is_under_way(store));
}

/* The loop's epoll says that the session's socket has something to read. */
static inline void
socket_ready(struct session *session)
{
    session->socket.ready(store, &session->socket, EPOLLIN);
}

static inline void
fake_send(struct fake *fake, const void *packet, size_t size)
{
    expect_eq(send(fake->fd, packet, size, MSG_NOSIGNAL), size);
}

/*
 * The next packet, which must be there; its type is returned. Descriptors go to fds, if not NULL.
 */
static inline int
fake_receive(struct fake *fake, void *packet, size_t room, int *fds)
{
    expect_lt(0, fake_recv(fake, packet, room, fds));
    return *(uint8_t *)packet;
}

static inline bool
fake_has_packet(struct fake *fake)
{
    char byte;
    return recv(fake->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* True if the store has closed the connection. */
static inline bool
fake_is_cut(struct fake *fake)
{
    char bytes[4096];
    ssize_t got;
    pump();
    while ((got = recv(fake->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
    }
    return got == 0;
}

static inline struct fake
fake_attach(uint32_t flags)
{
    struct fake fake;
    expect(fake_connect(&fake));
    expect(fake_hello(&fake, flags, 0));
    return fake;
}

/* As if the process had died: the store learns of no living process behind the end of file. */
static inline void
fake_die(struct fake *fake)
{
    expect(fake_end(fake, false));
}

/* ---- the ring ---- */

static inline void
fake_reference(struct fake *fake, uint16_t type, lode_id id)
{
    memcpy(fake_record(fake, type, sizeof id), &id, sizeof id);
    fake_publish(fake);
}

static inline void
fake_drop(struct fake *fake, lode_id id)
{
    fake_reference(fake, LODE_RECORD_DROP, id);
}

static inline void
fake_take(struct fake *fake, lode_id id)
{
    fake_reference(fake, LODE_RECORD_TAKE, id);
}

/* Rings the bell, and lets the store work. */
static inline void
fake_ring(struct fake *fake)
{
    expect(fake_bell(fake));
    pump();
}

static inline void
fake_pin(struct fake *fake, uint32_t slot, uint32_t pin)
{
    _Atomic uint32_t *pins = (void *)(fake->file + lode_pins_offset(LODE_RING_BYTES_DEFAULT));
    atomic_store(&pins[slot], pin);
    atomic_store(&fake->header->pin_high, slot + 1);
}

/* As if the session spent credit all the time: what it has left is not recalled for others. */
static inline void
fake_keeps_credit(struct fake *fake)
{
    fake->session->active_ns = INT64_MAX;
}

/* All entries that can be had, but those that the store keeps, become credit of that session. */
static inline void
fake_give_all_entries(struct fake *to)
{
    struct table *table = &store->table;
    uint32_t count = table->free_count - table->reserved;
    must(table_reserve(table, count));
    table->entry_max = table->entry_count;
    to->session->entries_granted += count;
    store->credit_entries += count;
    holders_add(store, to->session);
}

/* ---- questions ---- */

/* An id of a user's own choice. */
static inline lode_id
user(uint64_t n)
{
    return lode_id_make(LODE_ID_USER, 0, n);
}

/* The id of a result that the submitter has asked for. */
static inline lode_id
result(const struct fake *submitter, uint64_t n)
{
    return lode_id_make(LODE_ID_RESULT, submitter->number, n);
}

/* The state of an id's entry; FREE: there is none. */
static inline enum lode_entry_state
state_of(lode_id id)
{
    uint32_t entry;
    return table_find(&store->table, id, &entry) ? entry_state(&store->table, entry)
                                                 : LODE_ENTRY_FREE;
}

static inline uint32_t
entry_of(lode_id id)
{
    uint32_t entry = UINT32_MAX;
    expect(table_find(&store->table, id, &entry));
    return entry;
}

static inline enum lode_found
fake_lookup(struct fake *fake, lode_id id, uint64_t cookie)
{
    struct lode_msg_lookup ask = {
        .head = {.type = LODE_MSG_LOOKUP, .tag = 5}, .id = id, .cookie = cookie};
    struct lode_msg_found found;
    fake_send(fake, &ask, sizeof ask);
    pump();
    expect_eq(fake_receive(fake, &found, sizeof found, NULL), LODE_MSG_FOUND);
    return (enum lode_found)found.status;
}

static inline void
fake_wait(struct fake *fake, lode_id id, uint64_t cookie)
{
    struct lode_wait_record wait = {.id = id, .cookie = cookie};
    memcpy(fake_record(fake, LODE_RECORD_WAIT, sizeof wait), &wait, sizeof wait);
    fake_publish(fake);
    fake_ring(fake);
}

/* A CREATE, whose answer may come at once or later. */
static inline void
fake_ask(struct fake *fake, lode_id id, uint64_t size, int64_t timeout_ms)
{
    struct lode_msg_create create = {.head = {.type = LODE_MSG_CREATE, .tag = 9},
                                     .id = id,
                                     .size = size,
                                     .timeout_ms = timeout_ms};
    fake_send(fake, &create, sizeof create);
    pump();
}

/* Turns of the loop until a packet is there. */
static inline void
fake_until_answered(struct fake *fake)
{
    while (!fake_has_packet(fake)) {
        struct epoll_event event;
        expect_eq(epoll_wait(store->epoll_fd, &event, 1, 10000), 1);
        pump();
    }
}

/* A CREATE; the answer's type, and the answer. */
static inline int
fake_create(struct fake *fake, lode_id id, uint64_t size, int64_t timeout_ms,
            struct lode_msg_created *created_out)
{
    uint8_t answer[2048];
    fake_ask(fake, id, size, timeout_ms);
    while (!fake_has_packet(fake)) {
        expect_lt(0, helper_wait(store->helper, 10000)); /* its memory is being committed */
        pump();
    }
    int type = fake_receive(fake, answer, sizeof answer, NULL);
    memcpy(created_out, answer, sizeof *created_out);
    return type;
}

static inline int
fake_draft_call(struct fake *fake, uint8_t type, const struct lode_msg_created *created)
{
    struct lode_msg_draft draft = {.head = {.type = type, .tag = 3},
                                   .entry = created->entry,
                                   .generation = created->generation};
    uint8_t answer[2048];
    fake_send(fake, &draft, sizeof draft);
    pump();
    return fake_receive(fake, answer, sizeof answer, NULL);
}

/* One byte by ring, under a reserved id. The store has not looked yet. */
static inline lode_id
fake_put_reserved(struct fake *fake, uint64_t counter)
{
    struct lode_made made = {
        .id = lode_id_reserve(fake->number, counter), .size = 1, .carried = lode_ring_align(1)};
    uint8_t *at = fake_record(fake, LODE_RECORD_PUT, sizeof made + made.carried);
    memcpy(at, &made, sizeof made);
    fake_publish(fake);
    return made.id;
}

/* ---- a full store ---- */

/* Drafts that take all that can be had. */
static inline void
fake_fill_up(struct fake *fake)
{
    struct lode_msg_created created;
    for (uint64_t size = FAKE_CAPACITY; size >= LODE_PAGE;) {
        if (fake_create(fake, fake_next(fake), size, 0, &created) != LODE_MSG_CREATED) {
            size /= 2;
        }
    }
}

static inline bool
all_is_warm(void)
{
    struct arena_stats stats;
    arena_stats(store->arena, &stats);
    return stats.committed_bytes == FAKE_CAPACITY;
}

/*
 * Else the store's helper thread makes some of them warm at any time: they can be had only then.
 * No other session is there yet: it would lose what it has to the objects that this makes.
 */
static inline void
fake_warm_all_pages(void)
{
    struct fake filler = fake_attach(0);
    fake_fill_up(&filler);
    fake_die(&filler);
    expect(all_is_warm());
}

/*
 * All pages, which are warm, but those that the store keeps, become credit of that session. It
 * loses none to others.
 */
static inline void
fake_give_all_pages(struct fake *to)
{
    expect(all_is_warm());
    while (arena_credit_reserve(store->arena, 1)) {
        to->session->pages_granted++;
        store->credit_pages++;
    }
    holders_add(store, to->session);
    fake_keeps_credit(to);
}

#endif
