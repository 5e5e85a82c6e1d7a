/* FAIL: the error objects of a failed task, in place of all its results, in one step. */
#include "store/sessions/packets.h"
#include "tests/unit/store/fake_client.h"

#include <string.h>

enum { RESULTS = 3, SIZE = 2000, SHORT = 40 };

TestSuite(failures, .init = store_setup, .fini = store_teardown, .timeout = 120);

/* All results from `first` on; the type of the answer. */
static int
fail_results(struct fake *scheduler, lode_id first, uint32_t count)
{
    struct {
        struct lode_msg_fail head;
        char bytes[SIZE + SHORT];
    } fail = {.head = {.head = {.type = LODE_MSG_FAIL, .tag = 1},
                       .results = first,
                       .count = count,
                       .size = SIZE,
                       .short_size = SHORT}};
    uint8_t answer[1024];
    memset(fail.bytes, 'l', SIZE);
    memset(fail.bytes + SIZE, 's', SHORT);
    /* At once: what the helper thread makes warm meanwhile comes with the next pump(). */
    must(packets_handle(store, scheduler->session, &fail, sizeof fail));
    pump();
    return fake_receive(scheduler, answer, sizeof answer, NULL);
}

static const struct lode_entry *
error_of(lode_id id)
{
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    const struct lode_entry *entry = &store->table.entries[entry_of(id)];
    expect_eq(entry->kind, LODE_KIND_ERROR);
    return entry;
}

Test(failures, all_results_are_errors_after_one_packet)
{
    struct fake submitter = fake_attach(0), scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    fake_wait(&submitter, result(&submitter, 2), 9);
    expect_eq(fail_results(&scheduler, result(&submitter, 1), RESULTS), LODE_MSG_OK);
    for (uint64_t i = 1; i <= RESULTS; i++) {
        expect_eq(error_of(result(&submitter, i))->size, SIZE);
    }
    expect_eq(fake_lookup(&submitter, result(&submitter, 2), 9), LODE_FOUND_SEALED);
    fake_die(&scheduler);
    fake_die(&submitter);
}

Test(failures, a_second_one_changes_nothing_and_succeeds)
{
    struct fake submitter = fake_attach(0), scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    expect_eq(fail_results(&scheduler, result(&submitter, 1), 1), LODE_MSG_OK);
    uint64_t created = store->counts.created;
    expect_eq(fail_results(&scheduler, result(&submitter, 1), RESULTS), LODE_MSG_OK);
    expect_eq(store->counts.created, created);
    expect_ne(state_of(result(&submitter, 2)), LODE_ENTRY_SEALED);
    fake_die(&scheduler);
    fake_die(&submitter);
}

Test(failures, on_a_full_store_are_short_and_there_at_once)
{
    struct fake submitter = fake_attach(0), scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    uint64_t extent;
    while (object_room_now(&store->table, SIZE, &extent) == LODE_OK) {
    }
    expect_eq(fail_results(&scheduler, result(&submitter, 1), RESULTS), LODE_MSG_OK);
    for (uint64_t i = 1; i <= RESULTS; i++) {
        const struct lode_entry *entry = error_of(result(&submitter, i));
        expect_eq(entry->size, SHORT);
        expect_eq(entry->u.bytes[0], 's');
    }
    fake_die(&scheduler);
    fake_die(&submitter);
}

Test(failures, that_find_no_entry_are_made_in_those_that_the_store_keeps_for_them)
{
    struct fake submitter = fake_attach(0), scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    fake_give_all_entries(&submitter);
    expect_eq(fail_results(&scheduler, result(&submitter, 1), RESULTS), LODE_MSG_OK);
    for (uint64_t i = 1; i <= RESULTS; i++) {
        error_of(result(&submitter, i));
    }
    store->table.entry_max = LODE_ENTRY_MAX;
    fake_die(&scheduler);
    fake_die(&submitter);
}

/* The first error takes a page of those that the store keeps, before it takes an entry of those. */
Test(failures, that_find_neither_page_nor_entry_are_made_in_what_the_store_keeps_for_them)
{
    fake_warm_all_pages();
    struct fake submitter = fake_attach(0), scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    fake_give_all_entries(&submitter);
    fake_give_all_pages(&submitter);
    expect_eq(fail_results(&scheduler, result(&submitter, 1), RESULTS), LODE_MSG_OK);
    for (uint64_t i = 1; i <= RESULTS; i++) {
        expect_eq(error_of(result(&submitter, i))->size, SIZE);
    }
    store->table.entry_max = LODE_ENTRY_MAX;
    fake_die(&scheduler);
    fake_die(&submitter);
}

/* One result is expected by another session, one is waited for. */
Test(failures, that_cannot_all_be_made_leave_none_and_nobody_waits_on)
{
    struct fake submitter = fake_attach(0), scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    struct fake other = fake_attach(0);
    fake_take(&other, result(&submitter, 1));
    fake_ring(&other);
    fake_wait(&submitter, result(&submitter, 2), 9);
    expect_eq(state_of(result(&submitter, 1)), LODE_ENTRY_EXPECTED);
    object_spend_spare(&store->table); /* it has given them away before */
    fake_give_all_entries(&submitter);
    expect_eq(fail_results(&scheduler, result(&submitter, 1), RESULTS), LODE_MSG_OK);
    store->table.entry_max = LODE_ENTRY_MAX;
    expect_eq(store->table.state_count[LODE_ENTRY_SEALED], 0);
    expect_eq(fake_lookup(&submitter, result(&submitter, 2), 9), LODE_FOUND_GONE);
    expect_eq(fake_lookup(&other, result(&submitter, 1), 0), LODE_FOUND_GONE);
    expect_eq(state_of(result(&submitter, 1)), LODE_ENTRY_FREE);
    /* It is over: a later attempt changes nothing. */
    expect_eq(fail_results(&scheduler, result(&submitter, 1), RESULTS), LODE_MSG_OK);
    expect_eq(store->table.state_count[LODE_ENTRY_SEALED], 0);
    fake_die(&other);
    fake_die(&scheduler);
    fake_die(&submitter);
}

Test(failures, are_the_schedulers_to_tell)
{
    struct fake submitter = fake_attach(0), other = fake_attach(LODE_HELLO_MAKER);
    struct lode_msg_fail fail = {.head = {.type = LODE_MSG_FAIL, .tag = 1},
                                 .results = result(&submitter, 1),
                                 .count = 1,
                                 .short_size = 1};
    struct {
        struct lode_msg_fail head;
        char byte;
    } packet = {.head = fail};
    fake_send(&other, &packet, sizeof fail + 1);
    pump();
    expect(fake_is_cut(&other));
    expect_ne(state_of(result(&submitter, 1)), LODE_ENTRY_SEALED);
    fake_die(&submitter);
}
