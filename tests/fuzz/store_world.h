/*
 * store_world.h: a store in this process and hostile clients of it: a socket pair each, the
 * session's file, the doorbell. Nothing of liblode lies between. One store serves many inputs;
 * between them it must be empty but for what its witness has.
 */
#ifndef TESTS_FUZZ_STORE_WORLD_H
#define TESTS_FUZZ_STORE_WORLD_H

#include "api/base/log.h"
#include "api/layout/id.h"
#include "store/alloc/helper.h"
#include "store/freeing/freeing.h"
#include "store/freeing/lingering.h"
#include "store/main/check.h"
#include "store/rings/ring.h"
#include "store/table/names.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLIENTS = 4, WITNESS = CLIENTS, RING = LODE_RING_BYTES_MIN };
#define WORLD_CAPACITY (UINT64_C(4) << 20)

struct client {
    struct fake fake;
    bool unread;    /* does not read what it is sent */
    uint32_t entry; /* of the last CREATED */
    uint64_t generation;
};

FUZZ_QUIET

static struct client clients[CLIENTS + 1];
static char world_dir[64];

static void
pump(void)
{
    fuzz_expect(store_turn(1000)); /* or it goes on for ever */
}

/* What was sent; a CREATED is remembered. */
static void
client_read(struct client *client)
{
    uint8_t bytes[LODE_STORE_PACKET_MAX];
    ssize_t got;
    while (client->fake.fd >= 0 &&
           (got = fake_recv(&client->fake, bytes, sizeof bytes, NULL)) > 0) {
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
    if (client->fake.fd >= 0) {
        (void)!send(client->fake.fd, packet, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void
client_bell(struct client *client)
{
    if (client->fake.number != 0) {
        fake_bell(&client->fake);
    }
}

static void
client_connect(struct client *client)
{
    *client = (struct client){.entry = 0};
    fuzz_expect(fake_connect(&client->fake));
}

static void
client_attach(struct client *client, uint32_t flags)
{
    fuzz_expect(fake_hello(&client->fake, flags, RING));
}

/* The session of a client that is still one. */
static struct session *
client_session(const struct client *client)
{
    return client->fake.number != 0 ? store_session(store, client->fake.number) : NULL;
}

/* Its process goes too, unless `lives`: then the store keeps pins and drafts until world_end(). */
static void
client_die(struct client *client, bool lives)
{
    if (client->fake.fd >= 0) {
        fuzz_expect(fake_end(&client->fake, lives));
        *client = (struct client){.fake.fd = -1};
    }
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
        witness_id[object] = fake_put(&witness->fake, bytes, size[object]);
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
        clients[i].fake.fd = -1;
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
            lode_id_session(id) != clients[WITNESS].fake.number) {
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
