/* The end of a session that has much: in parts, between which the others are served. */
#include "tests/unit/store/fake_client.h"

#include "store/freeing/ending.h"
#include "store/objects/status.h"
#include "store/sessions/packets.h"
#include "store/waits/waits.h"

TestSuite(ending, .init = store_setup, .fini = store_teardown, .timeout = 120);

enum {
    TURN = CHORE_PART * CHORE_PARTS_MAX, /* the most that a turn handles */
    MANY = 3 * TURN
};

/* The end of file, of a process that the store does not see. */
static void
vanish(struct fake *fake)
{
    if (fake->session->pidfd >= 0) {
        close(fake->session->pidfd);
        fake->session->pidfd = -1;
    }
    close(fake->fd);
}

/* After vanish(), when the session has ended. */
static void
forget(struct fake *fake)
{
    munmap(fake->file, lode_session_file_bytes(LODE_RING_BYTES_DEFAULT));
    close(fake->file_fd);
    close(fake->bell_fd);
}

static void
put_many(struct fake *maker, uint64_t count)
{
    for (uint64_t end = maker->counter + count; maker->counter < end;) {
        uint64_t room = maker->session->entries_granted - maker->session->entries_used;
        for (room = room > 1000 ? 1000 : room; room > 0 && maker->counter < end; room--) {
            fake_put(maker, "12345678", 8);
        }
        fake_ring(maker);
    }
}

static void
take_many(struct fake *taker, uint8_t kind, uint64_t session, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++) {
        fake_take(taker, lode_id_make(kind, session, i));
        if (i % 1000 == 0 || i == count) {
            fake_ring(taker);
        }
    }
}

/* Whether the store answers the client's question within one round of its loop. */
static bool
is_served(struct fake *fake)
{
    struct lode_msg_lookup ask = {.head = {.type = LODE_MSG_LOOKUP, .tag = 5},
                                  .id = lode_id_make(LODE_ID_PUT, fake->number, 1 << 20)};
    struct lode_msg_found found;
    fake_send(fake, &ask, sizeof ask);
    fake_round();
    return fake_has_packet(fake) &&
           fake_receive(fake, &found, sizeof found, NULL) == LODE_MSG_FOUND;
}

/* Objects that are freed, or are about to be. */
static uint64_t
let_go(void)
{
    return store->counts.freed + store->table.candidate_count +
           store->table.state_count[LODE_ENTRY_DOOMED];
}

Test(ending, of_a_million_objects_lets_others_be_served_between_its_parts)
{
    struct fake maker = fake_attach(0), other = fake_attach(0);
    put_many(&maker, MANY);
    vanish(&maker);
    uint64_t rounds = 0, before = let_go();
    do {
        expect(is_served(&other));
        expect_le(let_go(), before + TURN);
        before = let_go();
        expect(store_session(store, maker.number) == NULL); /* ended for all who ask */
        rounds++;
    } while (store->session_count > 1);
    expect_le(MANY / TURN, rounds);
    pump();
    expect_eq(store->counts.freed, MANY);
    forget(&maker);
    fake_die(&other);
}

Test(ending, of_a_million_references_lets_others_be_served_between_its_parts)
{
    struct fake maker = fake_attach(0), taker = fake_attach(0);
    put_many(&maker, MANY);
    take_many(&taker, LODE_ID_PUT, maker.number, MANY);
    uint32_t records = store->table.refs_free;
    vanish(&taker);
    uint64_t rounds = 0;
    do {
        expect(is_served(&maker));
        expect_le(store->table.refs_free, records + TURN);
        records = store->table.refs_free;
        rounds++;
    } while (store->session_count > 1);
    expect_le(MANY / TURN, rounds);
    expect_eq(store->counts.freed, 0);
    forget(&taker);
    fake_die(&maker);
}

Test(ending, of_a_million_waits_lets_others_be_served_between_its_parts)
{
    struct fake waiter = fake_attach(0), other = fake_attach(0);
    for (uint64_t i = 1; i <= MANY; i++) {
        struct lode_wait_record wait = {.id = user(i), .cookie = 1};
        memcpy(fake_record(&waiter, LODE_RECORD_WAIT, sizeof wait), &wait, sizeof wait);
        fake_publish(&waiter);
        if (i % 1000 == 0 || i == MANY) {
            fake_ring(&waiter);
        }
    }
    expect_eq(waiter.session->wait_count, MANY);
    uint64_t rounds = 0;
    for (vanish(&waiter); store->session_count > 1; rounds++) {
        expect(is_served(&other));
        expect(!waits_any(store, user(1))); /* it waits no more */
    }
    expect_le(MANY / TURN, rounds);
    forget(&waiter);
    fake_die(&other);
}

