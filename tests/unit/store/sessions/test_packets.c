/* The socket: every packet that breaks a rule cuts its session, and only that one. */
#include "api/base/clock.h"
#include "store/sessions/packets.h"
#include "store/sessions/session.h"
#include "tests/unit/store/fake_client.h"

TestSuite(packets, .init = store_setup, .fini = store_teardown, .timeout = 120);

static struct fake
connect_only(void)
{
    struct fake fake = {0};
    int pair[2];
    expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    fake.fd = pair[0];
    must(connection_accept(store, pair[1]));
    return fake;
}

static void
others_are_served(struct fake *good)
{
    struct lode_msg_head ask = {.type = LODE_MSG_STATS, .tag = 1};
    struct lode_msg_stats answer;
    fake_send(good, &ask, sizeof ask);
    pump();
    expect_eq(fake_receive(good, &answer, sizeof answer, NULL), LODE_MSG_STATS_ARE);
}

Test(packets, no_two_kinds_have_one_number)
{
#define NUMBER(name, value, from, shape, rest) value,
    static const uint8_t number[] = {LODE_STORE_MSG_MAP(NUMBER)};
#undef NUMBER
    bool used[LODE_MSG_END] = {false};
    for (size_t i = 0; i < sizeof number; i++) {
        expect(number[i] < LODE_MSG_END);
        expect(!used[number[i]]);
        used[number[i]] = true;
    }
}

Test(packets, connect_and_close_a_thousand_times)
{
    struct fake good = fake_attach(0);
    for (int i = 0; i < 1000; i++) {
        struct fake fake = connect_only();
        close(fake.fd);
        pump();
    }
    expect_eq(store->session_count, 1);
    expect(store->newcomers == NULL);
    others_are_served(&good);
    fake_die(&good);
}

static void
expect_refused(uint16_t major, uint32_t ring_bytes, lode_err err, const char *text)
{
    struct fake fake = connect_only();
    struct lode_msg_hello hello = {.head = {.type = LODE_MSG_HELLO, .tag = 1},
                                   .magic = LODE_STORE_MAGIC,
                                   .major = major,
                                   .ring_bytes = ring_bytes};
    struct {
        struct lode_msg_error error;
        char text[1024];
    } answer = {0};
    fake_send(&fake, &hello, sizeof hello);
    pump();
    expect_eq(fake_receive(&fake, &answer, sizeof answer, NULL), LODE_MSG_ERROR);
    expect_eq(answer.error.err, err);
    expect_text(answer.text, text);
    expect(err != LODE_EVERSION || fake_is_cut(&fake));
    close(fake.fd);
}

/* Version 1 had another WELCOME, and another FOUND. */
Test(packets, another_version_is_told_so)
{
    static const uint16_t others[] = {1, LODE_STORE_WIRE_MAJOR - 1, LODE_STORE_WIRE_MAJOR + 1};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        expect_refused(others[i], 0, LODE_EVERSION, "speaks version");
    }
}

/* Each ring is drained in one go, while all others wait. */
Test(packets, a_ring_that_keeps_the_others_waiting_is_refused)
{
    expect_refused(LODE_STORE_WIRE_MAJOR, 512 << 10, LODE_EINVAL,
                   "a ring of 524288 bytes: a power of two from 65536 to 262144");
}

Test(packets, half_of_each_and_too_much_of_each_cut)
{
    struct fake good = fake_attach(0);
    static uint8_t bytes[LODE_STORE_PACKET_MAX + 1];
    for (uint8_t type = 0; type < LODE_MSG_END + 3; type++) {
        for (size_t size = 1; size < 64; size += 9) {
            struct fake bad = fake_attach(0);
            memset(bytes, 0xff, sizeof bytes);
            bytes[0] = type;
            fake_send(&bad, bytes, size);
            pump();
            others_are_served(&good);
            fake_die(&bad);
        }
        struct fake bad = fake_attach(0);
        bytes[0] = type;
        fake_send(&bad, bytes, sizeof bytes);
        expect(fake_is_cut(&bad));
        others_are_served(&good);
        fake_die(&bad);
    }
    expect(store_check(store));
    fake_die(&good);
}

