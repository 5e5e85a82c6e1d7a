/*
 * A store is full of small objects, and half of them are dropped: no page is free, but half of the
 * slots are. Puts of that size find them at once, whether of the same session or of a new one, with
 * any timeout. So does the result of a task in a worker that came when the store was full already.
 * Such puts go by packet, each a round trip. When there are pages again, they go by ring as before.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <signal.h>

enum { CAPACITY = 16 << 20, SMALL = 1000, PUTS_MAX = CAPACITY / SMALL, MORE = 200 };

static const char bytes[4096];
static lode_id ids[PUTS_MAX];

/* Puts until there is no room, nor memory that comes later; how many that were. */
static int
fill(lode *db, size_t size)
{
    int count = 0;
    lode_err err;
    while ((err = lode_put(db, bytes, size, 300, &ids[count])) == LODE_OK) {
        expect_lt(++count, PUTS_MAX);
    }
    expect_eq(err, LODE_EFULL);
    return count;
}

/* Some of the dropped objects had pages of their own: other objects get these. */
static void
leave_slots(lode *db)
{
    int count = fill(db, SMALL);
    expect_lt(10 * MORE, count);
    for (int i = 0; i < count; i += 2) {
        lode_drop(db, ids[i]);
    }
    fill(db, sizeof bytes);
    expect_text(lode_last_error(), "which only other small objects can use");
}

/* Each of the puts takes a small part of its timeout, and the first one alone waits for credit. */
static void
puts_at_once(lode *db, int64_t timeout_ms)
{
    lode_id id;
    int64_t start = now_ms();
    for (int i = 0; i < MORE; i++) {
        must(lode_put(db, bytes, SMALL, timeout_ms, &id));
    }
    expect_lt(now_ms() - start, bound_ms(2000));
}

static uint64_t
records(lode *db)
{
    lode_store_stats stats;
    must(lode_get_store_stats(db, &stats));
    return stats.ring_records;
}

/* The credit of this session was recalled while the store was full. It asks for some as it puts. */
static void
puts_by_ring_again(lode *db)
{
    int64_t until = now_ms() + bound_ms(10000);
    uint64_t before;
    lode_id id;
    do {
        expect_lt(now_ms(), until);
        before = records(db);
        for (int i = 0; i < MORE; i++) {
            must(lode_put(db, bytes, SMALL, 0, &id));
            lode_drop(db, id);
        }
    } while (records(db) < before + 2 * MORE);
}

static void
in_a_store(void)
{
    pid_t store = store_start(CAPACITY);
    lode *db = store_open();
    leave_slots(db);
    lode *other = store_open();
    puts_at_once(other, bound_ms(30000));
    puts_at_once(other, LODE_FOREVER);
    puts_at_once(other, 0);
    puts_at_once(db, LODE_FOREVER);
    lode_drop_many(db, ids, PUTS_MAX);
    puts_by_ring_again(db);
    lode_close(other);
    lode_close(db);
    daemon_stop(store);
}

/*
 * Idle sessions have all the credit that is given ahead of need. So a worker that comes later
 * begins without any.
 */
static void
in_a_new_worker(void)
{
    enum { IDLE = CAPACITY / 8 / 4096 / 16 + 8 };
    lode *idle[IDLE];
    lode_id id;
    lode_view view;
    pid_t supervisor = cluster_start(1, CAPACITY);
    lode *db = cluster_open_with("room");
    for (int i = 0; i < IDLE; i++) {
        idle[i] = store_open();
    }
    pid_t worker = story_process("lode-worker");
    kill(worker, SIGKILL);
    expect(story_wait_end(worker, bound_ms(5000)));
    leave_slots(db);
    int64_t start = now_ms();
    for (int i = 0; i < MORE; i++) {
        must(lode_call(db, "room.bytes", LODE_NO_ARGS, NULL, &id));
        must(lode_get(db, id, bound_ms(60000), &view));
        expect_eq(view.size, SMALL);
        lode_release(&view);
    }
    expect_lt(now_ms() - start, bound_ms(5000));
    for (int i = 0; i < IDLE; i++) {
        lode_close(idle[i]);
    }
    lode_close(db);
    cluster_stop(supervisor);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    in_a_store();
    in_a_new_worker();
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
