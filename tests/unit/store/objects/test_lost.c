/*
 * References for which the store has no memory, since the tmpfs is full. The session is told, and
 * not cut; the drops that belong to lost references end no others.
 */
#include "store/objects/lost.h"
#include "tests/unit/store/fake_client.h"

static void
full_setup(void)
{
    store_setup_in("24M");
}

TestSuite(lost, .init = full_setup, .fini = store_teardown, .timeout = 120);

/* Takes references to `count` ids of the user's, from `first` on. */
static void
take_users(struct fake *fake, uint64_t first, uint64_t count)
{
    enum { AT_ONCE = 4096 };
    for (uint64_t i = first; i < first + count; i++) {
        fake_take(fake, user(i));
        if (i % AT_ONCE == 0) {
            fake_ring(fake);
        }
    }
    fake_ring(fake);
}

/* TAKE by a packet: OK, or what the error is. */
static lode_err
ask_for(struct fake *fake, lode_id id)
{
    struct lode_msg_lookup take = {.head = {.type = LODE_MSG_TAKE, .tag = 4}, .id = id};
    struct {
        struct lode_msg_error error;
        char text[1024];
    } answer = {0};
    fake_send(fake, &take, sizeof take);
    pump();
    bool is_ok = fake_receive(fake, &answer, sizeof answer, NULL) == LODE_MSG_OK;
    return is_ok ? LODE_OK : (lode_err)answer.error.err;
}

static bool
is_scarce(uint32_t what)
{
    return (atomic_load(&store->table.header->scarce) & what) != 0;
}

static uint32_t
refused(const struct fake *fake)
{
    return atomic_load(&store->table.rows[fake->row].refused);
}

static uint32_t
entries_left(void)
{
    return store->table.free_count - store->table.reserved;
}

Test(lost, ids_without_memory_for_them_are_refused_and_cut_nobody)
{
    struct fake fake = fake_attach(0);
    take_users(&fake, 1, 1); /* now there are records for the references to all of them */
    int ballast = tmpfs_fill();
    uint32_t room = entries_left();
    take_users(&fake, 2, room + 10);
    room++;
    expect_eq(store_session(store, fake.number), fake.session);
    expect_eq(refused(&fake), 10);
    expect(is_scarce(LODE_SCARCE_ENTRY_MEMORY));
    fails(ask_for(&fake, user(room + 1)), LODE_EFULL);
    close(ballast);
    must(ask_for(&fake, user(room + 1)));
    expect(!is_scarce(LODE_SCARCE_ENTRY_MEMORY));
    expect_eq(refused(&fake), 10);
    fake_die(&fake);
}

static void
drop_users(struct fake *fake, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++) {
        fake_drop(fake, user(i));
    }
    fake_ring(fake);
}

/* Nothing grows here: the tmpfs stays full. */
Test(lost, entries_and_references_are_scarce_each_until_some_are_free_again)
{
    struct fake fake = fake_attach(0);
    take_users(&fake, 1, 1);
    int ballast = tmpfs_fill();
    uint32_t room = entries_left();
    take_users(&fake, 2, room + 1);
    expect(is_scarce(LODE_SCARCE_ENTRY_MEMORY));
    expect(is_scarce(LODE_SCARCE_REF_MEMORY)); /* more than half of the records are used */
    drop_users(&fake, room + 1);
    expect(!is_scarce(LODE_SCARCE_ENTRY_MEMORY));
    expect(!is_scarce(LODE_SCARCE_REF_MEMORY));
    close(ballast);
    fake_die(&fake);
}

/* The session cannot know that memory is gone, whatever it has of another quota. */
Test(lost, a_quota_that_is_used_up_cuts_nobody_for_ids_of_the_other_kind)
{
    struct fake fake = fake_attach(0);
    int ballast = tmpfs_fill(); /* before there is a record for any reference */
    uint64_t *own = &store->table.truth_rows[fake.row].expected_own;
    *own += LODE_SESSION_EXPECTED_OWN_MAX;
    fake_take(&fake, user(1));
    ring_drain(store, fake.session);
    *own -= LODE_SESSION_EXPECTED_OWN_MAX;
    expect(!fake.session->cut);
    expect_eq(refused(&fake), 1);
    close(ballast);
    fake_die(&fake);
}

Test(lost, a_drop_ends_a_lost_reference_before_that_from_birth)
{
    struct fake fake = fake_attach(0);
    lode_id there = fake_put(&fake, "x", 1), to_come = lode_id_reserve(fake.number, 1);
    fake_ring(&fake);
    int ballast = tmpfs_fill();
    fake_take(&fake, there);
    fake_take(&fake, to_come);
    fake_ring(&fake);
    expect_eq(refused(&fake), 2);
    fake_drop(&fake, there);
    fake_drop(&fake, to_come);
    fake_ring(&fake);
    expect_eq(state_of(there), LODE_ENTRY_SEALED);
    close(ballast);
    fake_put_reserved(&fake, 1);
    fake_ring(&fake);
    expect_eq(state_of(to_come), LODE_ENTRY_SEALED);
    fake_drop(&fake, there);
    fake_drop(&fake, to_come);
    fake_ring(&fake);
    expect_eq(state_of(there), LODE_ENTRY_FREE);
    expect_eq(state_of(to_come), LODE_ENTRY_FREE);
    fake_die(&fake);
}

Test(lost, a_drop_ends_a_lost_reference_before_one_that_was_recorded)
{
    struct fake maker = fake_attach(0), fake = fake_attach(0);
    lode_id id = fake_put(&maker, "x", 1);
    fake_ring(&maker);
    int ballast = tmpfs_fill();
    fake_take(&fake, id);
    fake_ring(&fake);
    expect_eq(refused(&fake), 1);
    close(ballast);
    must(ask_for(&fake, id));
    fake_drop(&maker, id);
    fake_ring(&maker);
    fake_drop(&fake, id);
    fake_ring(&fake);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_drop(&fake, id);
    fake_ring(&fake);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&fake);
    fake_die(&maker);
}

/* Clients are told that memory is scarce. One that goes on taking references is cut. */
Test(lost, lost_references_are_remembered_for_so_many_ids_and_one_more_cuts)
{
    struct fake fake = fake_attach(0);
    uint32_t most = LOST_RINGS * LODE_RING_BYTES_DEFAULT / 32;
    int ballast = tmpfs_fill();
    take_users(&fake, 1, most);
    expect_eq(store_session(store, fake.number), fake.session);
    expect_eq(refused(&fake), most);
    take_users(&fake, most + 1, 1);
    expect(fake_is_cut(&fake));
    close(ballast);
    fake_die(&fake);
}

/* One object, to which each of some sessions refers. */
Test(lost, references_are_said_to_be_scarce_before_there_is_none)
{
    struct fake fake = fake_attach(0), other = fake_attach(0);
    lode_id id = fake_put(&fake, "x", 1);
    fake_ring(&fake);
    fake_take(&other, id);
    fake_ring(&other);
    int ballast = tmpfs_fill();
    uint32_t count = 1;
    while (!is_scarce(LODE_SCARCE_REF_MEMORY)) {
        take_users(&other, count++, 1);
        expect_lt(count, 1000000);
    }
    uint32_t refs = store->table.refs_free;
    expect_lt(1000, refs); /* for what lies in the rings at this moment */
    close(ballast);
    fake_die(&other);
    fake_die(&fake);
}
