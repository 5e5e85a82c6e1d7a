/*
 * A session that has opened and read takes 16 KiB of shared memory, however many there are. What it
 * did not take it gets when it puts and drops: nothing is lost on the way, and the store frees all
 * in the end. One that is killed while its ring has little memory leaves nothing.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

enum { SESSIONS = 100, LITTLE_KIB = 16, PUTS = 20, SIZE = 1500, REFERENCES = 400 };

static lode *sessions[SESSIONS];

static void
read_it(lode *db, lode_id id)
{
    lode_view view;
    must(lode_get(db, id, LODE_FOREVER, &view));
    expect(memcmp(view.data, "shared", 6) == 0);
    lode_release(&view);
}

static void
open_and_read(lode_id id)
{
    int count;
    for (int i = 0; i < SESSIONS; i++) {
        sessions[i] = store_open();
        read_it(sessions[i], id);
    }
    for (int i = 0; i < SESSIONS; i++) {
        read_it(sessions[i], id);
    }
    expect_le(store_session_kib(&count), LITTLE_KIB);
    expect_eq(count, SESSIONS + 1);
}

static uint8_t
byte_of(int session, int number)
{
    return (uint8_t)(session * 31 + number);
}

/* From a few bytes to what is larger than all of the ring that has memory at first. */
static size_t
size_of(int number)
{
    return (size_t)number * SIZE + 1;
}

static void
put_for(int giver, int taker)
{
    static uint8_t bytes[PUTS * SIZE];
    for (int i = 0; i < PUTS; i++) {
        lode_id id;
        lode_view view;
        memset(bytes, byte_of(giver, i), sizeof bytes);
        must(lode_put(sessions[giver], bytes, size_of(i), i % 2 == 0 ? LODE_FOREVER : 0, &id));
        must(lode_get(sessions[taker], id, LODE_FOREVER, &view));
        expect_eq(view.size, size_of(i));
        expect(memcmp(view.data, bytes, view.size) == 0);
        lode_release(&view);
        lode_drop(sessions[giver], id);
    }
}

static void
refer(lode *db, lode_id id)
{
    for (int i = 0; i < REFERENCES; i++) {
        must(lode_keep(db, id));
        lode_drop(db, id);
    }
}

static void
be_killed(struct child *parent, void *arg)
{
    lode_id id;
    (void)arg;
    child_hear(parent, &id, sizeof id);
    lode *db = store_open();
    read_it(db, id);
    for (int i = 0; i < REFERENCES; i++) {
        must(lode_keep(db, id));
    }
    child_signal(parent);
    child_await(parent); /* for ever */
}

static void
story(int argc, char **argv)
{
    struct child victim;
    lode_id id;
    (void)argc, (void)argv;
    child_start(&victim, be_killed, NULL);
    pid_t store = store_start(64 << 20);
    lode *db = store_open();
    must(lode_put(db, "shared", 6, LODE_FOREVER, &id));
    open_and_read(id);
    child_say(&victim, &id, sizeof id);
    child_await(&victim);
    for (int i = 0; i < SESSIONS; i++) {
        put_for(i, (i + 1) % SESSIONS);
        refer(sessions[i], id);
    }
    child_kill(&victim);
    for (int i = 0; i < SESSIONS; i++) {
        lode_close(sessions[i]);
    }
    lode_drop(db, id);
    expect_empty_store(db); /* the references of the child that was killed are gone, too */
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
