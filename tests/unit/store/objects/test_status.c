/*
 * The note that a promised id was made, when the store has no memory for it.
 *
 * ctest: wrap calloc
 */
#include "store/objects/status.h"
#include "api/base/fail.h"
#include "store/objects/settled.h"
#include "store/sessions/packets.h"
#include "tests/unit/store/fake_client.h"
#include "tests/unit/store/few_callocs.h"

/* The type of the answer to a packet that the store handles without memory, and not later. */
static int
handled_without_memory(struct fake *fake, const void *packet, size_t size)
{
    uint8_t answer[2048];
    callocs_left = 0;
    lode_err err = packets_handle(store, fake->session, packet, size);
    callocs_left = INT_MAX;
    must(err);
    return fake_receive(fake, answer, sizeof answer, NULL);
}

static void
setup(void)
{
    store_setup();
    (void)!lode_fail_with(LODE_EINVAL, "what a thread's first sentence needs is there");
}

TestSuite(status, .init = setup, .fini = store_teardown, .timeout = 60);

Test(status, a_draft_of_a_reserved_id_is_sealed_without_memory)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    struct lode_msg_created draft;
    lode_id id = lode_id_reserve(maker.number, 1);
    expect_eq(fake_create(&maker, id, LODE_PAGE, 0, &draft), LODE_MSG_CREATED);
    fake_wait(&waiter, id, 9);
    struct lode_msg_draft seal = {.head = {.type = LODE_MSG_SEAL, .tag = 3},
                                  .entry = draft.entry,
                                  .generation = draft.generation};
    expect_eq(handled_without_memory(&maker, &seal, sizeof seal), LODE_MSG_OK);
    fake_drop(&maker, id);
    fake_ring(&maker);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    expect_eq(fake_lookup(&waiter, id, 0), LODE_FOUND_GONE);
    fake_die(&maker);
    fake_die(&waiter);
}

Test(status, a_draft_that_could_not_be_remembered_is_refused_and_its_id_is_not_used_up)
{
    struct fake maker = fake_attach(0);
    struct lode_msg_created draft;
    lode_id id = lode_id_reserve(maker.number, 1);
    struct lode_msg_create create = {
        .head = {.type = LODE_MSG_CREATE, .tag = 9}, .id = id, .size = LODE_PAGE};
    expect_eq(handled_without_memory(&maker, &create, sizeof create), LODE_MSG_ERROR);
    expect_eq(store->table.state_count[LODE_ENTRY_CREATED], 0);
    expect_eq(fake_create(&maker, id, LODE_PAGE, 0, &draft), LODE_MSG_CREATED);
    expect_eq(fake_draft_call(&maker, LODE_MSG_SEAL, &draft), LODE_MSG_OK);
    fake_die(&maker);
}

/* Else nobody would ever be told that it was freed. */
Test(status, a_put_by_ring_that_cannot_be_remembered_ends_its_session)
{
    struct fake maker = fake_attach(0), waiter = fake_attach(0);
    lode_id id = fake_put_reserved(&maker, 1);
    callocs_left = 0;
    ring_drain(store, maker.session);
    callocs_left = INT_MAX;
    expect(fake_is_cut(&maker));
    expect_eq(fake_lookup(&waiter, id, 0), LODE_FOUND_GONE);
    fake_die(&maker);
    fake_die(&waiter);
}

Test(status, a_result_whose_end_cannot_be_remembered_ends_its_submitters_session)
{
    struct fake submitter = fake_attach(0), waiter = fake_attach(0);
    lode_id id = result(&submitter, 1);
    callocs_left = 0;
    settled_give_up(store, id);
    callocs_left = INT_MAX;
    expect(fake_is_cut(&submitter));
    expect_eq(fake_lookup(&waiter, id, 0), LODE_FOUND_GONE);
    fake_die(&submitter);
    fake_die(&waiter);
}
