/*
 * What clients may do to the store: packets, ring records, pins, the file of their session, their
 * deaths. Whatever it is, the store stays sound, an honest client keeps its objects, and nothing is
 * left when the hostile ones are gone.
 *
 * ctest: replay 20000
 */
#include "tests/fuzz/store_packets.h"

enum { RECORD = 4096 };

static void
connect_or_attach(struct fuzz_input *input)
{
    struct client *client = pick_client(input);
    uint8_t how = fuzz_u8(input);
    if (client->fake.fd < 0) {
        client_connect(client);
    }
    if (client->fake.number == 0 && how < 240) {
        client_attach(client, (how & 3) | (how & 8 ? LODE_HELLO_FENCED : 0) |
                                  ((how & 48) == 48 ? LODE_HELLO_LEAN : 0));
        client->unread = how & 4;
    } else if (client->fake.number == 0) {
        struct lode_msg_hello hello = {.head = {.type = LODE_MSG_HELLO},
                                       .magic = LODE_STORE_MAGIC,
                                       .major = LODE_STORE_WIRE_MAJOR};
        fuzz_bytes(input, (uint8_t *)&hello + (how & 15), 4);
        if (hello.magic != LODE_STORE_MAGIC || hello.ring_bytes != 0 ||
            hello.head.type != LODE_MSG_HELLO || hello.major != LODE_STORE_WIRE_MAJOR) {
            client_send(client, &hello, sizeof hello);
            client_die(client, false);
        }
    }
}

static void
send_anything(struct fuzz_input *input)
{
    uint8_t packet[PACKET];
    struct client *client = pick_client(input);
    uint16_t size = fuzz_u16(input) % sizeof packet;
    fuzz_bytes(input, packet, size);
    if (client->fake.number != 0) { /* else it might attach with a ring of another size */
        send_checked(client, packet, size);
    }
}

/* ---- the ring ---- */

/* One struct lode_made and what it carries; returns the bytes. */
static uint32_t
make_part(struct fuzz_input *input, struct client *client, uint8_t *at)
{
    uint8_t shape = fuzz_u8(input);
    struct lode_made made = {.id = pick_id(input, client),
                             .size = fuzz_u8(input),
                             .kind = shape & 3,
                             .object_class = shape >> 2 & 1,
                             .flags = shape >> 3 & 1,
                             .ndim = shape >> 4 & 1};
    int64_t axes[2] = {(int64_t)made.size, 1};
    if (made.ndim != 0) {
        made.dtype = LODE_U8;
    }
    made.carried = lode_ring_align(made.size) + (made.ndim != 0 ? 16 : 0);
    if (shape & 32) {
        made.draft = client->entry + 1;
        made.generation = client->generation;
        made.carried = 0;
    } else if (shape & 64) {
        fuzz_bytes(input, (uint8_t *)&made + 16, 20);
    }
    memcpy(at, &made, sizeof made);
    memcpy(at + sizeof made, axes, sizeof axes);
    return (uint32_t)sizeof made + (made.carried < 512 ? made.carried : 512);
}

static void
write_record(struct fuzz_input *input)
{
    uint8_t body[RECORD] = {0}, type;
    struct client *client = pick_client(input);
    uint32_t size = sizeof(lode_id);
    lode_id id;
    if (client->fake.number == 0) {
        return;
    }
    type = fuzz_u8(input) % 9;
    if (type == LODE_RECORD_PUT) {
        size = make_part(input, client, body);
    } else if (type == LODE_RECORD_COMMIT) {
        struct lode_commit commit = {.count = fuzz_u8(input) % 5};
        size = sizeof commit;
        for (uint32_t i = 0; i < commit.count; i++) {
            size += make_part(input, client, body + size);
        }
        memcpy(body, &commit, sizeof commit);
    } else if (type == LODE_RECORD_WAIT) {
        struct lode_wait_record wait = {.id = pick_id(input, client), .cookie = fuzz_u8(input) % 4};
        size = sizeof wait;
        memcpy(body, &wait, sizeof wait);
    } else {
        id = pick_id(input, client);
        memcpy(body, &id, sizeof id);
    }
    memcpy(fake_record(&client->fake, type, size), body, size);
    fake_publish(&client->fake);
}

