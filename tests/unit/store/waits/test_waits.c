/* Who is woken, when, and with what answer. */
#include "store/waits/waits.h"
#include "tests/unit/store/fake_client.h"

TestSuite(waits, .init = store_setup, .fini = store_teardown, .timeout = 120);

static struct lode_wake *
wake_of(lode_id id)
{
    return &store->table.wakes[lode_wake_bucket(table_hash(&store->table, id))];
}

Test(waits, a_seal_wakes_the_bucket_of_who_waits_and_no_other)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    struct lode_msg_created a, b;
    fake_create(&maker, user(1), 10, 0, &a);
    fake_create(&maker, user(2), 10, 0, &b);
    fake_wait(&waiter, user(1), 7);
    expect_eq(atomic_load(&wake_of(user(1))->waited), 1);
    uint32_t seen = atomic_load(&wake_of(user(1))->counter);
    uint64_t wakes = store->counts.wakes;
    fake_draft_call(&maker, LODE_MSG_SEAL, &b);
    expect_eq(store->counts.wakes, wakes);
    fake_draft_call(&maker, LODE_MSG_SEAL, &a);
    expect_eq(atomic_load(&wake_of(user(1))->counter), seen + 1);
    expect_eq(atomic_load(&wake_of(user(1))->waited), 0);
    expect_eq(fake_lookup(&waiter, user(1), 7), LODE_FOUND_SEALED);
    expect_eq(atomic_load(&wake_of(user(1))->waited), 0);
    fake_die(&maker);
    fake_die(&waiter);
}

Test(waits, a_put_that_lies_in_its_makers_ring_is_found)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    lode_id id = fake_put(&maker, "x", 1); /* nobody rang */
    uint32_t seen = atomic_load(&wake_of(id)->counter);
    fake_wait(&waiter, id, 1);
    expect_ne(atomic_load(&wake_of(id)->counter), seen);
    expect_eq(fake_lookup(&waiter, id, 1), LODE_FOUND_SEALED);
    fake_die(&maker);
    fake_die(&waiter);
}

/* One drain comes upon a wait whose answer lies behind another wait, in a ring not drained yet. */
Test(waits, for_each_others_puts_find_them_both)
{
    struct fake a = fake_attach(0), b = fake_attach(0);
    lode_id of_a = fake_put(&a, "a", 1), of_b = {{0}};
    struct lode_wait_record wait = {.id = of_a, .cookie = 2};
    memcpy(fake_record(&b, LODE_RECORD_WAIT, sizeof wait), &wait, sizeof wait);
    of_b = fake_put(&b, "b", 1);
    uint32_t seen_a = atomic_load(&wake_of(of_a)->counter);
    uint32_t seen_b = atomic_load(&wake_of(of_b)->counter);
    fake_wait(&a, of_b, 1); /* b never rings */
    expect_ne(atomic_load(&wake_of(of_a)->counter), seen_a);
    expect_ne(atomic_load(&wake_of(of_b)->counter), seen_b);
    expect_eq(atomic_load(&wake_of(of_a)->waited), 0);
    expect_eq(atomic_load(&wake_of(of_b)->waited), 0);
    fake_die(&a);
    fake_die(&b);
}

/* However long the chain is, and were it without an end: a round asks those that it found. */
Test(waits, that_lead_to_further_waits_do_not_keep_a_round_from_its_end)
{
    enum { COUNT = 8 };
    struct fake fakes[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fakes[i] = fake_attach(0);
    }
    for (int i = 0; i < COUNT; i++) { /* each for what the next one may have put; none rings */
        struct fake *next = &fakes[(i + 1) % COUNT];
        struct lode_wait_record wait = {.id = fake_next(next), .cookie = 1};
        memcpy(fake_record(&fakes[i], LODE_RECORD_WAIT, sizeof wait), &wait, sizeof wait);
        fake_publish(&fakes[i]);
    }
    uint64_t waits = store->counts.waits;
    ring_drain(store, fakes[0].session);
    store_settle(store, false);
    expect_lt(store->counts.waits, waits + COUNT);
    expect(store_has_work(store)); /* no sleep before they are asked */
    pump();
    expect_eq(store->counts.waits, waits + COUNT);
    for (int i = 0; i < COUNT; i++) {
        fake_die(&fakes[i]);
    }
}

/* A LOOKUP for a wait that cannot be armed. */
static void
expect_refused(struct fake *fake, lode_id id, uint64_t cookie)
{
    struct lode_msg_lookup ask = {
        .head = {.type = LODE_MSG_LOOKUP, .tag = 5}, .id = id, .cookie = cookie};
    struct {
        struct lode_msg_error error;
        char text[1024];
    } answer = {0};
    fake_send(fake, &ask, sizeof ask);
    pump();
    expect_eq(fake_receive(fake, &answer, sizeof answer, NULL), LODE_MSG_ERROR);
    expect_eq(answer.error.err, LODE_ELIMIT);
    expect_text(answer.text, "one session waits");
}

