/*
 * fake_client.h: a store in this process, and clients whose every byte the test decides: a socket
 * pair, the mapped session file, and no liblode between them.
 */
#ifndef TESTS_UNIT_STORE_FAKE_CLIENT_H
#define TESTS_UNIT_STORE_FAKE_CLIENT_H

#include "store/freeing/freeing.h"
#include "store/freeing/lingering.h"
#include "store/freeing/reclaim.h"
#include "store/objects/own.h"
#include "store/main/check.h"
#include "store/main/life.h"
#include "store/rings/ring.h"
#include "store/sessions/connection.h"
#include "store/sessions/session.h"
#include "store/state/answers.h"
#include "tests/unit/store/tmpfs.h"

#include <sys/mman.h>
#include <sys/socket.h>

#define FAKE_CAPACITY (UINT64_C(8) << 20)

struct fake {
    int fd, file_fd, bell_fd;
    struct session *session; /* the store's side; not valid after its end */
    uint64_t number;
    uint32_t row;
    uint8_t *file;
    struct lode_session_header *header;
    uint64_t tail;
    uint64_t counter;
};

static struct store *store;

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
    expect(store_check(store));
    store_destroy(store, true);
    tmpfs_teardown(); /* fails if a file is left */
}

/* Lets the store do all that it has to do, as its loop would before it sleeps. */
static inline void
pump(void)
{
    struct epoll_event events[16];
    for (;;) {
        int count = epoll_wait(store->epoll_fd, events, 16, 0);
        for (int i = 0; i < count; i++) {
            struct source *source = events[i].data.ptr;
            source->ready(store, source, events[i].events);
        }
        store_settle(store, count <= 0);
        if (count <= 0 && !store_has_work(store)) {
            return;
        }
    }
}

static inline void
fake_send(struct fake *fake, const void *packet, size_t size)
{
    expect_eq(send(fake->fd, packet, size, MSG_NOSIGNAL), size);
}

/* The next packet, which must be there; its type is returned. Descriptors go to fds, if not NULL. */
static inline int
fake_receive(struct fake *fake, void *packet, size_t room, int *fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec part = {packet, room};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(fake->fd, &message, MSG_DONTWAIT);
    expect_lt(0, got);
    struct cmsghdr *h = CMSG_FIRSTHDR(&message);
    if (h != NULL && fds != NULL) {
        memcpy(fds, CMSG_DATA(h), h->cmsg_len - CMSG_LEN(0));
    }
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
    struct fake fake = {0};
    int pair[2], fds[4];
    struct lode_msg_welcome welcome;
    struct lode_msg_hello hello = {.head = {.type = LODE_MSG_HELLO, .tag = 1},
                                   .magic = LODE_STORE_MAGIC,
                                   .major = LODE_STORE_WIRE_MAJOR,
                                   .flags = flags};
    expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    fake.fd = pair[0];
    must(connection_accept(store, pair[1]));
    fake_send(&fake, &hello, sizeof hello);
    pump();
    expect_eq(fake_receive(&fake, &welcome, sizeof welcome, fds), LODE_MSG_WELCOME);
    close(fds[0]);
    fake.file_fd = fds[1];
    fake.bell_fd = fds[2];
    fake.number = welcome.session;
    fake.row = welcome.row;
    fake.session = store_session(store, fake.number);
    fake.file = mmap(NULL, lode_session_file_bytes(LODE_RING_BYTES_DEFAULT), PROT_READ | PROT_WRITE,
                     MAP_SHARED, fake.file_fd, 0);
    expect(fake.file != MAP_FAILED);
    fake.header = (struct lode_session_header *)fake.file;
    return fake;
}

/* As if the process had died: the store learns of no living process behind the end of file. */
static inline void
fake_die(struct fake *fake)
{
    struct session *session = store_session(store, fake->number);
    if (session != NULL && session->pidfd >= 0) {
        close(session->pidfd);
        session->pidfd = -1;
    }
    close(fake->fd);
    pump();
    munmap(fake->file, lode_session_file_bytes(LODE_RING_BYTES_DEFAULT));
    close(fake->file_fd);
    close(fake->bell_fd);
}

/* ---- the ring ---- */

/* The body of a new record; the ring's end is filled up if it does not fit in front of it. */
static inline uint8_t *
fake_record(struct fake *fake, uint16_t type, uint32_t body_size)
{
    uint32_t size = 16 + lode_ring_align(body_size);
    uint32_t left = LODE_RING_BYTES_DEFAULT - fake->tail % LODE_RING_BYTES_DEFAULT;
    if (left < size) {
        struct lode_record pad = {.size = left, .type = LODE_RECORD_PAD};
        memcpy(fake->file + LODE_RING_OFFSET + LODE_RING_BYTES_DEFAULT - left, &pad, sizeof pad);
        fake->tail += left;
    }
    uint8_t *at = fake->file + LODE_RING_OFFSET + fake->tail % LODE_RING_BYTES_DEFAULT;
    struct lode_record record = {.size = size, .type = type};
    memcpy(at, &record, sizeof record);
    fake->tail += size;
    return at + sizeof record;
}

static inline void
fake_publish(struct fake *fake)
{
    atomic_store_explicit(&fake->header->ring_tail, fake->tail, memory_order_release);
}

static inline lode_id
fake_next(struct fake *fake)
{
    return lode_id_make(LODE_ID_PUT, fake->number, ++fake->counter);
}

/* A blob put by ring, published. */
static inline lode_id
fake_put(struct fake *fake, const void *bytes, uint32_t size)
{
    struct lode_made made = {.id = fake_next(fake), .size = size, .carried = lode_ring_align(size)};
    uint8_t *at = fake_record(fake, LODE_RECORD_PUT, sizeof made + made.carried);
    memcpy(at, &made, sizeof made);
    memcpy(at + sizeof made, bytes, size);
    fake_publish(fake);
    return made.id;
}

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

static inline void
fake_bell(struct fake *fake)
{
    uint64_t once = 1;
    expect_eq(write(fake->bell_fd, &once, sizeof once), sizeof once);
}

/* Rings the bell, and lets the store work. */
static inline void
fake_ring(struct fake *fake)
{
    fake_bell(fake);
    pump();
}

static inline void
fake_pin(struct fake *fake, uint32_t slot, uint32_t pin)
{
    _Atomic uint32_t *pins = (void *)(fake->file + lode_pins_offset(LODE_RING_BYTES_DEFAULT));
    atomic_store(&pins[slot], pin);
    atomic_store(&fake->header->pin_high, slot + 1);
}

/* ---- questions ---- */

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

/* A CREATE; the answer's type, and the answer. */
static inline int
fake_create(struct fake *fake, lode_id id, uint64_t size, int64_t timeout_ms,
            struct lode_msg_created *created_out)
{
    struct lode_msg_create create = {.head = {.type = LODE_MSG_CREATE, .tag = 9},
                                     .id = id,
                                     .size = size,
                                     .timeout_ms = timeout_ms};
    uint8_t answer[2048];
    fake_send(fake, &create, sizeof create);
    pump();
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

#endif
