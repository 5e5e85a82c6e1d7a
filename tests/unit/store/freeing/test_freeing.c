/*
 * What is freed, what is not, and when.
 *
 * ctest: wrap pins_walk_part
 */
#include "store/state/pins.h"
#include "tests/unit/store/fake_client.h"

TestSuite(freeing, .init = store_setup, .fini = store_teardown, .timeout = 120);

static void
released(struct fake *fake, uint32_t entry)
{
    struct lode_msg_released msg = {.head = {.type = LODE_MSG_RELEASED},
                                    .entry = entry,
                                    .generation =
                                        lode_word_generation(entry_word(&store->table, entry))};
    fake_send(fake, &msg, sizeof msg);
    pump();
}

Test(freeing, waits_for_the_last_pin)
{
    struct fake maker = fake_attach(0), reader = fake_attach(0);
    lode_id id = fake_put(&maker, "pinned", 6);
    fake_ring(&maker);
    uint32_t entry = entry_of(id);
    fake_pin(&reader, 0, entry + 1);
    fake_drop(&maker, id);
    fake_ring(&maker);
    expect_eq(entry_state(&store->table, entry), LODE_ENTRY_WANTED);
    released(&reader, entry); /* not true: it is pinned */
    expect_eq(entry_state(&store->table, entry), LODE_ENTRY_WANTED);
    fake_pin(&reader, 0, 0);
    released(&reader, entry);
    expect_eq(entry_state(&store->table, entry), LODE_ENTRY_FREE);
    fake_die(&maker);
    fake_die(&reader);
}

static struct fake *hasty; /* clears its pin just after the store has seen it */

bool __real_pins_walk_part(struct store *pins_of, struct session_walk *walk, uint32_t *most,
                           pins_each_fn *each, void *arg);
bool __wrap_pins_walk_part(struct store *pins_of, struct session_walk *walk, uint32_t *most,
                           pins_each_fn *each, void *arg);

bool
__wrap_pins_walk_part(struct store *pins_of, struct session_walk *walk, uint32_t *most,
                      pins_each_fn *each, void *arg)
{
    bool is_over = __real_pins_walk_part(pins_of, walk, most, each, arg);
    if (hasty != NULL) {
        fake_pin(hasty, 0, 0);
        hasty = NULL;
    }
    return is_over;
}

/* The client sees that the object is DOOMED, and not that it is wanted: it says nothing. */
Test(freeing, waits_for_no_pin_that_went_while_the_object_was_judged)
{
    struct fake maker = fake_attach(0), reader = fake_attach(0);
    lode_id id = fake_put(&maker, "pinned", 6);
    fake_ring(&maker);
    fake_pin(&reader, 0, entry_of(id) + 1);
    hasty = &reader;
    fake_drop(&maker, id);
    fake_ring(&maker);
    expect(hasty == NULL);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&maker);
    fake_die(&reader);
}

Test(freeing, spares_what_a_ring_refers_to)
{
    struct fake giver = fake_attach(0), taker = fake_attach(0);
    lode_id id = fake_put(&giver, "handed over", 11);
    fake_ring(&giver);
    fake_take(&taker, id); /* published, and nobody rang for it */
    fake_drop(&giver, id);
    fake_ring(&giver);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_die(&giver);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_die(&taker);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
}

Test(freeing, of_a_wanted_object_is_called_off_by_a_reference)
{
    struct fake maker = fake_attach(0), reader = fake_attach(0);
    lode_id id = fake_put(&maker, "x", 1);
    fake_ring(&maker);
    fake_pin(&reader, 0, entry_of(id) + 1);
    fake_drop(&maker, id);
    fake_ring(&maker);
    fake_take(&reader, id);
    fake_pin(&reader, 0, 0);
    released(&reader, entry_of(id));
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_die(&reader);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&maker);
}