static bool refused_for_id; /* by the last watch_is() */

static int
watch_is(struct fake *fake, lode_id id)
{
    struct {
        struct lode_msg_watch head;
        lode_id id;
    } watch = {.head = {.head = {.type = LODE_MSG_WATCH}, .cookie = 9, .count = 1}, .id = id};
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready;
    } notify;
    fake_send(fake, &watch, sizeof watch);
    pump();
    if (!fake_has_packet(fake)) {
        return LODE_FOUND_PENDING;
    }
    expect_eq(fake_receive(fake, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
    expect_eq(notify.head.count, 1);
    expect(lode_id_same(notify.ready.id, id));
    refused_for_id = notify.ready.is_error != 0;
    return (int)notify.ready.status;
}

/* They lie in one chain, which each of them walks. */
Test(waits, for_one_id_are_as_many_as_threads_may_be)
{
    struct fake maker = fake_attach(0), greedy = fake_attach(0);
    lode_id id = lode_id_reserve(maker.number, 1);
    for (uint64_t i = 1; i < LODE_SESSION_WAITS_OF_ID_MAX; i++) {
        struct lode_wait_record wait = {.id = id, .cookie = i};
        memcpy(fake_record(&greedy, LODE_RECORD_WAIT, sizeof wait), &wait, sizeof wait);
        fake_publish(&greedy);
        if (i % 1024 == 0) {
            fake_ring(&greedy);
        }
    }
    fake_wait(&greedy, id, LODE_SESSION_WAITS_OF_ID_MAX);
    fake_wait(&greedy, id, 1); /* again */
    expect(store_session(store, greedy.number) != NULL);
    uint32_t seen = atomic_load(&wake_of(id)->counter);
    fake_wait(&greedy, id, LODE_SESSION_WAITS_OF_ID_MAX + 1);
    expect_ne(atomic_load(&wake_of(id)->counter), seen); /* its thread is woken, and asks */
    expect_refused(&greedy, id, LODE_SESSION_WAITS_OF_ID_MAX + 1);
    expect_eq(watch_is(&greedy, id), LODE_FOUND_REFUSED);
    expect(refused_for_id);
    expect(store_session(store, greedy.number) != NULL);
    fake_die(&greedy);
    fake_die(&maker);
}

/* The limit is made against clients: what the scheduler waits for, they have asked for. */
Test(waits, beyond_what_a_session_may_have_are_refused_and_never_the_schedulers)
{
    struct fake greedy = fake_attach(0), scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    greedy.session->wait_count += LODE_SESSION_WAITS_MAX;
    scheduler.session->wait_count += LODE_SESSION_WAITS_MAX;
    expect_eq(watch_is(&greedy, user(1)), LODE_FOUND_REFUSED);
    expect(!refused_for_id);
    expect_refused(&greedy, user(2), 5);
    expect_eq(watch_is(&scheduler, user(1)), LODE_FOUND_PENDING);
    greedy.session->wait_count -= LODE_SESSION_WAITS_MAX;
    scheduler.session->wait_count -= LODE_SESSION_WAITS_MAX;
    expect_eq(watch_is(&greedy, user(1)), LODE_FOUND_PENDING);
    expect(store_session(store, greedy.number) != NULL);
    fake_die(&greedy);
    fake_die(&scheduler);
}

Test(waits, that_are_over_before_they_are_asked_are_nothing)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    lode_id id = fake_put(&maker, "x", 1);
    struct lode_wait_record wait = {.id = id, .cookie = 3};
    struct lode_msg_lookup unwait = {.head.type = LODE_MSG_UNWAIT, .id = id, .cookie = wait.cookie};
    uint32_t seen = atomic_load(&wake_of(id)->counter);
    memcpy(fake_record(&waiter, LODE_RECORD_WAIT, sizeof wait), &wait, sizeof wait);
    fake_publish(&waiter);
    fake_send(&waiter, &unwait, sizeof unwait);
    pump();
    expect_eq(atomic_load(&wake_of(id)->waited), 0);
    expect_eq(atomic_load(&wake_of(id)->counter), seen);
    fake_wait(&waiter, id, 4); /* in the place of the other */
    expect_ne(atomic_load(&wake_of(id)->counter), seen);
    fake_die(&maker);
    fake_die(&waiter);
}

