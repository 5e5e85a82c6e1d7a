/* Names whose next version clients wait for. */
#include "store/waits/follow.h"
#include "store/table/names.h"
#include "store/waits/pool.h"
#include "tests/unit/store/fake_client.h"

TestSuite(follow, .init = store_setup, .fini = store_teardown, .timeout = 120);

static lode_id
id_of_name(const char *name)
{
    struct name_text made;
    must(name_make_text(&store->table, "", 0, name, strlen(name), &made));
    return made.id;
}

static uint32_t
counter_of(const char *name)
{
    uint32_t bucket = lode_wake_bucket(table_hash(&store->table, id_of_name(name)));
    return atomic_load(&store->table.wakes[bucket].counter);
}

static bool
is_told(const char *name)
{
    uint32_t entry;
    return table_find(&store->table, id_of_name(name), &entry) &&
           name_is_told(&store->table, entry);
}

static void
send_name(struct fake *fake, uint8_t type, const char *name, lode_id id)
{
    uint8_t packet[sizeof(struct lode_msg_name) + 8], answer[64];
    struct lode_msg_name msg = {.head = {.type = type, .tag = 1},
                                .id = id,
                                .flags = type == LODE_MSG_NAME_SET ? LODE_NAME_REPLACE : 0,
                                .name_size = (uint16_t)strlen(name)};
    memcpy(packet, &msg, sizeof msg);
    memcpy(packet + sizeof msg, name, strlen(name));
    fake_send(fake, packet, sizeof msg + strlen(name));
    pump();
    expect_eq(fake_receive(fake, answer, sizeof answer, NULL), LODE_MSG_OK);
}

static void
set(struct fake *fake, const char *name)
{
    send_name(fake, LODE_MSG_NAME_SET, name, fake_put(fake, "x", 1));
}

Test(follow, a_name_that_nobody_waits_for_wakes_nobody)
{
    struct fake fake = fake_attach(0);
    uint32_t before = counter_of("a");
    for (int i = 0; i < 3; i++) {
        set(&fake, "a");
    }
    expect_eq(counter_of("a"), before);
    expect(!is_told("a"));
    fake_die(&fake);
}

Test(follow, a_wait_for_a_bound_name_ends_at_once_and_each_later_version_is_told)
{
    struct fake fake = fake_attach(0), waiter = fake_attach(0);
    set(&fake, "a");
    uint32_t before = counter_of("a");
    fake_wait(&waiter, id_of_name("a"), 1);
    expect(is_told("a"));
    expect_lt(before, counter_of("a")); /* the waiter looks whether it was bound meanwhile */
    expect_eq(store->waits->used, 0);
    for (int i = 1; i < FOLLOW_IDLE; i++) { /* the first wake in vain was at the wait */
        before = counter_of("a");
        set(&fake, "a");
        expect_eq(counter_of("a"), before + 1);
        expect(is_told("a"));
    }
    before = counter_of("a");
    set(&fake, "a"); /* nobody was woken by all of them */
    expect_eq(counter_of("a"), before + 1);
    expect(!is_told("a"));
    set(&fake, "a");
    expect_eq(counter_of("a"), before + 1);
    fake_die(&fake);
    fake_die(&waiter);
}

Test(follow, a_wait_for_a_name_that_does_not_exist_stays_until_it_does)
{
    struct fake fake = fake_attach(0), waiter = fake_attach(0);
    fake_wait(&waiter, id_of_name("a"), 1);
    expect_eq(store->waits->used, 1);
    uint32_t before = counter_of("a");
    set(&fake, "a");
    expect_lt(before, counter_of("a"));
    expect_eq(store->waits->used, 0);
    expect(!is_told("a"));
    fake_die(&fake);
    fake_die(&waiter);
}

Test(follow, the_end_of_a_name_that_is_told_is_told)
{
    struct fake fake = fake_attach(0), waiter = fake_attach(0);
    set(&fake, "a");
    fake_wait(&waiter, id_of_name("a"), 1);
    uint32_t before = counter_of("a");
    send_name(&fake, LODE_MSG_NAME_REMOVE, "a", (lode_id){{0}});
    expect_lt(before, counter_of("a"));
    expect_eq(fake_lookup(&waiter, id_of_name("a"), 0), LODE_FOUND_PENDING);
    fake_die(&fake);
    fake_die(&waiter);
}

Test(follow, the_end_of_a_told_name_by_the_deletion_of_its_object_is_told)
{
    struct fake fake = fake_attach(0), waiter = fake_attach(0);
    uint8_t answer[64];
    lode_id id = fake_put(&fake, "x", 1);
    send_name(&fake, LODE_MSG_NAME_SET, "a", id);
    fake_wait(&waiter, id_of_name("a"), 1);
    uint32_t before = counter_of("a");
    struct lode_msg_lookup gone = {.head = {.type = LODE_MSG_DELETE, .tag = 1}, .id = id};
    fake_send(&fake, &gone, sizeof gone);
    pump();
    expect_eq(fake_receive(&fake, answer, sizeof answer, NULL), LODE_MSG_OK);
    expect_lt(before, counter_of("a"));
    fake_die(&fake);
    fake_die(&waiter);
}
