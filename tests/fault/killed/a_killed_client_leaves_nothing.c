/*
 * kill -9 strikes a client that writes, that holds pins, that waits, or that has just put. Within a
 * second its unsealed objects are aborted, and their waiters are told. Its pins and references are
 * gone. What it had handed over lives on.
 *
 * ctest: ci 500
 * ctest: timeout 900
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

enum { LARGE = 1 << 20, PINS = 300 };

static lode_id draft_id;

static void
writes(struct child *parent, void *arg)
{
    (void)arg;
    lode *db = store_open();
    lode_draft draft;
    lode_draft nameless;
    lode_create_options options = {.struct_size = sizeof options, .id = draft_id};
    must(lode_create(db, LARGE, &options, LODE_FOREVER, &draft));
    must(lode_create(db, LARGE, NULL, LODE_FOREVER, &nameless));
    child_signal(parent);
    for (char c = 0;; c++) {
        memset(draft.data, c, LARGE);
    }
}

static void
holds_pins(struct child *parent, void *arg)
{
    lode *db = store_open();
    lode_id id = *(lode_id *)arg;
    lode_view view;
    must(lode_keep(db, id));
    for (int i = 0; i < PINS; i++) {
        must(lode_get(db, id, 0, &view));
    }
    child_signal(parent);
    child_await(parent);
}

static void
waits(struct child *parent, void *arg)
{
    (void)arg;
    lode *db = store_open();
    lode_id never;
    lode_view view;
    must(lode_id_random(&never));
    child_signal(parent);
    must(lode_get(db, never, LODE_FOREVER, &view));
}

/* Puts by ring, says the id, and is killed at once: the ring is drained first. */
static void
puts_and_tells(struct child *parent, void *arg)
{
    (void)arg;
    lode *db = store_open();
    for (;;) {
        lode_id id;
        must(lode_put(db, "last words", 10, LODE_FOREVER, &id));
        child_say(parent, &id, sizeof id);
        child_await(parent);
    }
}

/* A waiter for the draft of a process that dies. */
static void
waits_for_the_draft(struct child *parent, void *arg)
{
    (void)arg;
    lode *db = store_open();
    lode_view view;
    child_signal(parent);
    lode_err err = lode_get(db, draft_id, LODE_FOREVER, &view);
    child_say(parent, &err, sizeof err);
    child_await(parent);
    lode_close(db);
}

static void
killed_while_writing(lode *db)
{
    struct child maker;
    struct child other;
    lode_err err;
    lode_store_stats stats;
    must(lode_id_random(&draft_id));
    child_start(&maker, writes, NULL);
    child_await(&maker);
    must(lode_get_store_stats(db, &stats));
    uint64_t waits_before = stats.waits;
    child_start(&other, waits_for_the_draft, NULL);
    child_await(&other);
    do {
        must(lode_get_store_stats(db, &stats));
    } while (stats.waits == waits_before);
    expect_eq(stats.unsealed_objects, 2);
    int64_t killed = now_ms();
    child_kill(&maker);
    child_hear(&other, &err, sizeof err);
    expect_eq(err, LODE_EABORTED);
    await_stat(db, unsealed_objects, 0);
    expect_lt(now_ms() - killed, bound_ms(1000));
    child_signal(&other);
    child_must_end(&other);
    /* The id is free again. */
    lode_create_options options = {.struct_size = sizeof options, .id = draft_id};
    lode_id id;
    must(lode_put_with(db, "again", 5, &options, 0, &id));
    lode_drop(db, id);
    await_stat(db, objects, 0);
}

static void
killed_with_pins(lode *db)
{
    static char bytes[LARGE];
    struct child holder;
    lode_id id;
    lode_object_info info;
    must(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &id));
    child_start(&holder, holds_pins, &id);
    child_await(&holder);
    must(lode_stat(db, id, &info));
    expect_eq(info.pins, PINS);
    lode_drop(db, id);
    must(lode_stat(db, id, &info)); /* the holder's reference keeps it */
    int64_t killed = now_ms();
    child_kill(&holder);
    await_stat(db, objects, 0);
    expect_lt(now_ms() - killed, bound_ms(1000));
}

static void
killed_while_waiting(lode *db)
{
    struct child sleeper;
    child_start(&sleeper, waits, NULL);
    child_await(&sleeper);
    await_stat(db, sessions, 2);
    child_kill(&sleeper);
    await_stat(db, sessions, 1);
}

/* Keeping an id before its maker dies is enough, whatever of the put has been applied. */
static void
killed_right_after_a_put(lode *db)
{
    struct child maker;
    lode_id id;
    lode_id last;
    lode_view view;
    child_start(&maker, puts_and_tells, NULL);
    child_hear(&maker, &id, sizeof id);
    must(lode_keep(db, id));
    child_signal(&maker);
    child_hear(&maker, &last, sizeof last); /* nobody has looked at this one yet */
    child_kill(&maker);
    must(lode_get(db, id, 0, &view));
    expect(view.size == 10 && memcmp(view.data, "last words", 10) == 0);
    lode_release(&view);
    lode_drop(db, id);
    /* Nobody but the dead one referred to it: it goes, and says so. */
    lode_err err = lode_get(db, last, LODE_FOREVER, &view);
    if (err == LODE_OK) {
        lode_release(&view); /* it was there until this pin went */
    } else {
        expect_eq(err, LODE_EGONE);
    }
    await_stat(db, objects, 0);
}

static void
story(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 10);
    pid_t store = store_start(32 << 20);
    lode *db = store_open();
    for (long i = 0; i < rounds; i++) {
        killed_while_writing(db);
        killed_with_pins(db);
        killed_while_waiting(db);
        killed_right_after_a_put(db);
    }
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