/* Any bytes at the tail, and any tail. */
static void
write_ring(struct fuzz_input *input)
{
    uint8_t bytes[256];
    struct client *client = pick_client(input);
    uint8_t size = fuzz_u8(input);
    uint16_t further = fuzz_u16(input);
    fuzz_bytes(input, bytes, size);
    if (client->fake.number != 0) {
        uint64_t at = client->fake.tail % RING;
        uint64_t room = RING - at < size ? RING - at : size;
        memcpy(client->fake.file + LODE_RING_OFFSET + at, bytes, room);
        client->fake.tail += further;
        fake_publish(&client->fake);
        client_bell(client);
    }
}

static void
write_pins(struct fuzz_input *input)
{
    struct client *client = pick_client(input);
    uint32_t slot = fuzz_u16(input) % (LODE_PIN_FIRST * 2), high = fuzz_u16(input);
    uint32_t pin = fuzz_u8(input) < 250 ? fuzz_u8(input) : fuzz_u32(input);
    if (client->fake.number == 0) {
        return;
    }
    _Atomic uint32_t *pins = (void *)(client->fake.file + lode_pins_offset(RING));
    struct session *session = client_session(client);
    if (session != NULL && slot < session->pin_slots) {
        atomic_store(&pins[slot], pin);
    }
    atomic_store(&client->fake.header->pin_high, high > 60000 ? UINT32_MAX : high);
}

static void
cut_file(struct fuzz_input *input)
{
    struct client *client = pick_client(input);
    if (client->fake.number != 0) {
        (void)!ftruncate(client->fake.file_fd, fuzz_u8(input) * INT64_C(1024));
        /* Its own mapping is of no use any more: it only speaks. */
        fuzz_expect(mmap(client->fake.file, lode_session_file_bytes(RING), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
                         0) == client->fake.file);
        client_bell(client);
    }
}

