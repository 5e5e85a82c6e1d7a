/*
 * What a session is told of an id that the store has no memory to watch.
 *
 * ctest: wrap malloc
 * ctest: wrap calloc
 */
#include "api/base/fail.h"
#include "store/requests/watches.h"
#include "store/sessions/packets.h"
#include "store/waits/waits.h"
#include "tests/support/no_memory.h"
#include "tests/unit/store/fake_client.h"

static void
setup(void)
{
    store_setup();
    (void)!lode_fail_with(LODE_EINVAL, "what a thread's first sentence needs is there");
}

TestSuite(watches_without_memory, .init = setup, .fini = store_teardown, .timeout = 60);

struct notify {
    struct lode_msg_watch head;
    struct lode_msg_ready ready[2];
};

static void
watch(struct fake *watcher, lode_id id, uint64_t cookie)
{
    struct {
        struct lode_msg_watch head;
        lode_id id;
    } watch = {.head = {.head = {.type = LODE_MSG_WATCH}, .cookie = cookie, .count = 1}, .id = id};
    must(packets_handle(store, watcher->session, &watch, sizeof watch));
}

static struct notify
watch_without_memory(struct fake *watcher, lode_id id)
{
    struct notify notify = {.head.count = 0};
    no_memory_at(1);
    watch(watcher, id, 7);
    expect(no_memory_was_seen());
    pump();
    expect_eq(fake_receive(watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
    expect_eq(notify.head.cookie, 7);
    expect(lode_id_same(notify.ready[0].id, id));
    return notify;
}

Test(watches_without_memory, of_an_id_that_is_to_come_are_to_be_sent_again)
{
    struct fake watcher = fake_attach(LODE_HELLO_SCHEDULER);
    lode_id id = user(1);
    struct notify notify = watch_without_memory(&watcher, id);
    expect_eq(notify.head.count, 1);
    expect_eq(notify.ready[0].status, LODE_FOUND_STARVED);
    expect(!waits_any(store, id));
    fake_die(&watcher);
}

/* What the scheduler watches is told without memory: else its session would have to be cut. */
Test(watches_without_memory, of_the_scheduler_are_answered_without_memory)
{
    struct fake maker = fake_attach(0), watcher = fake_attach(LODE_HELLO_SCHEDULER);
    lode_id there = fake_put(&maker, "x", 1);
    struct lode_msg_ready ready = {.status = 0};
    watch(&watcher, user(1), 1000); /* now the store has room for more */
    no_memory_at(1);
    watch(&watcher, there, 7);
    (void)no_memory_was_seen();
    pump();
    struct notify notify;
    expect_eq(fake_receive(&watcher, &notify, sizeof notify, NULL), LODE_MSG_NOTIFY);
    ready = notify.ready[0];
    expect(lode_id_same(ready.id, there));
    expect_eq(ready.status, LODE_FOUND_SEALED);
    fake_die(&maker);
    fake_die(&watcher);
}