Test(ending, is_over_when_a_leave_is_answered)
{
    struct fake leaver = fake_attach(0), other = fake_attach(0);
    struct lode_msg_head leave = {.type = LODE_MSG_LEAVE, .tag = 1};
    uint8_t answer[64];
    put_many(&leaver, MANY);
    fake_pin(&leaver, 0, entry_of(lode_id_make(LODE_ID_PUT, leaver.number, 1)) + 1);
    fake_send(&leaver, &leave, sizeof leave);
    expect(is_served(&other));
    expect(!fake_has_packet(&leaver));
    pump();
    expect_eq(fake_receive(&leaver, answer, sizeof answer, NULL), LODE_MSG_OK);
    expect_eq(store->counts.freed, MANY - 1); /* all but what it has pinned */
    vanish(&leaver);
    pump();
    expect_eq(store->counts.freed, MANY);
    forget(&leaver);
    fake_die(&other);
}

Test(ending, is_waited_for_by_who_asks_what_is_there)
{
    struct fake maker = fake_attach(0), asker = fake_attach(0), other = fake_attach(0);
    struct lode_msg_head stats = {.type = LODE_MSG_STATS, .tag = 1};
    struct lode_msg_stats answer;
    put_many(&maker, MANY);
    vanish(&maker);
    expect(is_served(&other));
    fake_send(&asker, &stats, sizeof stats);
    expect(is_served(&other));
    expect(!fake_has_packet(&asker));
    pump();
    expect_eq(fake_receive(&asker, &answer, sizeof answer, NULL), LODE_MSG_STATS_ARE);
    expect_eq(answer.stats.objects, 0);
    expect_eq(answer.stats.sessions, 2);
    forget(&maker);
    fake_die(&asker);
    fake_die(&other);
}

/* Were a pin still counted, an object that a part makes a candidate would wait for it for ever. */
Test(ending, of_pins_frees_what_they_kept_though_it_frees_between_its_parts)
{
    struct fake maker = fake_attach(0), reader = fake_attach(0);
    struct lode_msg_pins grow = {.head = {.type = LODE_MSG_GROW_PINS, .tag = 1},
                                 .slots = 4 * CHORE_LOOKS};
    uint8_t answer[64];
    lode_id early = fake_put(&maker, "x", 1), late = fake_put(&maker, "y", 1);
    fake_send(&reader, &grow, sizeof grow);
    fake_ring(&maker);
    expect_eq(fake_receive(&reader, answer, sizeof answer, NULL), LODE_MSG_PINS);
    fake_pin(&reader, 0, entry_of(early) + 1);
    fake_pin(&reader, 3 * CHORE_LOOKS, entry_of(early) + 1);
    fake_pin(&reader, 3 * CHORE_LOOKS + 1, entry_of(late) + 1);
    fake_drop(&maker, early);
    fake_drop(&maker, late);
    fake_ring(&maker);
    expect_eq(store->table.state_count[LODE_ENTRY_WANTED], 2);
    vanish(&reader);
    struct session *session = reader.session;
    session_end(store, session);
    expect(!session->ending.part(store, &session->ending));
    fake_free();
    expect_eq(state_of(early), LODE_ENTRY_FREE);
    pump();
    expect_eq(store->table.state_count[LODE_ENTRY_WANTED], 0);
    forget(&reader);
    fake_die(&maker);
}

/* How many of the ids lead to an object. */
static int
with_an_id(const lode_id *ids, int count)
{
    int with = 0;
    for (int i = 0; i < count; i++) {
        with += state_of(ids[i]) != LODE_ENTRY_FREE;
    }
    return with;
}

/* Were all hidden at once, others would wait for it as long as a client likes. */
Test(ending, of_a_process_that_still_runs_hides_its_drafts_in_parts_and_keeps_their_bytes)
{
    enum { DRAFTS = CHORE_PART + 2 };
    struct fake maker = fake_attach(0);
    struct lode_msg_created created;
    static lode_id ids[DRAFTS];
    for (int i = 0; i < DRAFTS; i++) {
        ids[i] = fake_next(&maker);
        expect_eq(fake_create(&maker, ids[i], 1, 0, &created), LODE_MSG_CREATED);
    }
    struct session *session = maker.session;
    session_end(store, session);
    expect(session->lingers);
    while (with_an_id(ids, DRAFTS) == DRAFTS) {
        expect(!session->ending.part(store, &session->ending));
    }
    expect_eq(with_an_id(ids, DRAFTS), DRAFTS - CHORE_PART);
    pump();
    expect_eq(with_an_id(ids, DRAFTS), 0);
    expect_eq(store->table.state_count[LODE_ENTRY_CREATED], DRAFTS);
    session_abandon(store, session);
    pump();
    expect_eq(store->table.state_count[LODE_ENTRY_CREATED], 0);
    forget(&maker);
    close(maker.fd);
}

/* ---- results ---- */