Test(freeing, follows_the_death_of_the_reader)
{
    struct fake maker = fake_attach(0), reader = fake_attach(0);
    lode_id id = fake_put(&maker, "x", 1);
    fake_ring(&maker);
    fake_pin(&reader, 1000, entry_of(id) + 1);
    fake_drop(&maker, id);
    fake_ring(&maker);
    expect_eq(state_of(id), LODE_ENTRY_WANTED);
    fake_die(&reader);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&maker);
}

/* The socket is gone, but the process (this one) runs, and may still read. */
Test(freeing, leaves_the_pins_of_a_process_that_still_runs)
{
    struct fake maker = fake_attach(0), reader = fake_attach(0);
    struct session *session = reader.session;
    lode_id id = fake_put(&maker, "x", 1);
    fake_ring(&maker);
    fake_pin(&reader, 0, entry_of(id) + 1);
    fake_drop(&maker, id);
    close(reader.fd);
    pump();
    fake_ring(&maker);
    expect(session->ended);
    expect_eq(store->session_count, 2);
    expect_eq(state_of(id), LODE_ENTRY_WANTED);
    fake_pin(&reader, 0, 0);
    reclaim(store);
    expect_eq(store->session_count, 1);
    pump(); /* its turn may have been too short for all of it */
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&maker);
}

Test(freeing, keeps_the_drafts_of_a_process_that_still_runs_unseen)
{
    struct fake maker = fake_attach(0), other = fake_attach(0);
    struct lode_msg_created draft, again;
    lode_id id = user(5);
    struct arena_stats before, after;
    fake_create(&maker, id, 100000, 0, &draft);
    arena_stats(store->arena, &before);
    fake_wait(&other, id, 1);
    close(maker.fd);
    pump();
    expect_eq(fake_lookup(&other, id, 1), LODE_FOUND_ABORTED);
    arena_stats(store->arena, &after);
    expect_eq(after.used_bytes, before.used_bytes); /* it may still be writing there */
    expect_eq(fake_create(&other, id, 10, 0, &again), LODE_MSG_CREATED);
    expect_ne(again.entry, draft.entry);
    store->by_row[maker.row]->pidfd = -1;
    lingering_reap(store);
    pump();
    arena_stats(store->arena, &after);
    expect_lt(after.used_bytes, before.used_bytes);
    expect_eq(entry_of(id), again.entry);
    fake_die(&other);
}

Test(freeing, after_a_leave_only_pins_are_left)
{
    struct fake maker = fake_attach(0), leaver = fake_attach(LODE_HELLO_MAKER);
    struct lode_msg_head leave = {.type = LODE_MSG_LEAVE, .tag = 1};
    struct lode_msg_created draft;
    uint8_t answer[64];
    lode_id id = fake_put(&maker, "x", 1), own = fake_put(&leaver, "y", 1);
    fake_ring(&maker);
    uint32_t entry = entry_of(id);
    fake_create(&leaver, fake_next(&leaver), 5000, 0, &draft);
    fake_take(&leaver, id);
    fake_pin(&leaver, 0, entry + 1);
    fake_drop(&maker, id);
    fake_send(&leaver, &leave, sizeof leave);
    pump();
    expect_eq(fake_receive(&leaver, answer, sizeof answer, NULL), LODE_MSG_OK);
    fake_ring(&maker);
    expect_eq(entry_state(&store->table, entry), LODE_ENTRY_WANTED);
    expect_eq(state_of(own), LODE_ENTRY_FREE);
    expect_eq(store->table.state_count[LODE_ENTRY_CREATED], 0);
    fake_ring(&leaver); /* a bell that was on its way gives it no credit */
    expect(store_check(store));
    expect(store_session(store, leaver.number) == NULL);
    fake_pin(&leaver, 0, 0);
    released(&leaver, entry);
    expect_eq(entry_state(&store->table, entry), LODE_ENTRY_FREE);
    fake_die(&leaver);
    fake_die(&maker);
    expect_eq(store->session_count, 0);
}