Test(packets, random_bytes_never_hurt_the_others)
{
    struct fake good = fake_attach(0);
    lode_id id = fake_put(&good, "kept", 4);
    uint64_t seed = 88172645463325252;
    for (int round = 0; round < 3000; round++) {
        struct fake bad = fake_attach(round % 3 == 0 ? LODE_HELLO_SCHEDULER : LODE_HELLO_MAKER);
        uint8_t bytes[512];
        for (int packets = 0; packets < 3; packets++) {
            for (size_t i = 0; i < sizeof bytes; i++) {
                seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
                bytes[i] = seed % 4 == 0 ? (uint8_t)(seed >> 8) : 0;
            }
            bytes[0] = (uint8_t)(1 + (seed >> 16) % LODE_MSG_END);
            if (send(bad.fd, bytes, 8 + (seed >> 32) % 500, MSG_NOSIGNAL) > 0) {
                pump();
            }
        }
        fake_die(&bad);
    }
    expect_eq(fake_lookup(&good, id, 0), LODE_FOUND_SEALED);
    expect(store_check(store));
    fake_die(&good);
}

Test(packets, who_never_reads_is_cut_and_stops_nobody)
{
    struct fake good = fake_attach(0), deaf = fake_attach(0);
    struct lode_msg_list ask = {.head = {.type = LODE_MSG_LIST, .tag = 1}};
    for (int i = 0; i < 250; i++) {
        fake_put(&deaf, "x", 1);
    }
    for (int i = 0; i < 2000; i++) {
        if (send(deaf.fd, &ask, sizeof ask, MSG_NOSIGNAL) < 0) {
            break;
        }
        pump();
    }
    expect(store_session(store, deaf.number) == NULL);
    others_are_served(&good);
    fake_die(&good);
    fake_die(&deaf);
}

Test(packets, settling_is_the_schedulers_alone)
{
    struct fake fake = fake_attach(0);
    struct lode_msg_settle msg = {.head = {.type = LODE_MSG_SETTLE, .tag = 1}};
    fake_send(&fake, &msg, sizeof msg);
    expect(fake_is_cut(&fake));
}

Test(packets, pins_grow_to_their_limit)
{
    struct fake fake = fake_attach(0);
    struct lode_msg_pins pins = {.head = {.type = LODE_MSG_GROW_PINS, .tag = 1}, .slots = 5000};
    uint8_t answer[1024];
    fake_send(&fake, &pins, sizeof pins);
    pump();
    expect_eq(fake_receive(&fake, answer, sizeof answer, NULL), LODE_MSG_PINS);
    expect_eq(((struct lode_msg_pins *)(void *)answer)->slots, 5000);
    pins.slots = LODE_PIN_MAX + 1;
    fake_send(&fake, &pins, sizeof pins);
    pump();
    expect_eq(fake_receive(&fake, answer, sizeof answer, NULL), LODE_MSG_ERROR);
    fake_die(&fake);
}

Test(packets, lists_and_names_come_in_parts)
{
    struct fake fake = fake_attach(0);
    static uint8_t answer[LODE_STORE_PACKET_MAX];
    struct lode_msg_list ask = {.head = {.type = LODE_MSG_LIST, .tag = 1}}, part;
    uint32_t seen = 0, parts = 0;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 200; i++) {
            fake_put(&fake, "x", 1);
        }
        fake_ring(&fake);
    }
    do {
        fake_send(&fake, &ask, sizeof ask);
        pump();
        expect_eq(fake_receive(&fake, answer, sizeof answer, NULL), LODE_MSG_INFO);
        memcpy(&part, answer, sizeof part);
        ask.cursor = part.cursor;
        seen += part.count;
        parts++;
    } while (ask.cursor != 0);
    expect_eq(seen, 1000);
    expect_lt(1, parts);
    fake_die(&fake);
}

