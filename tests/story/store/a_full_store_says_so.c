/*
 * Larger than the store: refused at once. Full: waits for room up to the timeout, then LODE_EFULL
 * with the numbers; room that comes meanwhile is taken. Small puts are refused as puts, not by a
 * crash.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 8 << 20, PIECE = 1 << 20, PIECES_MAX = 16 };

static void
larger_than_the_store_is_refused_at_once(lode *db)
{
    lode_draft draft;
    int64_t start = now_ms();
    fails(lode_create(db, (size_t)CAPACITY * 2, NULL, LODE_FOREVER, &draft), LODE_ETOOBIG);
    fails(lode_create(db, SIZE_MAX, NULL, LODE_FOREVER, &draft), LODE_ETOOBIG);
    expect_lt(now_ms() - start, bound_ms(1000));
}

/* Returns how many pieces there was room for. */
static int
fill(lode *db, lode_id *ids)
{
    int count = 0;
    for (;; count++) {
        lode_draft draft;
        lode_err err = lode_create(db, PIECE, NULL, 0, &draft);
        if (err != LODE_OK) {
            expect_eq(err, LODE_EFULL);
            return count;
        }
        expect_lt(count, PIECES_MAX);
        memset(draft.data, count, PIECE); /* SIGBUS would end this process */
        must(lode_seal(&draft, &ids[count]));
    }
}

static void
waiter(struct child *parent, void *arg)
{
    (void)arg;
    lode *db = store_open();
    lode_draft draft;
    lode_id id;
    child_await(parent);
    child_signal(parent);
    must(lode_create(db, PIECE, NULL, LODE_FOREVER, &draft)); /* waits: the store is full */
    memset(draft.data, 1, PIECE);
    must(lode_seal(&draft, &id));
    child_signal(parent);
    child_await(parent);
    lode_close(db);
}

static void
a_pin_holds_its_room(lode *db, lode_id *last)
{
    lode_view view;
    lode_draft draft;
    must(lode_get(db, *last, 0, &view));
    lode_drop(db, *last);
    fails(lode_create(db, PIECE, NULL, 0, &draft), LODE_EFULL);
    expect_text(lode_last_error(), "views pin 1048576 bytes");
    lode_release(&view); /* nobody refers to it: now it goes */
    must(lode_create(db, PIECE, NULL, LODE_FOREVER, &draft));
    must(lode_seal(&draft, last));
}

/* Fills what is left by the ring, until it is refused; nothing that was accepted is lost. */
static void
small_puts_are_refused_when_full(lode *db)
{
    enum { SMALL = 4096, SMALL_MAX = CAPACITY / SMALL };
    lode_id *ids = calloc(SMALL_MAX, sizeof *ids);
    static char bytes[SMALL];
    int count = 0;
    expect(ids != NULL);
    for (; count < SMALL_MAX; count++) {
        memset(bytes, count & 0x7f, sizeof bytes);
        lode_err err = lode_put(db, bytes, sizeof bytes, 50, &ids[count]);
        if (err != LODE_OK) {
            expect_eq(err, LODE_EFULL);
            break;
        }
    }
    expect_lt(count, SMALL_MAX);
    for (int i = 0; i < count; i++) {
        lode_view view;
        must(lode_get(db, ids[i], 0, &view));
        expect_eq(((const char *)view.data)[SMALL - 1], i & 0x7f);
        lode_release(&view);
        lode_drop(db, ids[i]);
    }
    free(ids);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    lode_id ids[PIECES_MAX];
    struct child other;
    lode_draft draft;
    pid_t store = store_start(CAPACITY);
    child_start(&other, waiter, NULL);
    lode *db = store_open();
    larger_than_the_store_is_refused_at_once(db);
    int count = fill(db, ids);
    expect_le(CAPACITY / PIECE / 2, count); /* most of the capacity is the user's */
    fails(lode_create(db, PIECE, NULL, 30, &draft), LODE_EFULL);
    expect_text(lode_last_error(), "1048576"); /* how much was wanted */
    a_pin_holds_its_room(db, &ids[count - 1]);
    small_puts_are_refused_when_full(db);

    child_signal(&other);
    child_await(&other);
    lode_drop(db, ids[0]); /* room */
    child_await(&other);
    child_signal(&other);
    child_must_end(&other);
    for (int i = 1; i < count; i++) {
        lode_drop(db, ids[i]);
    }
    expect_empty_store(db);
    expect_eq(fill(db, ids), count); /* as much as at first */
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