Test(freeing, of_a_container_frees_what_only_it_holds)
{
    struct fake maker = fake_attach(0);
    lode_id held = fake_put(&maker, "inside", 6);
    struct {
        struct lode_msg_create create;
        lode_id holds[1];
        char bytes[3];
    } __attribute__((packed))
    put = {.create = {.head = {.type = LODE_MSG_PUT, .tag = 1}, .size = 3, .hold_count = 1},
           .holds = {held},
           .bytes = "box"};
    put.create.id = fake_next(&maker);
    struct lode_msg_created created;
    fake_send(&maker, &put, sizeof put);
    pump();
    expect_eq(fake_receive(&maker, &created, sizeof created, NULL), LODE_MSG_CREATED);
    fake_drop(&maker, held);
    fake_ring(&maker);
    expect_eq(state_of(held), LODE_ENTRY_SEALED);
    fake_drop(&maker, put.create.id);
    fake_ring(&maker);
    expect_eq(state_of(put.create.id), LODE_ENTRY_FREE);
    expect_eq(state_of(held), LODE_ENTRY_FREE);
    fake_die(&maker);
}

Test(freeing, ignores_pins_that_name_no_entry)
{
    struct fake maker = fake_attach(0), liar = fake_attach(0);
    fake_pin(&liar, 0, UINT32_MAX);
    fake_pin(&liar, 1, store->table.entry_count + 1);
    atomic_store(&liar.header->pin_high, UINT32_MAX);
    lode_id id = fake_put(&maker, "x", 1);
    fake_drop(&maker, id);
    fake_ring(&maker);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&maker);
    fake_die(&liar);
}

Test(freeing, takes_thousands_at_once)
{
    struct fake maker = fake_attach(0);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 200; i++) {
            fake_put(&maker, "0123456789", 10);
        }
        fake_ring(&maker);
    }
    expect_eq(store->table.state_count[LODE_ENTRY_SEALED], 4000);
    fake_die(&maker);
    expect_eq(store->table.state_count[LODE_ENTRY_SEALED], 0);
}

/*
 * Its row says so before its pins are looked at for the last time: a get that comes later sees it.
 */
Test(freeing, tells_a_process_that_still_runs_that_its_session_is_over)
{
    struct fake maker = fake_attach(0), reader = fake_attach(0), idle = fake_attach(0);
    lode_id id = fake_put(&maker, "x", 1);
    fake_ring(&maker);
    fake_pin(&reader, 0, entry_of(id) + 1);
    expect_eq(atomic_load(&store->table.rows[reader.row].session), reader.number);
    close(reader.fd);
    close(idle.fd);
    pump();
    expect_eq(store->session_count, 2);
    expect_eq(atomic_load(&store->table.rows[reader.row].session), 0);
    expect_eq(atomic_load(&store->table.rows[idle.row].session), 0);
    fake_drop(&maker, id);
    fake_ring(&maker);
    expect_eq(state_of(id), LODE_ENTRY_WANTED);
    fake_pin(&reader, 0, 0);
    reclaim(store);
    expect_eq(store->session_count, 1);
    fake_die(&maker);
}

/* ---- in turns ---- */

/* So many objects of `size` bytes as there is credit for. */
static uint64_t
credit_for(const struct fake *fake, uint32_t size)
{
    uint64_t entries = fake->session->entries_granted - fake->session->entries_used;
    uint64_t pages = fake->session->pages_granted - fake->session->pages_used;
    uint64_t count = entries > 1000 ? 1000 : entries; /* and room in the ring */
    return size > LODE_INLINE_MAX && pages < count ? pages : count;
}

/*
 * So many objects are put, then dropped: the drops are applied, or lie in the ring; none is freed.
 */
static void
put_and_drop(struct fake *maker, uint64_t count, uint32_t size)
{
    static char bytes[100];
    uint64_t first = maker->counter + 1, end = maker->counter + count;
    while (maker->counter < end) {
        uint64_t room = credit_for(maker, size);
        if (room == 0) { /* memory is being made */
            expect_lt(0, helper_wait(store->helper, 10000));
        }
        for (uint64_t i = 0; i < room && maker->counter < end; i++) {
            fake_put(maker, bytes, size);
        }
        fake_ring(maker);
    }
    for (uint64_t i = 0; i < count; i++) {
        fake_drop(maker, lode_id_make(LODE_ID_PUT, maker->number, first + i));
        if (i % 1000 == 999) {
            ring_drain(store, maker->session);
        }
    }
}