Test(packets, tell_of_an_array_without_elements_and_with_huge_axes)
{
    struct fake fake = fake_attach(0);
    int64_t huge = INT64_C(1) << 40;
    struct lode_msg_create put = {.head = {.type = LODE_MSG_PUT, .tag = 1},
                                  .id = fake_next(&fake),
                                  .dtype = LODE_F64,
                                  .kind = LODE_KIND_ARRAY,
                                  .ndim = 4,
                                  .shape = {huge, 0, huge, huge}};
    struct lode_msg_lookup ask = {.head = {.type = LODE_MSG_STAT, .tag = 2}, .id = put.id};
    struct lode_msg_created created;
    static uint8_t answer[LODE_STORE_PACKET_MAX];
    lode_object_info info;
    fake_send(&fake, &put, sizeof put);
    pump();
    while (!fake_has_packet(&fake)) {
        expect_lt(0, helper_wait(store->helper, 10000));
        pump();
    }
    expect_eq(fake_receive(&fake, &created, sizeof created, NULL), LODE_MSG_CREATED);
    fake_send(&fake, &ask, sizeof ask);
    pump();
    expect_eq(fake_receive(&fake, answer, sizeof answer, NULL), LODE_MSG_INFO);
    memcpy(&info, answer + sizeof(struct lode_msg_list), sizeof info);
    expect_eq(info.array.shape[0], huge);
    expect_eq(info.array.strides[2], huge);
    fake_die(&fake);
}

Test(packets, that_find_no_room_are_told_what_is_pinned_once)
{
    struct fake fake = fake_attach(0), reader = fake_attach(0);
    struct lode_msg_created draft;
    struct lode_msg_create more = {.head = {.type = LODE_MSG_CREATE, .tag = 9},
                                   .id = fake_next(&fake),
                                   .size = FAKE_CAPACITY - (1 << 19)};
    struct {
        struct lode_msg_error msg;
        char text[512];
    } error;
    char pinned[64];
    expect_eq(fake_create(&fake, fake_next(&fake), 1 << 20, 0, &draft), LODE_MSG_CREATED);
    expect_eq(fake_draft_call(&fake, LODE_MSG_SEAL, &draft), LODE_MSG_OK);
    fake_pin(&reader, 0, draft.entry + 1);
    fake_pin(&reader, 7, draft.entry + 1);
    for (int i = 0; i < 2; i++) { /* the second says the same: no mark is left */
        memset(&error, 0, sizeof error);
        fake_send(&fake, &more, sizeof more);
        pump();
        expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
        expect_eq(error.msg.err, LODE_EFULL);
        snprintf(pinned, sizeof pinned, "views pin %llu bytes",
                 (unsigned long long)store->table.truths[draft.entry].stored);
        expect_text(error.text, pinned);
    }
    fake_die(&reader);
    fake_die(&fake);
}

static void
pin_often(struct fake *fake, uint32_t pin)
{
    struct lode_msg_pins pins = {.head = {.type = LODE_MSG_GROW_PINS, .tag = 1},
                                 .slots = LODE_PIN_MAX};
    fake_send(fake, &pins, sizeof pins);
    pump();
    while (!fake_has_packet(fake)) {
        expect_lt(0, helper_wait(store->helper, 10000)); /* their memory is being committed */
        pump();
    }
    expect_eq(fake_receive(fake, &pins, sizeof pins, NULL), LODE_MSG_PINS);
    fake_pin(fake, LODE_PIN_MAX - 1, pin);
}