Test(waits, an_abort_is_told_to_who_waited_and_forgotten_then)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    struct lode_msg_created draft;
    fake_create(&maker, user(1), 10, 0, &draft);
    fake_wait(&waiter, user(1), 1);
    fake_draft_call(&maker, LODE_MSG_ABORT, &draft);
    expect_eq(atomic_load(&wake_of(user(1))->waited), 0);
    expect_eq(fake_lookup(&waiter, user(1), 1), LODE_FOUND_ABORTED);
    expect_eq(fake_lookup(&waiter, user(1), 2), LODE_FOUND_PENDING);
    fake_die(&maker);
    fake_die(&waiter);
    expect_eq(atomic_load(&wake_of(user(1))->waited), 0);
}

Test(waits, that_an_abort_ended_wait_anew_when_they_are_said_again)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    struct lode_msg_created draft;
    fake_create(&maker, user(1), 10, 0, &draft);
    fake_wait(&waiter, user(1), 1);
    fake_draft_call(&maker, LODE_MSG_ABORT, &draft);
    fake_wait(&waiter, user(1), 1);
    expect_eq(atomic_load(&wake_of(user(1))->waited), 1);
    uint32_t seen = atomic_load(&wake_of(user(1))->counter);
    fake_create(&maker, user(1), 10, 0, &draft);
    fake_draft_call(&maker, LODE_MSG_SEAL, &draft);
    expect_ne(atomic_load(&wake_of(user(1))->counter), seen);
    fake_die(&maker);
    fake_die(&waiter);
}

Test(waits, a_put_of_an_ended_session_is_gone)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    struct lode_msg_created draft;
    lode_id unsealed = fake_next(&maker), never = fake_next(&maker);
    fake_create(&maker, unsealed, 10, 0, &draft);
    fake_wait(&waiter, unsealed, 1);
    expect_eq(fake_lookup(&waiter, never, 0), LODE_FOUND_GONE);
    fake_die(&maker);
    expect_eq(fake_lookup(&waiter, unsealed, 1), LODE_FOUND_ABORTED);
    expect_eq(fake_lookup(&waiter, unsealed, 2), LODE_FOUND_GONE);
    fake_die(&waiter);
}

static void
say_results(struct fake *scheduler, uint64_t session, const lode_id *ids, uint32_t count,
            uint8_t *status_out)
{
    uint8_t packet[sizeof(struct lode_msg_settle) + 4 * sizeof(lode_id)], answer[256];
    struct lode_msg_settle msg = {
        .head = {.type = LODE_MSG_RESULTS, .tag = 1}, .session = session, .count = count};
    memcpy(packet, &msg, sizeof msg);
    memcpy(packet + sizeof msg, ids, count * sizeof *ids);
    fake_send(scheduler, packet, sizeof msg + count * sizeof *ids);
    pump();
    expect_eq(fake_receive(scheduler, answer, sizeof answer, NULL), LODE_MSG_SETTLED);
    memcpy(status_out, answer + sizeof msg, count);
}

Test(waits, results_of_an_ended_session_come_as_the_scheduler_says)
{
    struct fake scheduler = fake_attach(LODE_HELLO_SCHEDULER), submitter = fake_attach(0),
                waiter = fake_attach(0);
    lode_id ids[3];
    uint8_t status[3];
    for (uint64_t i = 0; i < 3; i++) {
        ids[i] = lode_id_make(LODE_ID_RESULT, submitter.number, i + 1);
    }
    fake_wait(&waiter, ids[0], 1); /* wanted, and to come */
    fake_wait(&waiter, ids[1], 2); /* wanted, but not named */
    fake_die(&submitter);
    expect_eq(fake_lookup(&waiter, ids[0], 1), LODE_FOUND_PENDING);
    expect_eq(fake_lookup(&waiter, ids[1], 2), LODE_FOUND_PENDING);
    lode_id named[2] = {ids[0], ids[2]};
    say_results(&scheduler, submitter.number, named, 2, status);
    expect_eq(status[0], LODE_FOUND_PENDING);
    expect_eq(status[1], LODE_FOUND_GONE); /* nobody will ask for it */
    expect_eq(fake_lookup(&waiter, ids[0], 1), LODE_FOUND_PENDING);
    expect_eq(fake_lookup(&waiter, ids[1], 2), LODE_FOUND_GONE);
    fake_die(&scheduler);
    expect_eq(fake_lookup(&waiter, ids[0], 1), LODE_FOUND_GONE); /* nobody makes it any more */
    fake_die(&waiter);
}

