/*
 * store_world.h: a store in this process and hostile clients of it: a socket pair each, the session's
 * file, the doorbell. Nothing of liblode lies between. One store serves many inputs; between them it
 * must be empty but for what its witness has.
 */
#ifndef TESTS_FUZZ_STORE_WORLD_H
#define TESTS_FUZZ_STORE_WORLD_H

#include "api/base/log.h"
#include "api/layout/id.h"
#include "store/alloc/helper.h"
#include "store/freeing/freeing.h"
#include "store/freeing/lingering.h"
#include "store/main/check.h"
#include "store/main/life.h"
#include "store/rings/ring.h"
#include "store/sessions/connection.h"
#include "store/table/names.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLIENTS = 4, WITNESS = CLIENTS, RING = LODE_RING_BYTES_MIN };
#define WORLD_CAPACITY (UINT64_C(4) << 20)

struct client {
    int fd; /* -1: there is none */
    int file_fd, bell_fd;
    uint64_t number; /* 0: not attached */
    uint32_t row;
    uint8_t *file;
    uint64_t tail, counter;
    bool unread;    /* does not read what it is sent */
    uint32_t entry; /* of the last CREATED */
    uint64_t generation;
};

FUZZ_QUIET

static struct store *store;
static struct client clients[CLIENTS + 1];
static char world_dir[64];

