/*
 * The commit of a task's results: all or none, first wins, and never twice.
 *
 * ctest: wrap calloc
 */
#include "store/requests/creates.h"
#include "store/sessions/packets.h"
#include "api/base/fail.h"
#include "store/objects/status.h"
#include "tests/unit/store/fake_client.h"
#include "tests/unit/store/few_callocs.h"

TestSuite(commit, .init = store_setup, .fini = store_teardown, .timeout = 120);

struct part {
    lode_id id;
    const char *bytes; /* NULL: the draft */
    struct lode_msg_created draft;
    uint64_t size;
};

static void
put_commit(struct fake *maker, const struct part *parts, uint32_t count)
{
    struct lode_commit commit = {.count = count};
    uint8_t *at = fake_record(maker, LODE_RECORD_COMMIT,
                              (uint32_t)(sizeof commit + count * (sizeof(struct lode_made) + 16)));
    memcpy(at, &commit, sizeof commit);
    at += sizeof commit;
    for (uint32_t i = 0; i < count; i++) {
        struct lode_made made = {.id = parts[i].id, .size = parts[i].size, .carried = 16};
        if (parts[i].bytes == NULL) {
            made.draft = parts[i].draft.entry + 1;
            made.generation = parts[i].draft.generation;
        } else {
            memcpy(at + sizeof made, parts[i].bytes, parts[i].size);
        }
        memcpy(at, &made, sizeof made);
        at += sizeof made + 16;
    }
    fake_publish(maker);
}

Test(commit, names_drafts_and_carries_small_results)
{
    struct fake submitter = fake_attach(0), worker = fake_attach(LODE_HELLO_MAKER);
    struct part parts[2] = {{.id = result(&submitter, 1), .size = 100000},
                            {.id = result(&submitter, 2), .bytes = "four", .size = 4}};
    expect_eq(fake_create(&worker, (lode_id){{0}}, 100000, 0, &parts[0].draft), LODE_MSG_CREATED);
    put_commit(&worker, parts, 2);
    fake_ring(&worker);
    expect_eq(entry_of(parts[0].id), parts[0].draft.entry);
    expect_eq(state_of(parts[0].id), LODE_ENTRY_SEALED);
    expect_eq(state_of(parts[1].id), LODE_ENTRY_SEALED);
    expect_eq(store->table.truths[entry_of(parts[0].id)].refs, 1); /* the submitter's, from birth */
    fake_die(&worker);                                             /* results outlive their maker */
    expect_eq(state_of(parts[0].id), LODE_ENTRY_SEALED);
    fake_die(&submitter);
    expect_eq(store->table.state_count[LODE_ENTRY_SEALED], 0);
}

/* A PUT without an id; the answer's type. */
static int
put_nameless(struct fake *maker, const char *bytes, uint32_t size, struct lode_msg_created *draft)
{
    struct {
        struct lode_msg_create create;
        char bytes[1000];
    } put = {.create = {.head = {.type = LODE_MSG_PUT, .tag = 7}, .size = size}};
    uint8_t answer[2048];
    memcpy(put.bytes, bytes, size);
    fake_send(maker, &put, sizeof put.create + size);
    pump();
    int type = fake_receive(maker, answer, sizeof answer, NULL);
    memcpy(draft, answer, sizeof *draft);
    return type;
}

Test(commit, names_values_that_came_by_packet)
{
    static const char large[1000] = "in a slot";
    struct fake submitter = fake_attach(0), worker = fake_attach(LODE_HELLO_MAKER);
    struct part parts[2] = {{.id = result(&submitter, 1), .size = sizeof large},
                            {.id = result(&submitter, 2), .size = 4}};
    struct lode_msg_created none;
    expect_eq(put_nameless(&submitter, "x", 1, &none), LODE_MSG_ERROR); /* it makes no results */
    expect_eq(put_nameless(&worker, large, sizeof large, &parts[0].draft), LODE_MSG_CREATED);
    expect_eq(put_nameless(&worker, "four", 4, &parts[1].draft), LODE_MSG_CREATED);
    expect_eq(store->table.state_count[LODE_ENTRY_CREATED], 2);
    put_commit(&worker, parts, 2);
    fake_ring(&worker);
    expect_eq(state_of(parts[0].id), LODE_ENTRY_SEALED);
    expect(memcmp(object_data(&store->table, entry_of(parts[0].id)), large, sizeof large) == 0);
    expect(memcmp(object_data(&store->table, entry_of(parts[1].id)), "four", 4) == 0);
    /* One that is never named ends with its session. */
    expect_eq(put_nameless(&worker, large, sizeof large, &none), LODE_MSG_CREATED);
    fake_die(&worker);
    expect_eq(store->table.state_count[LODE_ENTRY_CREATED], 0);
    fake_die(&submitter);
    expect_eq(store->table.state_count[LODE_ENTRY_SEALED], 0);
}