/* A client that is refused all the time must not keep the store busy with looking at all pins. */
Test(packets, that_find_no_room_beside_many_pins_are_told_so_without_a_number)
{
    struct fake fake = fake_attach(0), reader = fake_attach(0);
    struct lode_msg_created draft;
    struct lode_msg_create more = {.head = {.type = LODE_MSG_CREATE, .tag = 9},
                                   .id = fake_next(&fake),
                                   .size = FAKE_CAPACITY - (1 << 19)};
    struct {
        struct lode_msg_error msg;
        char text[512];
    } error = {0};
    expect_eq(fake_create(&fake, fake_next(&fake), 1 << 20, 0, &draft), LODE_MSG_CREATED);
    expect_eq(fake_draft_call(&fake, LODE_MSG_SEAL, &draft), LODE_MSG_OK);
    pin_often(&reader, draft.entry + 1);
    fake_send(&fake, &more, sizeof more);
    pump();
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.msg.err, LODE_EFULL);
    expect_text(error.text, "; views may pin some of them");
    fake_die(&reader);
    fake_die(&fake);
}

/* Anybody may say that it is the scheduler, and name its own results. */
Test(packets, a_scheduler_that_promised_its_own_results_ends_like_any_other)
{
    struct fake scheduler = fake_attach(LODE_HELLO_SCHEDULER), other = fake_attach(0);
    struct {
        struct lode_msg_settle head;
        lode_id id;
    } results = {.head = {.head = {.type = LODE_MSG_RESULTS, .tag = 1},
                          .session = scheduler.number,
                          .count = 1},
                 .id = result(&scheduler, 1)};
    fake_take(&other, results.id);
    fake_ring(&other);
    fake_send(&scheduler, &results, sizeof results);
    pump();
    expect(fake_has_packet(&scheduler));
    fake_die(&scheduler);
    expect(store_check(store));
    expect_eq(fake_lookup(&other, results.id, 0), LODE_FOUND_GONE);
    fake_die(&other);
}

/*
 * Lets the store believe that `count` sessions more are there, all of that one, while a new one
 * says HELLO. True: it was taken.
 */
static bool
is_taken_beside(const struct fake *one, uint32_t count, int64_t pid, uint32_t flags)
{
    struct fake late;
    uint32_t real = store->session_count;
    expect(fake_connect(&late));
    store->newcomers->pid = pid;
    for (uint32_t i = 0; i < count; i++) {
        store->sessions[store->session_count++] = one->session;
    }
    store->program_count += count;
    store->programs_by_pid[one->session->counted_at] += (uint16_t)count;
    struct lode_msg_hello hello = {.head = {.type = LODE_MSG_HELLO, .tag = 1},
                                   .magic = LODE_STORE_MAGIC,
                                   .major = LODE_STORE_WIRE_MAJOR,
                                   .flags = flags};
    struct session *session = store->newcomers;
    bool taken = session_hello(store, session, &hello) == LODE_OK;
    store->session_count = real;
    store->program_count -= count;
    store->programs_by_pid[one->session->counted_at] -= (uint16_t)count;
    if (taken) {
        session->slot = real;
        store->sessions[store->session_count++] = session;
    }
    close(late.fd);
    pump();
    return taken;
}

Test(packets, one_process_cannot_take_the_sessions_of_all)
{
    struct fake one = fake_attach(0);
    int64_t pid = one.session->pid, other = pid + 1;
    expect(is_taken_beside(&one, STORE_SESSIONS_OF_PROCESS_MAX - 2, pid, 0));
    expect(!is_taken_beside(&one, STORE_SESSIONS_OF_PROCESS_MAX - 1, pid, 0));
    expect_text(lode_last_error(), "this process has 1024 sessions");
    expect(is_taken_beside(&one, STORE_SESSIONS_OF_PROCESS_MAX - 1, other, 0));
    fake_die(&one);
}

Test(packets, programs_leave_sessions_for_the_workers_and_the_scheduler)
{
    struct fake one = fake_attach(0);
    int64_t other = one.session->pid + 1;
    expect(!is_taken_beside(&one, STORE_PROGRAMS_MAX, other, 0));
    expect_text(lode_last_error(), "kept for workers");
    expect(is_taken_beside(&one, STORE_PROGRAMS_MAX, one.session->pid, LODE_HELLO_MAKER));
    expect(is_taken_beside(&one, STORE_PROGRAMS_MAX, one.session->pid, LODE_HELLO_SCHEDULER));
    fake_die(&one);
}