static void
run(struct fuzz_input *input)
{
    switch (fuzz_u8(input) % 14) {
    case 0:
    case 1:
        connect_or_attach(input);
        break;
    case 2:
        send_anything(input);
        break;
    case 3:
    case 4:
    case 5:
        send_packet(input);
        break;
    case 6:
    case 7:
    case 8:
        write_record(input);
        break;
    case 9:
        write_ring(input);
        break;
    case 10:
        write_pins(input);
        break;
    case 11:
        client_bell(pick_client(input));
        world_settle();
        break;
    case 12:
        client_die(pick_client(input), fuzz_u8(input) & 1);
        break;
    default:
        if (fuzz_u8(input) < 64) {
            cut_file(input);
        } else {
            world_settle();
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct fuzz_world world = {world_begin, run, world_settle, world_end};
    fuzz_play(&world, bytes, size);
    return 0;
}

/* ---- seeds ---- */

enum { ATTACH = 0, ANY = 2, SEND = 3, RECORD_OP = 6, RAW = 9, PIN, BELL, DIE, OTHER };

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    struct fuzz_text text = {.size = 0};
    /* Two clients, puts by ring, a reference of the other one, a pin, a drop, an end. */
    fuzz_say(&text, ATTACH, 0, 1, ATTACH, 1, 3);
    fuzz_say(&text, RECORD_OP, 0, LODE_RECORD_PUT, 1, 0, 0, 40, RECORD_OP, 0, LODE_RECORD_PUT, 0x11,
             0, 1, 200, BELL, 0);
    fuzz_say(&text, RECORD_OP, 1, LODE_RECORD_TAKE, 2, 0, PIN, 1, 0, 0, 1, 0, 0, 4, BELL, 1);
    fuzz_say(&text, RECORD_OP, 0, LODE_RECORD_DROP, 0, 0, BELL, 0, DIE, 0, 0);
    seed(arg, text.bytes, text.size);
    /* A draft, its commit under a result's id, a waiter, a late second commit. */
    text.size = 0;
    fuzz_say(&text, ATTACH, 0, 1, ATTACH, 1, 1, RECORD_OP, 1, LODE_RECORD_WAIT, 3, 0, 1, BELL, 1);
    fuzz_say(&text, SEND, 0, LODE_MSG_CREATE, 1, 6, 0, 0xff, 0x0f, 0, OTHER, 99);
    fuzz_say(&text, RECORD_OP, 0, LODE_RECORD_COMMIT, 1, 32, 3, 0, 0xff, BELL, 0);
    fuzz_say(&text, RECORD_OP, 0, LODE_RECORD_COMMIT, 2, 0, 3, 0, 9, 0, 3, 1, 9, BELL, 0);
    seed(arg, text.bytes, text.size);
    /* Packets of every type. */
    text.size = 0;
    fuzz_say(&text, ATTACH, 0, 3, ATTACH, 1, 3, RECORD_OP, 0, LODE_RECORD_PUT, 1, 0, 0, 40);
    for (uint8_t type = 0; type < LODE_MSG_END; type++) {
        if (type != LODE_MSG_LEAVE) {
            fuzz_say(&text, SEND, 0, type, 0x11, 0, 0, 1, 1, 1, 1, 1, OTHER, 99, OTHER, 99);
        }
    }
    fuzz_say(&text, SEND, 0, LODE_MSG_LEAVE, OTHER, 99);
    seed(arg, text.bytes, text.size);
    /* Creates that wait for room; an EXPIRE ends those of one tag, and then there is none. */
    text.size = 0;
    fuzz_say(&text, ATTACH, 0, 0, ATTACH, 1, 0);
    for (uint8_t i = 0; i < 4; i++) {
        fuzz_say(&text, SEND, 0, LODE_MSG_CREATE, 1, 1, i, 0xff, 0xff, 128);
        fuzz_say(&text, SEND, 1, LODE_MSG_CREATE, i & 1, 1, i, 0xff, 0xff, 128);
    }
    fuzz_say(&text, OTHER, 99, SEND, 1, LODE_MSG_EXPIRE, 0, SEND, 1, LODE_MSG_EXPIRE, 3, SEND, 0,
             LODE_MSG_EXPIRE, 1, OTHER, 99, SEND, 0, LODE_MSG_EXPIRE, 1, DIE, 1, 0, OTHER, 99);
    seed(arg, text.bytes, text.size);
    /* A scheduler's errors over results that a client refers to and waits for, and once more. */
    text.size = 0;
    fuzz_say(&text, ATTACH, 0, 2, ATTACH, 1, 0, RECORD_OP, 1, LODE_RECORD_TAKE, 11, 0, BELL, 1);
    fuzz_say(&text, SEND, 1, LODE_MSG_WATCH, 1, 2, 11, 0, 11, 1, OTHER, 99);
    fuzz_say(&text, SEND, 0, LODE_MSG_FAIL, 0x17, 11, 0, 40, OTHER, 99);
    fuzz_say(&text, SEND, 0, LODE_MSG_FAIL, 0x05, 11, 0, SEND, 1, LODE_MSG_UNWATCH, 5, 1, 11, 1);
    fuzz_say(&text, SEND, 1, LODE_MSG_TAKE, 11, 1, 0, RECORD_OP, 1, LODE_RECORD_DROP, 11, 0, OTHER,
             99, DIE, 1, 0, OTHER, 99);
    seed(arg, text.bytes, text.size);
    /* Drafts sealed and aborted, names, a delete, a client whose file is cut, one that lives on. */
    text.size = 0;
    fuzz_say(&text, ATTACH, 0, 0, ATTACH, 1, 0, ATTACH, 2, 7);
    fuzz_say(&text, SEND, 0, LODE_MSG_CREATE, 1, 5, 0, 0x00, 0x20, 0, OTHER, 99);
    fuzz_say(&text, SEND, 0, LODE_MSG_SEAL, 0, OTHER, 99);
    fuzz_say(&text, SEND, 1, LODE_MSG_NAME_SET, 0x0e, 5, 0, SEND, 1, LODE_MSG_NAME_LOOKUP, 0x0e, 5,
             0, OTHER, 99);
    fuzz_say(&text, SEND, 2, LODE_MSG_PUT, 0x40, 5, 1, 9, 0, 0, 5, 0, OTHER, 99);
    fuzz_say(&text, SEND, 1, LODE_MSG_DELETE, 5, 0, 0, PIN, 1, 0, 0, 1, 0, 0, 4, DIE, 1, 1);
    fuzz_say(&text, OTHER, 0, 2, 0, OTHER, 99, RAW, 0, 16, 16, 0, 16, 0, 0, 0, 1, 0, 0, 0);
    seed(arg, text.bytes, text.size);
}