/* What comes before it in the ring cuts the session, but is a whole record: the commit was made. */
Test(commit, behind_a_reference_that_is_refused_counts)
{
    struct fake submitter = fake_attach(0), worker = fake_attach(LODE_HELLO_MAKER);
    struct part part = {.id = result(&submitter, 1), .bytes = "made", .size = 4};
    store->table.truth_rows[worker.row].expected += LODE_SESSION_EXPECTED_MAX;
    fake_take(&worker, user(1));
    put_commit(&worker, &part, 1);
    ring_drain(store, worker.session);
    store->table.truth_rows[worker.row].expected -= LODE_SESSION_EXPECTED_MAX;
    expect(worker.session->cut);
    expect(fake_is_cut(&worker));
    expect_eq(state_of(part.id), LODE_ENTRY_SEALED);
    fake_die(&worker);
    fake_die(&submitter);
}

Test(commit, of_a_later_attempt_changes_nothing_and_frees_its_drafts)
{
    struct fake submitter = fake_attach(0), first = fake_attach(LODE_HELLO_MAKER),
                second = fake_attach(LODE_HELLO_MAKER);
    struct part a[2] = {{.id = result(&submitter, 1), .bytes = "first", .size = 5},
                        {.id = result(&submitter, 2), .bytes = "one", .size = 3}};
    struct part b[2] = {{.id = a[0].id, .size = 70000}, {.id = a[1].id, .bytes = "two", .size = 3}};
    fake_create(&second, (lode_id){{0}}, 70000, 0, &b[0].draft);
    put_commit(&first, a, 2);
    put_commit(&second, b, 2);
    fake_ring(&first);
    fake_ring(&second);
    expect(memcmp(object_data(&store->table, entry_of(a[0].id)), "first", 5) == 0);
    expect(memcmp(object_data(&store->table, entry_of(a[1].id)), "one", 3) == 0);
    expect_eq(store->table.state_count[LODE_ENTRY_CREATED], 0);
    expect(store_check(store));
    fake_die(&submitter);
    fake_die(&first);
    fake_die(&second);
}

/* An attempt that wins wins all: what it did not make is not taken from another attempt. */
Test(commit, whose_first_result_is_there_already_makes_none)
{
    struct fake submitter = fake_attach(0), first = fake_attach(LODE_HELLO_MAKER),
                second = fake_attach(LODE_HELLO_MAKER);
    struct part a = {.id = result(&submitter, 1), .bytes = "first", .size = 5};
    struct part b[2] = {{.id = a.id, .bytes = "second", .size = 6},
                        {.id = result(&submitter, 2), .bytes = "two", .size = 3}};
    put_commit(&first, &a, 1);
    fake_ring(&first);
    put_commit(&second, b, 2);
    fake_ring(&second);
    expect_eq(state_of(b[1].id), LODE_ENTRY_FREE);
    expect_eq(fake_lookup(&submitter, b[1].id, 0), LODE_FOUND_PENDING);
    fake_die(&submitter);
    fake_die(&first);
    fake_die(&second);
}

Test(commit, of_a_freed_result_makes_it_not_again)
{
    struct fake submitter = fake_attach(0), worker = fake_attach(LODE_HELLO_MAKER);
    struct part part = {.id = result(&submitter, 1), .bytes = "x", .size = 1};
    put_commit(&worker, &part, 1);
    fake_ring(&worker);
    fake_drop(&submitter, part.id);
    fake_ring(&submitter);
    expect_eq(state_of(part.id), LODE_ENTRY_FREE);
    expect_eq(fake_lookup(&submitter, part.id, 0), LODE_FOUND_GONE);
    put_commit(&worker, &part, 1);
    fake_ring(&worker);
    expect_eq(state_of(part.id), LODE_ENTRY_FREE);
    fake_drop(&submitter, part.id); /* once too often: nothing is remembered for it */
    fake_ring(&submitter);
    expect_eq(state_of(part.id), LODE_ENTRY_FREE);
    fake_die(&submitter);
    fake_die(&worker);
}