Test(freeing, of_much_lets_others_be_served_and_answers_who_asked_for_it_at_its_end)
{
    enum { COUNT = 200000 };
    struct fake maker = fake_attach(0), asker = fake_attach(0), other = fake_attach(0);
    struct lode_msg_head stats = {.type = LODE_MSG_STATS, .tag = 1};
    struct lode_msg_lookup lookup = {.head = {.type = LODE_MSG_LOOKUP, .tag = 2},
                                     .id = fake_next(&other)};
    uint8_t answer[4096];
    put_and_drop(&maker, COUNT, 8);
    expect_le(COUNT - 1000, store->table.candidate_count);
    uint64_t freed = store->counts.freed;
    fake_send(&asker, &stats, sizeof stats);
    fake_send(&other, &lookup, sizeof lookup);
    fake_round();
    expect_lt(freed, store->counts.freed);
    expect_lt(0, store->table.candidate_count);
    expect(fake_has_packet(&other));
    expect(!fake_has_packet(&asker));
    pump();
    expect_eq(fake_receive(&asker, answer, sizeof answer, NULL), LODE_MSG_STATS_ARE);
    expect_eq(((struct lode_msg_stats *)answer)->stats.objects, 0);
    fake_die(&maker);
    fake_die(&asker);
    fake_die(&other);
}

/* Others keep the loop busy, and the few candidates that are left are too few to be freed for. */
Test(freeing, of_the_last_few_is_not_put_off_for_ever_where_somebody_waits_for_it)
{
    enum { COUNT = 200000, FEW = 100 };
    static uint32_t others[COUNT];
    struct fake maker = fake_attach(0), asker = fake_attach(0);
    struct lode_msg_head stats = {.type = LODE_MSG_STATS, .tag = 1};
    struct table *table = &store->table;
    uint32_t count = 0;
    put_and_drop(&maker, COUNT, 8);
    fake_send(&asker, &stats, sizeof stats);
    fake_round();
    expect(!fake_has_packet(&asker));
    while (candidate_pop(table, &others[count])) {
        count++;
    }
    table->candidates_taken -= FEW; /* they were not taken out: they come back */
    while (freeing_is_under_way(store)) {
        freeing_turn(store);
    }
    for (int i = 0; i < FEW; i++) {
        candidate_add(table, others[--count]);
    }
    expect(!fake_has_packet(&asker));
    fake_round(); /* which would not sleep after it */
    expect(fake_has_packet(&asker));
    while (count > 0) {
        candidate_add(table, others[--count]);
    }
    pump();
    fake_die(&maker);
    fake_die(&asker);
}

Test(freeing, of_much_is_waited_for_by_a_create_without_patience)
{
    struct fake maker = fake_attach(0), creator = fake_attach(0);
    struct lode_msg_created created;
    uint64_t objects = (FAKE_CAPACITY - (2 << 20)) / 128;
    put_and_drop(&maker, objects, 100);
    expect_eq(fake_create(&creator, fake_next(&creator), FAKE_CAPACITY - (1 << 20), 0, &created),
              LODE_MSG_CREATED);
    fake_die(&maker);
    fake_die(&creator);
}

Test(freeing, of_one_who_ends_while_it_waits_for_an_answer_is_harmless)
{
    struct fake maker = fake_attach(0), asker = fake_attach(0);
    struct lode_msg_head stats = {.type = LODE_MSG_STATS, .tag = 1};
    put_and_drop(&maker, 200000, 8);
    fake_send(&asker, &stats, sizeof stats);
    fake_round();
    expect_eq(store->later_count, 1);
    fake_die(&asker);
    expect_eq(store->later_count, 0);
    fake_die(&maker);
}
