/*
 * store_packets.h: each packet of a client's, with most rules kept; and the ids in them, which
 * meet.
 */
#ifndef TESTS_FUZZ_STORE_PACKETS_H
#define TESTS_FUZZ_STORE_PACKETS_H

#include "api/layout/error_object.h"
#include "api/layout/id_filter.h"
#include "tests/fuzz/store_world.h"

enum {
    PACKET = 2048,
    IDS = 16,
    NOBODY = 1 << 30 /* no session has this number */
};

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
        if (pick & 128 && store->table.name_count > 0) {
            return store->table.entries[store->table.names[counter % store->table.name_count]].id;
        }
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
send_lode_msg_create(struct fuzz_input *input, struct client *client, uint8_t type)
{
    uint8_t packet[PACKET] = {0}, shape = fuzz_u8(input), more;
    struct lode_msg_create create = {.head = {.type = type, .tag = shape & 1},
                                     .id = pick_id(input, client),
                                     .size = fuzz_u16(input),
                                     .object_class = shape >> 1 & 3,
                                     .flags = shape >> 3 & 1,
                                     .timeout_ms = shape & 16 ? 0 : 1,
                                     .hold_count = shape >> 6};
    more = fuzz_u8(input);
    create.kind = more % 128 % 5;
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
    } else if (more & 128) {
        create.size <<= 6; /* up to the store's capacity: it has to wait, until an EXPIRE */
        create.timeout_ms = 60000;
    }
    memcpy(packet, &create, sizeof create);
    send_checked(client, packet, size);
}

/* Up to 16 ids behind a head that says how many they are. */
static void
send_ids(struct fuzz_input *input, struct client *client, const void *head, size_t head_size,
         uint32_t count)
{
    uint8_t packet[sizeof(struct lode_msg_watch) + IDS * sizeof(lode_id)];
    memcpy(packet, head, head_size);
    for (uint32_t i = 0; i < count; i++) {
        lode_id id = pick_id(input, client);
        memcpy(packet + head_size + i * sizeof id, &id, sizeof id);
    }
    send_checked(client, packet, head_size + count * sizeof(lode_id));
}

static void
send_lode_msg_watch(struct fuzz_input *input, struct client *client, uint8_t type)
{
    uint8_t shape = fuzz_u8(input);
    struct lode_msg_watch watch = {
        .head = {.type = type, .tag = 3}, .cookie = shape & 3, .drain = shape >> 2 & 1};
    watch.count = fuzz_u8(input) % IDS;
    send_ids(input, client, &watch, sizeof watch, watch.count);
}

/* Of ids, or of a row of them, which may be longer than a packet may mean. */
static void
send_lode_msg_check(struct fuzz_input *input, struct client *client, uint8_t type)
{
    uint8_t shape = fuzz_u8(input);
    struct lode_msg_check check = {
        .head = {.type = type, .tag = 3}, .step = shape & 3, .drain = shape >> 2 & 1};
    check.step <<= check.step == 3 ? fuzz_u8(input) & 31 : 0;
    check.count = fuzz_u8(input) % IDS;
    uint32_t count = check.step == 0 ? check.count : 1;
    check.count <<= check.step == 0 ? 0 : shape >> 3;
    send_ids(input, client, &check, sizeof check, count);
}

/* The ids of some client's session, or others, in a row that may be longer than it may be. */
static void
send_lode_msg_watch_row(struct fuzz_input *input, struct client *client, uint8_t type)
{
    uint8_t shape = fuzz_u8(input);
    struct lode_msg_watch_row row = {.head = {.type = type, .tag = 3},
                                     .cookie = shape & 3,
                                     .first = pick_id(input, client),
                                     .step = fuzz_u8(input)};
    row.count = (uint32_t)fuzz_u8(input) << (shape >> 2 & 15);
    row.step <<= shape >> 6 == 3 ? 10 : 0;
    client_send(client, &row, sizeof row);
}

/* The bits of some ids: those of users that pick_id() gives. */
static void
set_bits_of_ids(uint8_t bits[128], uint32_t count)
{
    memset(bits, 0, 128);
    for (uint64_t i = 1; i <= count && i <= 8; i++) {
        lode_id id = lode_id_make(LODE_ID_USER, 0, i);
        uint64_t at = lode_filter_at(table_hash(&store->table, id), LODE_FILTER_LOG2_LEAST);
        bits[at / 8] |= (uint8_t)(1 << at % 8);
    }
}

/*
 * Of as many ids of users as it says, in parts that are one filter or not; or with any bits: then
 * mostly more than it has ids.
 */
static void
send_lode_msg_watch_filter(struct fuzz_input *input, struct client *client, uint8_t type)
{
    uint8_t shape = fuzz_u8(input);
    struct {
        struct lode_msg_watch_filter msg;
        uint8_t bits[128];
    } packet = {.msg = {.head = {.type = type, .tag = shape >> 2 & 1},
                        .cookie = shape & 3,
                        .count = fuzz_u8(input) % 32,
                        .log2 = LODE_FILTER_LOG2_LEAST,
                        .promised = shape >> 5 & 1}};
    size_t size = shape & 8 ? sizeof packet.bits : sizeof packet.bits / 2;
    packet.msg.at = shape & 16 ? sizeof packet.bits / 2 : 0;
    packet.msg.log2 += shape >> 5 == 7 ? fuzz_u8(input) : 0;
    set_bits_of_ids(packet.bits, packet.msg.count);
    if (shape & 32) {
        memset(packet.bits, fuzz_u8(input), sizeof packet.bits);
    }
    memmove(packet.bits, packet.bits + packet.msg.at, sizeof packet.bits - packet.msg.at);
    client_send(client, &packet, sizeof packet.msg + size);
}

