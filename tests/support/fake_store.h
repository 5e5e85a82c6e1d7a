/*
 * fake_store.h: a store in this process, turned by the test, and clients whose every byte the test
 * decides: a socket pair, the mapped file of the session, the doorbell. Nothing of liblode lies
 * between them. For programs that are linked with the store's parts: its unit tests, its fuzz
 * target.
 *
 * Nothing here gives up: what may go wrong says so by its result, and the test decides.
 */
#ifndef TESTS_SUPPORT_FAKE_STORE_H
#define TESTS_SUPPORT_FAKE_STORE_H

#include "store/main/life.h"
#include "store/sessions/connection.h"
#include "store/sessions/session.h"

#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake {
    int fd; /* -1: there is no connection */
    int file_fd, bell_fd;
    uint32_t ring_bytes;
    uint64_t number; /* of the session; 0: none yet */
    uint32_t row;
    struct session *session; /* the store's side; not valid after its end */
    uint8_t *file;
    struct lode_session_header *header; /* the beginning of the file */
    uint64_t tail;
    uint64_t counter; /* of the last id that it made */
};

enum { STORE_ROUNDS = 1000000 }; /* a store that has work after so many of them has it for ever */

static struct store *store;

/* Lets the store do all that it has to do, as its loop would before it sleeps; false: after so many
 * rounds it was not done. */
static inline bool
store_turn(int rounds)
{
    struct epoll_event events[16];
    while (rounds-- > 0) {
        int count = epoll_wait(store->epoll_fd, events, 16, 0);
        for (int i = 0; i < count; i++) {
            struct source *source = events[i].data.ptr;
            source->ready(store, source, events[i].events);
        }
        store_settle(store, count <= 0);
        if (count <= 0 && !store_has_work(store)) {
            return true;
        }
    }
    return false;
}

/* ---- the socket ---- */

/* A connection that has said nothing yet. */
static inline bool
fake_connect(struct fake *fake)
{
    int pair[2];
    *fake = (struct fake){.fd = -1, .file_fd = -1, .bell_fd = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    fake->fd = pair[0];
    return connection_accept(store, pair[1]) == LODE_OK;
}

/*
 * The next packet, if one is there: its size. Descriptors go to `fds`, which has room for 4; if it
 * is NULL they are closed.
 */
static inline ssize_t
fake_recv(struct fake *fake, void *packet, size_t room, int *fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec part = {packet, room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fds != NULL) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
    }
    ssize_t got = recvmsg(fake->fd, &message, MSG_DONTWAIT);
    struct cmsghdr *head = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (head != NULL && fds != NULL) {
        memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
    }
    return got;
}

/* HELLO, and the session that the answer brings. `ring_bytes` 0: a ring of the usual size. */
static inline bool
fake_hello(struct fake *fake, uint32_t flags, uint32_t ring_bytes)
{
    int fds[4];
    struct lode_msg_welcome welcome;
    struct lode_msg_hello hello = {.head = {.type = LODE_MSG_HELLO, .tag = 1},
                                   .magic = LODE_STORE_MAGIC,
                                   .major = LODE_STORE_WIRE_MAJOR,
                                   .flags = flags,
                                   .ring_bytes = ring_bytes};
    if (send(fake->fd, &hello, sizeof hello, MSG_NOSIGNAL) != sizeof hello ||
        !store_turn(STORE_ROUNDS) ||
        fake_recv(fake, &welcome, sizeof welcome, fds) != sizeof welcome ||
        welcome.head.type != LODE_MSG_WELCOME) {
        return false;
    }
    close(fds[0]); /* the index: the test has the table itself */
    fake->file_fd = fds[1];
    fake->bell_fd = fds[2];
    fake->number = welcome.session;
    fake->row = welcome.row;
    fake->session = store_session(store, fake->number);
    fake->ring_bytes = ring_bytes != 0 ? ring_bytes : LODE_RING_BYTES_DEFAULT;
    fake->file = mmap(NULL, lode_session_file_bytes(fake->ring_bytes), PROT_READ | PROT_WRITE,
                      MAP_SHARED, fake->file_fd, 0);
    fake->header = (struct lode_session_header *)(void *)fake->file;
    return fake->file != MAP_FAILED;
}

/*
 * Its connection ends. So does its process, unless it `lives`: then the store keeps what it pins.
 */
static inline bool
fake_end(struct fake *fake, bool lives)
{
    struct session *session = fake->number != 0 ? store_session(store, fake->number) : NULL;
    if (session != NULL && session->pidfd >= 0 && !lives) {
        close(session->pidfd);
        session->pidfd = -1;
    }
    close(fake->fd);
    fake->fd = -1;
    bool done = store_turn(STORE_ROUNDS);
    if (fake->number != 0) {
        munmap(fake->file, lode_session_file_bytes(fake->ring_bytes));
        close(fake->file_fd);
        close(fake->bell_fd);
    }
    return done;
}

/* ---- the ring ---- */

/* The body of a new record; the ring's end is filled up if it does not fit in front of it. */
static inline uint8_t *
fake_record(struct fake *fake, uint16_t type, uint32_t body_size)
{
    uint32_t size = 16 + lode_ring_align(body_size);
    uint32_t left = fake->ring_bytes - (uint32_t)(fake->tail % fake->ring_bytes);
    if (left < size) {
        struct lode_record pad = {.size = left, .type = LODE_RECORD_PAD};
        memcpy(fake->file + LODE_RING_OFFSET + fake->ring_bytes - left, &pad, sizeof pad);
        fake->tail += left;
    }
    uint8_t *at = fake->file + LODE_RING_OFFSET + fake->tail % fake->ring_bytes;
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

/* A fresh id of its own. */
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

static inline bool
fake_bell(struct fake *fake)
{
    uint64_t once = 1;
    return write(fake->bell_fd, &once, sizeof once) == sizeof once;
}

#endif