static void
say_results(struct fake *scheduler, uint64_t session, uint64_t first, uint32_t count)
{
    static struct {
        struct lode_msg_settle settle;
        lode_id ids[LODE_STORE_IDS_MAX];
    } results;
    results.settle = (struct lode_msg_settle){
        .head = {.type = LODE_MSG_RESULTS}, .session = session, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        results.ids[i] = lode_id_make(LODE_ID_RESULT, session, first + i);
    }
    fake_send(scheduler, &results, sizeof results.settle + count * sizeof results.ids[0]);
    pump();
}

static enum lode_found
found_of(lode_id id)
{
    return status_of(store, id, NULL);
}

Test(ending, of_a_million_results_that_will_not_come_is_told_at_once_and_done_in_parts)
{
    struct fake submitter = fake_attach(0), taker = fake_attach(0),
                scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    uint64_t number = submitter.number;
    take_many(&taker, LODE_ID_RESULT, number, MANY);
    fake_die(&submitter);
    expect_eq(found_of(lode_id_make(LODE_ID_RESULT, number, 1)), LODE_FOUND_PENDING);
    struct lode_msg_settle none = {.head = {.type = LODE_MSG_RESULTS}, .session = number};
    fake_send(&scheduler, &none, sizeof none);
    uint64_t expected = store->table.state_count[LODE_ENTRY_EXPECTED], rounds = 0;
    expect_eq(expected, MANY);
    for (; expected > 0; rounds++) {
        expect(is_served(&taker));
        expect_le(expected, store->table.state_count[LODE_ENTRY_EXPECTED] + TURN);
        expected = store->table.state_count[LODE_ENTRY_EXPECTED];
        expect_eq(found_of(lode_id_make(LODE_ID_RESULT, number, 1)), LODE_FOUND_GONE);
        expect_eq(found_of(lode_id_make(LODE_ID_RESULT, number, MANY)), LODE_FOUND_GONE);
    }
    expect_le(MANY / TURN, rounds);
    fake_die(&taker);
    fake_die(&scheduler);
}

Test(ending, of_the_scheduler_gives_up_what_it_promised_at_once_and_walks_the_table_in_parts)
{
    enum { PROMISED = 2 * LODE_STORE_IDS_MAX };
    struct fake submitter = fake_attach(0), taker = fake_attach(0),
                scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    uint64_t number = submitter.number;
    lode_id last = lode_id_make(LODE_ID_RESULT, number, PROMISED);
    take_many(&taker, LODE_ID_RESULT, number, PROMISED);
    fake_die(&submitter);
    say_results(&scheduler, number, 1, LODE_STORE_IDS_MAX);
    say_results(&scheduler, number, 1 + LODE_STORE_IDS_MAX, LODE_STORE_IDS_MAX);
    say_results(&scheduler, number, 1, 0);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], PROMISED);
    expect_eq(found_of(last), LODE_FOUND_PENDING);
    fake_wait(&taker, last, 1);
    vanish(&scheduler);
    session_end(store, scheduler.session);
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], PROMISED); /* no part was done yet */
    expect_eq(found_of(last), LODE_FOUND_GONE);
    pump();
    expect_eq(store->table.state_count[LODE_ENTRY_EXPECTED], 0);
    expect_eq(fake_lookup(&taker, last, 1), LODE_FOUND_GONE);
    forget(&scheduler);
    fake_die(&taker);
}

/* Otherwise the walk would take the promises of the new one. */
Test(ending, of_a_scheduler_is_over_before_the_next_one_promises_anything)
{
    struct fake submitter = fake_attach(0), taker = fake_attach(0),
                old = fake_attach(LODE_HELLO_SCHEDULER);
    lode_id id = result(&submitter, 1);
    struct lode_msg_hello hello = {.head = {.type = LODE_MSG_HELLO, .tag = 1},
                                   .magic = LODE_STORE_MAGIC,
                                   .major = LODE_STORE_WIRE_MAJOR,
                                   .flags = LODE_HELLO_SCHEDULER};
    int pair[2];
    fake_take(&taker, id);
    fake_ring(&taker);
    fake_die(&submitter);
    say_results(&old, lode_id_session(id), 1, 1);
    vanish(&old);
    session_end(store, old.session);
    expect(store->table.truths[entry_of(id)].flags & TRUTH_PROMISED);
    expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    must(connection_accept(store, pair[1]));
    must(packets_handle(store, store->newcomers, &hello, sizeof hello));
    expect_eq(store->scheduler_count, 1);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    expect_eq(found_of(id), LODE_FOUND_GONE);
    close(pair[0]);
    pump();
    forget(&old);
    fake_die(&taker);
}

/* SIGTERM may be handled before the other events of a turn. */
Test(ending, of_the_store_with_events_left_frees_all_sessions)
{
    struct fake fake = fake_attach(0), newcomer;
    expect(fake_connect(&newcomer));
    pump();
    fake_put(&fake, "x", 1);
    store->has_events = true;
    store_destroy(store, true);
    store_begin();
    forget(&fake);
    close(fake.fd);
    close(newcomer.fd);
}
