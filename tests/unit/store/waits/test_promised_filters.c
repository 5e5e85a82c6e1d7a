/* Filters of promised ids: results and reserved ids, whose objects come by rings. */
#include "tests/unit/store/waits/filtering.h"

TestSuite(promised_filters, .init = store_setup, .fini = store_teardown, .timeout = 120);

/* The results, or the reserved ids, from 1 on; with them the row of that session. */
static void
watch_promised(struct fake *fake, struct fake *maker, uint32_t count, bool results)
{
    uint32_t log2 = lode_filter_log2(count + 1);
    memset(bits, 0, sizeof bits);
    set(lode_filter_row(maker->number), log2);
    for (uint64_t i = 1; i <= count; i++) {
        set(results ? result(maker, i) : lode_id_reserve(maker->number, i), log2);
    }
    promised = true;
    send_bits(fake, count + 1);
}

Test(promised_filters, arm_all_buckets_and_tell_of_their_ids)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    watch_promised(&watcher, &maker, 10, false);
    watch_promised(&watcher, &maker, 10, false);
    expect_all_buckets(1);
    lode_id id = fake_put_reserved(&maker, 7);
    expect(waits_any(store, lode_id_reserve(maker.number, 3)));
    fake_ring(&maker);
    pump();
    receive(&watcher, 2);
    expect(lode_id_same(notify.ready[0].id, id));
    expect_eq(notify.ready[0].status, LODE_FOUND_SEALED);
    unwatch(&watcher);
    expect_nothing_is_left(&watcher);
    expect_all_buckets(0);
    watch_promised(&watcher, &maker, 10, false);
    fake_die(&watcher);
    expect_eq(store->wakes.all_armed, 0);
    fake_die(&maker);
}

Test(promised_filters, that_end_late_are_told_what_lies_in_a_ring)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0);
    watch_promised(&watcher, &maker, 10, false);
    lode_id id = fake_put_reserved(&maker, 7); /* and its bell rings too late */
    expect_told_at_its_end(&watcher, id, LODE_FOUND_SEALED);
    expect_nothing_is_left(&watcher);
    fake_die(&watcher);
    fake_die(&maker);
}

static bool
has_by_chance(lode_id id, uint32_t log2)
{
    return lode_filter_has(bits, lode_filter_at(table_hash(&store->table, id), log2));
}

/* Also if that comes together with the UNWATCH. */
Test(promised_filters, say_that_the_client_is_to_look_when_a_session_of_theirs_ends)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(0), other = fake_attach(0);
    watch_promised(&watcher, &maker, 10, false);
    while (has_by_chance(lode_filter_row(other.number), lode_filter_log2(11))) {
        other = fake_attach(0);
    }
    fake_die(&other);
    pump();
    expect(!fake_has_packet(&watcher));
    close(maker.fd);
    expect_told_at_its_end(&watcher, (lode_id){{0}}, LODE_FOUND_LOOK);
    expect_nothing_is_left(&watcher);
    fake_die(&watcher);
}

Test(promised_filters, keep_results_of_an_ended_session_wanted)
{
    struct fake scheduler = fake_attach(LODE_HELLO_SCHEDULER), submitter = fake_attach(0),
                watcher = fake_attach(0);
    lode_id wanted = result(&submitter, 3), other = result(&submitter, 20);
    uint8_t status[2];
    watch_promised(&watcher, &submitter, 10, true);
    bool by_chance = waits_any(store, other);
    fake_die(&submitter);
    pump();
    expect_told(&watcher, (lode_id){{0}}, LODE_FOUND_LOOK); /* in vain: some may come */
    ask_about_results(&scheduler, wanted, other, status);
    expect_eq(status[0], LODE_FOUND_PENDING);
    expect_eq(status[1], by_chance ? LODE_FOUND_PENDING : LODE_FOUND_GONE);
    expect_told(&watcher, (lode_id){{0}}, LODE_FOUND_LOOK);
    fake_die(&scheduler);
    fake_die(&watcher);
}