Test(waits, results_named_before_the_end_is_known_are_the_same)
{
    struct fake scheduler = fake_attach(LODE_HELLO_SCHEDULER), submitter = fake_attach(0),
                waiter = fake_attach(0);
    lode_id ids[2] = {result(&submitter, 1), result(&submitter, 2)};
    uint8_t status[2];
    fake_take(&waiter, ids[0]);
    fake_take(&submitter, ids[1]); /* its own references do not count: it is ending */
    say_results(&scheduler, submitter.number, ids, 2, status);
    expect_eq(status[0], LODE_FOUND_PENDING);
    expect_eq(status[1], LODE_FOUND_GONE);
    fake_die(&submitter);
    expect_eq(fake_lookup(&waiter, ids[0], 0), LODE_FOUND_PENDING);
    expect_eq(fake_lookup(&waiter, ids[1], 0), LODE_FOUND_GONE);
    fake_die(&waiter);
    fake_die(&scheduler);
}

Test(waits, a_scheduler_that_asks_of_no_session_learns_who_wants_a_result_and_changes_nothing)
{
    struct fake scheduler = fake_attach(LODE_HELLO_SCHEDULER), submitter = fake_attach(0),
                waiter = fake_attach(0);
    lode_id ids[3] = {result(&submitter, 1), result(&submitter, 2), result(&submitter, 3)};
    uint8_t status[3];
    fake_take(&waiter, ids[0]);
    fake_take(&submitter, ids[1]);
    fake_wait(&waiter, ids[2], 1);
    say_results(&scheduler, 0, ids, 3, status);
    expect_eq(status[0], LODE_FOUND_PENDING);
    expect_eq(status[1], LODE_FOUND_GONE);
    expect_eq(status[2], LODE_FOUND_PENDING);
    fake_die(&submitter);
    expect_eq(fake_lookup(&waiter, ids[1], 2), LODE_FOUND_PENDING);
    say_results(&scheduler, lode_id_session(ids[0]), ids, 1, status);
    expect_eq(fake_lookup(&waiter, ids[0], 3), LODE_FOUND_PENDING);
    expect_eq(fake_lookup(&waiter, ids[1], 2), LODE_FOUND_GONE);
    fake_die(&waiter);
    fake_die(&scheduler);
}

Test(waits, without_a_scheduler_results_of_an_ended_session_are_gone)
{
    struct fake submitter = fake_attach(0), waiter = fake_attach(0);
    lode_id id = result(&submitter, 1);
    fake_wait(&waiter, id, 1);
    expect_eq(fake_lookup(&waiter, id, 1), LODE_FOUND_PENDING);
    fake_die(&submitter);
    expect_eq(fake_lookup(&waiter, id, 1), LODE_FOUND_GONE);
    fake_die(&waiter);
}

Test(waits, a_deleted_object_is_gone_though_it_is_pinned)
{
    struct fake maker = fake_attach(0);
    lode_id id = fake_put(&maker, "x", 1);
    fake_ring(&maker);
    uint32_t entry = entry_of(id);
    struct lode_msg_lookup delete = {.head = {.type = LODE_MSG_DELETE, .tag = 1}, .id = id};
    uint8_t answer[1024];
    fake_pin(&maker, 0, entry + 1);
    fake_send(&maker, &delete, sizeof delete);
    pump();
    expect_eq(fake_receive(&maker, answer, sizeof answer, NULL), LODE_MSG_OK);
    expect_eq(fake_lookup(&maker, id, 0), LODE_FOUND_GONE);
    expect_eq(entry_state(&store->table, entry), LODE_ENTRY_WANTED);
    fake_send(&maker, &delete, sizeof delete);
    pump();
    expect_eq(fake_receive(&maker, answer, sizeof answer, NULL), LODE_MSG_ERROR);
    fake_die(&maker);
    expect_eq(entry_state(&store->table, entry), LODE_ENTRY_FREE);
}

/* A client's limits are there so that it does not make everything slow; a task of any program may
 * wait for any id, and the scheduler asks for all of them. */
Test(waits, no_limit_of_a_client_strikes_the_scheduler)
{
    struct fake scheduler = fake_attach(LODE_HELLO_SCHEDULER), maker = fake_attach(0);
    lode_id id = lode_id_reserve(maker.number, 1);
    for (uint64_t i = 0; i <= LODE_SESSION_WAITS_OF_ID_MAX; i++) {
        must(waits_arm(store, scheduler.session, id, i, true));
    }
    scheduler.session->wait_count += LODE_SESSION_WAITS_MAX;
    must(waits_arm(store, scheduler.session, lode_id_reserve(maker.number, 2), 1, true));
    scheduler.session->wait_count -= LODE_SESSION_WAITS_MAX;
    fake_die(&maker);
    fake_die(&scheduler);
}
