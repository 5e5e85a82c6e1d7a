/*
 * What clients may do to the store: packets, ring records, pins, the file of their session, their
 * deaths. Whatever it is, the store stays sound, an honest client keeps its objects, and nothing is
 * left when the hostile ones are gone.
 *
 * ctest: replay 20000
 */
#include "tests/fuzz/store_world.h"

enum { PACKET = 2048, RECORD = 4096, NOBODY = 1 << 30 /* no session has this number */ };

/* Ids that meet: of every kind and of every session here. */
static lode_id
pick_id(struct fuzz_input *input, struct client *client)
{
    uint8_t pick = fuzz_u8(input);
    uint64_t session = clients[pick >> 3 & 3].fake.number;
    uint64_t counter = fuzz_u8(input) % 8 + 1;
    session = session == 0 ? NOBODY : session;
    switch (pick & 7) {
    case 0:
    case 1:
        return lode_id_make(LODE_ID_PUT, client->fake.number, counter);
    case 2:
        return lode_id_make(LODE_ID_PUT, session, counter);
    case 3:
        return lode_id_make(LODE_ID_RESULT, session, counter);
    case 4:
        return lode_id_reserve(session, counter);
    case 5:
        return lode_id_make(LODE_ID_USER, 0, counter);
    case 6:
        return pick & 64 ? lode_id_from_words(UINT64_C(3) << 62, counter) : (lode_id){{0}};
    default:
        return witness_id[counter % WITNESS_OBJECTS];
    }
}

static struct client *
pick_client(struct fuzz_input *input)
{
    return &clients[fuzz_u8(input) % CLIENTS];
}

static void
send_checked(struct client *client, const void *packet, size_t size)
{
    const struct lode_msg_lookup *lookup = packet;
    if (size >= sizeof lookup->head && lookup->head.type == LODE_MSG_DELETE) {
        witness_deleted = true;
    }
    client_send(client, packet, size);
}