static void
send_lode_msg_settle(struct fuzz_input *input, struct client *client, uint8_t type)
{
    struct lode_msg_settle settle = {.head = {.type = type, .tag = 3}};
    settle.count = fuzz_u8(input) % IDS;
    settle.session = pick_client(input)->fake.number;
    send_ids(input, client, &settle, sizeof settle, settle.count);
}

/* Results of a task of some session, and an error object for them, or some bytes. */
static void
send_lode_msg_fail(struct fuzz_input *input, struct client *client, uint8_t type)
{
    uint8_t packet[PACKET] = {0}, shape = fuzz_u8(input);
    struct lode_msg_fail fail = {.head = {.type = type, .tag = shape & 1},
                                 .results = pick_id(input, client),
                                 .count = shape >> 1 & 7,
                                 .short_size = LODE_ERROR_SHORT_BYTES};
    fail.size = fail.short_size + (shape & 16 ? fuzz_u8(input) : 0);
    if (shape & 32) {
        fail.size = fuzz_u16(input) % (PACKET / 2);
        fail.short_size = fuzz_u8(input);
    }
    struct lode_error_object object = {.code = LODE_ETASK};
    memcpy(packet + sizeof fail, &object, sizeof object);
    memcpy(packet + sizeof fail + fail.size, &object, sizeof object);
    memcpy(packet, &fail, sizeof fail);
    send_checked(client, packet, sizeof fail + fail.size + fail.short_size);
}

static void
send_lode_msg_name(struct fuzz_input *input, struct client *client, uint8_t type)
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
send_lode_msg_lookup(struct fuzz_input *input, struct client *client, uint8_t type)
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
send_lode_msg_draft(struct fuzz_input *input, struct client *client, uint8_t type)
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
send_lode_msg_released(struct fuzz_input *input, struct client *client, uint8_t type)
{
    _Static_assert(sizeof(struct lode_msg_released) == sizeof(struct lode_msg_draft), "the same");
    send_lode_msg_draft(input, client, type);
}

static void
send_lode_msg_list(struct fuzz_input *input, struct client *client, uint8_t type)
{
    struct lode_msg_list list = {.head = {.type = type, .tag = 7}};
    list.cursor = fuzz_u16(input);
    list.count = fuzz_u8(input);
    client_send(client, &list, sizeof list);
}

static void
send_lode_msg_pins(struct fuzz_input *input, struct client *client, uint8_t type)
{
    struct lode_msg_pins pins = {.head = {.type = type, .tag = 7}};
    pins.slots = fuzz_u32(input) % (LODE_PIN_FIRST * 4);
    client_send(client, &pins, sizeof pins);
}

static void
send_lode_msg_segment(struct fuzz_input *input, struct client *client, uint8_t type)
{
    struct lode_msg_segment segment = {.head = {.type = type, .tag = fuzz_u8(input)}};
    segment.segment = fuzz_u8(input) % 4;
    client_send(client, &segment, sizeof segment);
}

static void
send_lode_msg_head(struct fuzz_input *input, struct client *client, uint8_t type)
{
    struct lode_msg_head head = {.type = type, .tag = 7};
    if (type == LODE_MSG_EXPIRE) {
        head.tag = fuzz_u8(input) % 4; /* of a CREATE, or of another packet, or of none */
    }
    client_send(client, &head, sizeof head);
}

/* A second one, by a client that is attached already: connect_or_attach() sends the first. */
static void
send_lode_msg_hello(struct fuzz_input *input, struct client *client, uint8_t type)
{
    struct lode_msg_hello hello = {.head = {.type = type, .tag = 7},
                                   .magic = LODE_STORE_MAGIC,
                                   .major = LODE_STORE_WIRE_MAJOR,
                                   .flags = fuzz_u8(input)};
    client_send(client, &hello, sizeof hello);
}

/* A packet of a new shape does not compile without a function of its name above. */
static void
send_packet(struct fuzz_input *input)
{
#define SEND_FROM_client(value, shape)                                                             \
    case (value):                                                                                  \
        send_##shape(input, client, type);                                                         \
        break;
#define SEND_FROM_store(value, shape)
#define SEND(name, value, from, shape, rest) SEND_FROM_##from(value, shape)
    struct client *client = pick_client(input);
    uint8_t type = fuzz_u8(input) % LODE_MSG_END;
    if (client->fake.number == 0) {
        return;
    }
    switch (type) {
        LODE_STORE_MSG_MAP(SEND)
    default:
        send_lode_msg_head(input, client, type);
    }
#undef SEND
#undef SEND_FROM_store
#undef SEND_FROM_client
}

#endif