Test(commit, of_a_result_that_nobody_wants_any_more_frees_it_at_once)
{
    struct fake submitter = fake_attach(0), worker = fake_attach(LODE_HELLO_MAKER);
    struct part part = {.id = result(&submitter, 1), .size = 50000};
    fake_drop(&submitter, part.id);
    fake_ring(&submitter);
    expect_eq(state_of(part.id), LODE_ENTRY_FREE); /* the drop is remembered without an entry */
    fake_create(&worker, (lode_id){{0}}, 50000, 0, &part.draft);
    put_commit(&worker, &part, 1);
    fake_ring(&worker);
    expect_eq(state_of(part.id), LODE_ENTRY_FREE);
    expect_eq(fake_lookup(&submitter, part.id, 0), LODE_FOUND_GONE);
    fake_die(&submitter);
    fake_die(&worker);
}

Test(commit, keeps_references_taken_before_the_result_was_born)
{
    struct fake submitter = fake_attach(0), other = fake_attach(0),
                worker = fake_attach(LODE_HELLO_MAKER);
    struct part part = {.id = result(&submitter, 1), .size = 50000};
    fake_take(&other, part.id);
    fake_ring(&other);
    fake_create(&worker, (lode_id){{0}}, 50000, 0, &part.draft);
    put_commit(&worker, &part, 1);
    fake_ring(&worker);
    expect_eq(store->table.truths[entry_of(part.id)].refs, 2);
    fake_die(&submitter);
    expect_eq(state_of(part.id), LODE_ENTRY_SEALED);
    fake_drop(&other, part.id);
    fake_ring(&other);
    expect_eq(state_of(part.id), LODE_ENTRY_FREE);
    fake_die(&other);
    fake_die(&worker);
}

static void
is_cut(struct fake *worker)
{
    uint64_t sealed = store->counts.sealed;
    fake_bell(worker);
    expect(fake_is_cut(worker));
    expect_eq(store->counts.sealed, sealed);
}

Test(commit, of_one_draft_under_two_ids_is_refused_whole)
{
    struct fake submitter = fake_attach(0), worker = fake_attach(LODE_HELLO_MAKER);
    struct part parts[2] = {{.id = result(&submitter, 1), .size = 5000},
                            {.id = result(&submitter, 2), .size = 5000}};
    fake_create(&worker, (lode_id){{0}}, 5000, 0, &parts[0].draft);
    parts[1].draft = parts[0].draft;
    put_commit(&worker, parts, 2);
    is_cut(&worker);
    fake_die(&submitter);
}

Test(commit, of_anothers_draft_is_refused)
{
    struct fake submitter = fake_attach(0), worker = fake_attach(LODE_HELLO_MAKER),
                thief = fake_attach(LODE_HELLO_MAKER);
    struct part part = {.id = result(&submitter, 1), .size = 5000};
    fake_create(&worker, (lode_id){{0}}, 5000, 0, &part.draft);
    put_commit(&thief, &part, 1);
    is_cut(&thief);
    expect_eq(store->table.state_count[LODE_ENTRY_CREATED], 1);
    fake_die(&worker);
    fake_die(&submitter);
}

Test(commit, of_a_named_draft_or_a_wrong_size_is_refused)
{
    struct fake submitter = fake_attach(0), worker = fake_attach(LODE_HELLO_MAKER);
    struct part part = {.id = result(&submitter, 1), .size = 5000};
    fake_create(&worker, fake_next(&worker), 5000, 0, &part.draft);
    put_commit(&worker, &part, 1);
    is_cut(&worker);
    struct fake again = fake_attach(LODE_HELLO_MAKER);
    fake_create(&again, (lode_id){{0}}, 5000, 0, &part.draft);
    part.size = 5001;
    put_commit(&again, &part, 1);
    is_cut(&again);
    fake_die(&submitter);
}

Test(commit, no_abort_wakes_who_waits_for_a_result)
{
    struct fake submitter = fake_attach(0), worker = fake_attach(LODE_HELLO_MAKER);
    struct part part = {.id = result(&submitter, 1), .size = 5000};
    fake_wait(&submitter, part.id, 1);
    fake_create(&worker, (lode_id){{0}}, 5000, 0, &part.draft);
    fake_die(&worker);
    expect_eq(fake_lookup(&submitter, part.id, 1), LODE_FOUND_PENDING);
    struct fake retry = fake_attach(LODE_HELLO_MAKER);
    part.bytes = "done";
    part.size = 4;
    put_commit(&retry, &part, 1);
    fake_ring(&retry);
    expect_eq(fake_lookup(&submitter, part.id, 1), LODE_FOUND_SEALED);
    fake_die(&submitter);
    fake_die(&retry);
}