static void
connect_or_attach(struct fuzz_input *input)
{
    struct client *client = pick_client(input);
    uint8_t how = fuzz_u8(input);
    if (client->fake.fd < 0) {
        client_connect(client);
    }
    if (client->fake.number == 0 && how < 240) {
        client_attach(client, how & 3);
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

/* ---- packets that keep most rules ---- */

static void
send_create(struct fuzz_input *input, struct client *client, uint8_t type)
{
    uint8_t packet[PACKET] = {0}, shape = fuzz_u8(input);
    struct lode_msg_create create = {.head = {.type = type, .tag = shape & 1},
                                     .id = pick_id(input, client),
                                     .size = fuzz_u16(input),
                                     .kind = fuzz_u8(input) % 5,
                                     .object_class = shape >> 1 & 3,
                                     .flags = shape >> 3 & 1,
                                     .timeout_ms = shape & 16 ? 0 : 1,
                                     .hold_count = shape >> 6};
    if (shape & 32) {
        create.dtype = fuzz_u8(input) % 16;
        create.ndim = fuzz_u8(input) % 10;
        for (int i = 0; i < LODE_MAX_NDIM; i++) {
            create.shape[i] = (int8_t)fuzz_u8(input);
            create.strides[i] = (int8_t)fuzz_u8(input);
        }
    }
    size_t size = sizeof create;
    for (uint32_t i = 0; i < create.hold_count; i++, size += sizeof(lode_id)) {
        lode_id id = pick_id(input, client);
        memcpy(packet + size, &id, sizeof id);
    }
    if (type == LODE_MSG_PUT) {
        create.size %= 1024;
        size += create.size;
    } else if (shape == 0xff) {
        create.size <<= 6; /* up to the store's capacity: it has to wait */
    }
    memcpy(packet, &create, sizeof create);
    send_checked(client, packet, size);
}

static void
send_ids(struct fuzz_input *input, struct client *client, uint8_t type)
{
    struct {
        union {
            struct lode_msg_watch watch;
            struct lode_msg_settle settle;
        } u;
        lode_id ids[16];
    } packet = {.u.watch = {.head = {.type = type, .tag = 3}}};
    uint32_t count = fuzz_u8(input) % 16;
    size_t head = type == LODE_MSG_WATCH ? sizeof packet.u.watch : sizeof packet.u.settle;
    if (type == LODE_MSG_WATCH) {
        packet.u.watch.cookie = fuzz_u8(input) % 4;
        packet.u.watch.count = count;
    } else {
        packet.u.settle.session = clients[fuzz_u8(input) % CLIENTS].fake.number;
        packet.u.settle.count = count;
    }
    uint8_t *at = (uint8_t *)&packet + head;
    for (uint32_t i = 0; i < count; i++, at += sizeof(lode_id)) {
        lode_id id = pick_id(input, client);
        memcpy(at, &id, sizeof id);
    }
    send_checked(client, &packet, head + count * sizeof(lode_id));
}

static void
send_name(struct fuzz_input *input, struct client *client, uint8_t type)
{
    uint8_t packet[sizeof(struct lode_msg_name) + 8];
    uint8_t shape = fuzz_u8(input);
    struct lode_msg_name name = {.head = {.type = type, .tag = 4},
                                 .id = pick_id(input, client),
                                 .flags = shape & 1,
                                 .space_size = shape >> 1 & 1,
                                 .name_size = shape >> 2 & 3};
    static const char text[] = "abc";
    memcpy(packet, &name, sizeof name);
    memcpy(packet + sizeof name, text + (shape >> 4 & 1), 2);
    memcpy(packet + sizeof name + 2, text, 3);
    send_checked(client, packet, sizeof name + name.space_size + name.name_size);
}

static void
send_lookup(struct fuzz_input *input, struct client *client, uint8_t type)
{
    struct lode_msg_lookup lookup = {.head = {.type = type, .tag = 5}};
    lookup.id = pick_id(input, client);
    lookup.cookie = fuzz_u8(input) % 4;
    if (type == LODE_MSG_DELETE) {
        for (int i = 0; i < WITNESS_OBJECTS; i++) {
            if (lode_id_same(lookup.id, witness_id[i])) {
                return;
            }
        }
    }
    client_send(client, &lookup, sizeof lookup);
}

/* Of one draft: its own last one, or one of those that the store may have now. */
static void
send_draft(struct fuzz_input *input, struct client *client, uint8_t type)
{
    struct lode_msg_draft draft = {
        .head = {.type = type, .tag = 6}, .entry = client->entry, .generation = client->generation};
    uint8_t other = fuzz_u8(input);
    if (other != 0) {
        draft.entry = other;
        draft.generation = lode_word_generation(entry_word(&store->table, other));
    }
    client_send(client, &draft, sizeof draft);
}

static void
send_other(struct fuzz_input *input, struct client *client, uint8_t type)
{
    struct lode_msg_list list = {.head = {.type = type, .tag = 7}};
    struct lode_msg_pins pins = {.head = {.type = type, .tag = 7}};
    switch (type) {
    case LODE_MSG_LIST:
        list.cursor = fuzz_u16(input);
        list.count = fuzz_u8(input);
        client_send(client, &list, sizeof list);
        return;
    case LODE_MSG_GROW_PINS:
        pins.slots = fuzz_u32(input) % (LODE_PIN_FIRST * 4);
        client_send(client, &pins, sizeof pins);
        return;
    case LODE_MSG_UNWATCH: {
        struct lode_msg_watch watch = {.head = {.type = type, .tag = 7}};
        watch.cookie = fuzz_u8(input) % 4;
        client_send(client, &watch, sizeof watch);
        return;
    }
    case LODE_MSG_SEGMENT: {
        struct lode_msg_segment segment = {.head = {.type = type, .tag = fuzz_u8(input)}};
        segment.segment = fuzz_u8(input) % 4;
        client_send(client, &segment, sizeof segment);
        return;
    }
    default:
        client_send(client, &list.head, sizeof list.head);
    }
}

static void
send_packet(struct fuzz_input *input)
{
    struct client *client = pick_client(input);
    uint8_t type = fuzz_u8(input) % LODE_MSG_END;
    if (client->fake.number == 0) {
        return;
    }
    switch (type) {
    case LODE_MSG_CREATE:
    case LODE_MSG_PUT:
        send_create(input, client, type);
        break;
    case LODE_MSG_WATCH:
    case LODE_MSG_SETTLE:
    case LODE_MSG_RESULTS:
        send_ids(input, client, type);
        break;
    case LODE_MSG_NAME_SET:
    case LODE_MSG_NAME_LOOKUP:
    case LODE_MSG_NAME_REMOVE:
    case LODE_MSG_NAME_LIST:
        send_name(input, client, type);
        break;
    case LODE_MSG_LOOKUP:
    case LODE_MSG_UNWAIT:
    case LODE_MSG_DELETE:
    case LODE_MSG_STAT:
        send_lookup(input, client, type);
        break;
    case LODE_MSG_SEAL:
    case LODE_MSG_ABORT:
    case LODE_MSG_RELEASED:
        send_draft(input, client, type);
        break;
    default:
        send_other(input, client, type);
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
    struct fuzz_input input = {bytes, size};
    world_begin();
    while (input.left > 0) {
        run(&input);
    }
    world_settle();
    world_end();
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