static void
pump(void)
{
    struct epoll_event events[16];
    for (int rounds = 0; rounds < 1000; rounds++) {
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
    fuzz_expect(!"the store goes on for ever");
}

/* What was sent; a CREATED is remembered. */
static void
client_read(struct client *client)
{
    uint8_t bytes[LODE_STORE_PACKET_MAX];
    ssize_t got;
    while (client->fd >= 0 && (got = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        struct lode_msg_created created;
        fuzz_expect((size_t)got >= sizeof(struct lode_msg_head) && bytes[0] < LODE_MSG_END);
        if (bytes[0] == LODE_MSG_CREATED && (size_t)got >= sizeof created) {
            memcpy(&created, bytes, sizeof created);
            client->entry = created.entry;
            client->generation = created.generation;
        }
    }
}

static void
world_settle(void)
{
    pump();
    for (int i = 0; i < CLIENTS; i++) {
        if (!clients[i].unread) {
            client_read(&clients[i]);
        }
    }
}

static void
client_send(struct client *client, const void *packet, size_t size)
{
    if (client->fd >= 0) {
        (void)!send(client->fd, packet, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void
client_bell(struct client *client)
{
    uint64_t once = 1;
    if (client->number != 0) {
        (void)!write(client->bell_fd, &once, sizeof once);
    }
}

static struct lode_session_header *
client_header(struct client *client)
{
    return (struct lode_session_header *)(void *)client->file;
}

static void
client_publish(struct client *client)
{
    atomic_store_explicit(&client_header(client)->ring_tail, client->tail, memory_order_release);
}

static void
client_connect(struct client *client)
{
    int pair[2];
    fuzz_expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    *client = (struct client){.fd = pair[0], .file_fd = -1, .bell_fd = -1};
    fuzz_expect(connection_accept(store, pair[1]) == LODE_OK);
}

static void
client_take_welcome(struct client *client)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct lode_msg_welcome welcome;
    struct iovec part = {&welcome, sizeof welcome};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    int fds[3];
    ssize_t got = recvmsg(client->fd, &message, MSG_DONTWAIT);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    fuzz_expect(got == sizeof welcome && welcome.head.type == LODE_MSG_WELCOME && head != NULL);
    memcpy(fds, CMSG_DATA(head), sizeof fds);
    close(fds[0]);
    client->file_fd = fds[1];
    client->bell_fd = fds[2];
    client->number = welcome.session;
    client->row = welcome.row;
    client->file = mmap(NULL, lode_session_file_bytes(RING), PROT_READ | PROT_WRITE, MAP_SHARED,
                        client->file_fd, 0);
    fuzz_expect(client->file != MAP_FAILED);
}

static void
client_attach(struct client *client, uint32_t flags)
{
    struct lode_msg_hello hello = {.head = {.type = LODE_MSG_HELLO, .tag = 1},
                                   .magic = LODE_STORE_MAGIC,
                                   .major = LODE_STORE_WIRE_MAJOR,
                                   .flags = flags,
                                   .ring_bytes = RING};
    client_send(client, &hello, sizeof hello);
    pump();
    client_take_welcome(client);
}

/* The session of a client that is still one. */
static struct session *
client_session(const struct client *client)
{
    return client->number != 0 ? store_session(store, client->number) : NULL;
}

/* Its process goes too, unless `lives`: then the store keeps pins and drafts until world_end(). */
static void
client_die(struct client *client, bool lives)
{
    struct session *session = client_session(client);
    if (client->fd < 0) {
        return;
    }
    if (session != NULL && session->pidfd >= 0 && !lives) {
        close(session->pidfd);
        session->pidfd = -1;
    }
    close(client->fd);
    pump();
    if (client->number != 0) {
        munmap(client->file, lode_session_file_bytes(RING));
        close(client->file_fd);
        close(client->bell_fd);
    }
    *client = (struct client){.fd = -1};
}

/* ---- ring ---- */

/* Room for a record in front of the ring's end, all of it written by the caller. */
static uint8_t *
client_record(struct client *client, uint16_t type, uint32_t body_size)
{
    uint32_t size = 16 + lode_ring_align(body_size), left = RING - client->tail % RING;
    if (left < size) {
        struct lode_record pad = {.size = left, .type = LODE_RECORD_PAD};
        memcpy(client->file + LODE_RING_OFFSET + RING - left, &pad, sizeof pad);
        client->tail += left;
    }
    uint8_t *at = client->file + LODE_RING_OFFSET + client->tail % RING;
    struct lode_record record = {.size = size, .type = type};
    memcpy(at, &record, sizeof record);
    client->tail += size;
    return at + sizeof record;
}

static void
client_put(struct client *client, lode_id id, const void *bytes, uint32_t size)
{
    struct lode_made made = {.id = id, .size = size, .carried = lode_ring_align(size)};
    uint8_t *at = client_record(client, LODE_RECORD_PUT, sizeof made + made.carried);
    memcpy(at, &made, sizeof made);
    memcpy(at + sizeof made, bytes, size);
    client_publish(client);
}

/* ---- the world ---- */

enum { WITNESS_OBJECTS = 3, WITNESS_BYTES = 5000 };
static lode_id witness_id[WITNESS_OBJECTS];
static bool witness_deleted; /* anybody may delete any object */

static uint8_t
witness_byte(int object, size_t i)
{
    return (uint8_t)((size_t)object * 7 + i * 13);
}

/* An honest client, with an object in its entry, one of a page, and one of several. */
static void
witness_begin(void)
{
    static const uint32_t size[WITNESS_OBJECTS] = {40, 300, WITNESS_BYTES};
    struct client *witness = &clients[WITNESS];
    uint8_t bytes[WITNESS_BYTES];
    client_connect(witness);
    client_attach(witness, 0);
    for (int object = 0; object < WITNESS_OBJECTS; object++) {
        for (uint32_t i = 0; i < size[object]; i++) {
            bytes[i] = witness_byte(object, i);
        }
        witness_id[object] = lode_id_make(LODE_ID_PUT, witness->number, ++witness->counter);
        client_put(witness, witness_id[object], bytes, size[object]);
        client_bell(witness);
        pump();
    }
    witness_deleted = false;
}

static void
witness_check(void)
{
    for (int object = 0; object < WITNESS_OBJECTS; object++) {
        uint32_t entry;
        fuzz_expect(table_find(&store->table, witness_id[object], &entry));
        fuzz_expect(entry_is_sealed(&store->table, entry));
        const uint8_t *data = object_data(&store->table, entry);
        for (uint64_t i = 0; i < store->table.entries[entry].size; i++) {
            fuzz_expect(data[i] == witness_byte(object, i));
        }
    }
}

static void
world_remove(void)
{
    if (store != NULL) {
        store_destroy(store, true);
        store = NULL;
    }
    rmdir(world_dir);
}

static void
world_begin(void)
{
    struct store_options options = {
        .shm_dir = world_dir, .capacity_bytes = WORLD_CAPACITY, .generation = 77};
    if (store != NULL) {
        return;
    }
    if (world_dir[0] == '\0') {
        snprintf(world_dir, sizeof world_dir, "/dev/shm/lt-%d", (int)getpid());
        fuzz_expect(mkdir(world_dir, 0700) == 0);
        atexit(world_remove);
    }
    fuzz_expect(store_create(&options, &store) == LODE_OK);
    atomic_store(&store->table.header->next_session, 1); /* drawn at random otherwise */
    for (int i = 0; i <= CLIENTS; i++) {
        clients[i].fd = -1;
    }
    witness_begin();
}

/* The process of an ended session that had lived on is gone, too. */
static void
end_living(void)
{
    for (uint32_t i = 0; i < store->session_count; i++) {
        struct session *session = store->sessions[i];
        if (session->ended && session->pidfd >= 0) {
            close(session->pidfd);
            session->pidfd = -1;
        }
    }
    lingering_reap(store);
    pump();
}

/* Objects may come under ids of the witness's session: a maker may have made its results. */
static bool
only_witness_has_objects(void)
{
    for (uint32_t entry = 0; entry < store->table.entry_count; entry++) {
        lode_id id = store->table.entries[entry].id;
        if (entry_state(&store->table, entry) != LODE_ENTRY_FREE &&
            lode_id_session(id) != clients[WITNESS].number) {
            return false;
        }
    }
    return true;
}

/* After the hostile ones are gone nothing is left but the witness, who was not harmed. */
static void
world_end(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        client_die(&clients[i], false);
    }
    end_living();
    while (store->table.name_count > 0) {
        name_unbind(&store->table, store->table.names[0]);
        pump();
    }
    for (int tries = 0; tries < 100 && store->table.state_count[LODE_ENTRY_CREATED] > 0; tries++) {
        helper_wait(store->helper, 100);
        pump();
    }
    freeing_revisit(store);
    pump();
    fuzz_expect(store_check(store));
    fuzz_expect(store->newcomers == NULL && store->session_count == 1);
    if (witness_deleted) {
        world_remove();
        fuzz_expect(mkdir(world_dir, 0700) == 0);
        return;
    }
    witness_check();
    if (store->table.free_count + WITNESS_OBJECTS != store->table.entry_count) {
        fuzz_expect(only_witness_has_objects());
        world_remove(); /* the next input begins with a new store */
        fuzz_expect(mkdir(world_dir, 0700) == 0);
    }
}

#endif