/* The scan has found the pin, and only then the drain meets the lie. */
Test(commit, that_lies_about_a_doomed_object_does_not_unpin_it)
{
    struct fake maker = fake_attach(0), reader = fake_attach(0),
                liar = fake_attach(LODE_HELLO_MAKER);
    lode_id id = fake_put(&maker, "pinned", 6);
    fake_ring(&maker);
    struct part part = {.id = result(&maker, 1), .size = 6};
    part.draft.entry = entry_of(id);
    part.draft.generation = lode_word_generation(entry_word(&store->table, part.draft.entry));
    fake_pin(&reader, 0, part.draft.entry + 1);
    put_commit(&liar, &part, 1); /* nobody rings for it */
    fake_drop(&maker, id);
    fake_ring(&maker);
    expect_eq(state_of(id), LODE_ENTRY_WANTED);
    expect(fake_is_cut(&liar));
    fake_die(&reader);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&maker);
}

Test(commit, of_a_freed_result_that_another_refers_to_makes_it_not_again)
{
    struct fake submitter = fake_attach(0), late = fake_attach(0),
                worker = fake_attach(LODE_HELLO_MAKER);
    struct part part = {.id = result(&submitter, 1), .bytes = "x", .size = 1};
    put_commit(&worker, &part, 1);
    fake_ring(&worker);
    fake_drop(&submitter, part.id);
    fake_ring(&submitter);
    fake_take(&late, part.id);
    fake_ring(&late);
    expect_eq(state_of(part.id), LODE_ENTRY_FREE);
    put_commit(&worker, &part, 1);
    fake_ring(&worker);
    expect_eq(state_of(part.id), LODE_ENTRY_FREE);
    fake_die(&submitter);
    fake_die(&late);
    fake_die(&worker);
}

/* The commit comes in after the packet's own drain: only the holds of the request drain again. */
Test(commit, of_a_draft_that_is_not_answered_yet_is_refused)
{
    struct fake submitter = fake_attach(0), maker = fake_attach(LODE_HELLO_MAKER);
    uint32_t next = store->table.free_first - 1;
    struct part part = {.id = result(&submitter, 1), .size = 5000};
    lode_id held = result(&submitter, 2);
    struct lode_msg_create create = {
        .head = {.type = LODE_MSG_CREATE, .tag = 9}, .size = 5000, .hold_count = 1};
    part.draft.entry = next;
    part.draft.generation = lode_word_generation(entry_word(&store->table, next));
    put_commit(&maker, &part, 1);
    must(handle_create(store, maker.session, &create, (const uint8_t *)&held, sizeof held));
    expect_eq(state_of(part.id), LODE_ENTRY_FREE);
    expect(fake_is_cut(&maker));
    fake_die(&submitter);
}

/* ---- without memory ---- */

/* The bitmaps of made results lie far apart: one for each part. */
static uint64_t
far(int i)
{
    return 1 + (uint64_t)i * LODE_BIRTHS_CHUNK;
}

/* How many of the parts are there, when so many allocations succeed. */
static int
made_with(int memory)
{
    enum { PARTS = 4 };
    struct fake submitter = fake_attach(0), worker = fake_attach(LODE_HELLO_MAKER);
    struct part parts[PARTS];
    int count = 0;
    for (int i = 0; i < PARTS; i++) {
        parts[i] = (struct part){.id = result(&submitter, far(i)), .bytes = "made", .size = 4};
    }
    put_commit(&worker, parts, PARTS);
    callocs_left = memory;
    ring_drain(store, worker.session);
    callocs_left = INT_MAX;
    for (int i = 0; i < PARTS; i++) {
        bool is_there = state_of(parts[i].id) == LODE_ENTRY_SEALED;
        expect_eq(status_was_made(store, parts[i].id), is_there);
        count += is_there;
    }
    expect(count == 0 || count == PARTS);
    /* If none is, this attempt's session is over, and its task is tried again. */
    expect_eq(fake_is_cut(&worker), count == 0);
    fake_die(&worker);
    fake_die(&submitter);
    return count;
}

Test(commit, for_which_memory_runs_out_midway_is_not_made_at_all)
{
    int memory = 0;
    (void)!lode_fail_with(LODE_EINVAL, "what a thread's first sentence needs is there");
    while (made_with(memory) == 0) {
        memory++;
        expect_lt(memory, 100);
    }
    expect_lt(2, memory);
}
