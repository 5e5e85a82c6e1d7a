/*
 * A session's ring has memory only at its beginning before it wants more. If others have filled the
 * tmpfs by then, the session goes on with what it has: references come and go, small puts are
 * served or refused, and nobody dies of SIGBUS. When there is memory again the ring grows.
 *
 * ctest: root
 */
#include "tests/support/cluster.h"
#include "tests/support/full_tmpfs.h"
#include "tests/support/story.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

enum { LITTLE_KIB = 16, LARGE = 30000, ROUNDS = 5000, PUTS = 50, GROW_MS = 20000 };

static uint8_t bytes[LARGE];

/* Many times. No memory is needed for entries: those of what is dropped are used again. */
static void
go_round(lode *db)
{
    int served = 0;
    for (int i = 0; i < ROUNDS; i++) {
        lode_id id;
        lode_err err = lode_put(db, "small", 5, i % 2, &id);
        expect(err == LODE_OK || err == LODE_EFULL || err == LODE_ELIMIT);
        if (err == LODE_OK) {
            lode_drop(db, id);
            served++;
        }
    }
    expect_lt(ROUNDS / 2, served);
}

/* Puts what is larger than the ring. Those that are served are dropped in the end. */
static void
put_large(lode *db, int64_t timeout_ms)
{
    lode_id ids[PUTS];
    int count = 0;
    for (int i = 0; i < PUTS; i++) {
        lode_err err = lode_put(db, bytes, sizeof bytes, timeout_ms, &ids[count]);
        expect(err == LODE_OK || err == LODE_EFULL);
        count += err == LODE_OK;
    }
    lode_drop_many(db, ids, (size_t)count);
}

/* So that the store wants no memory while others take it: it gives back what it gets. */
static void
warm_all_pages(void)
{
    lode *db = store_open();
    store_fill(db);
    store_make_room(db);
    lode_close(db);
    int count;
    do { /* what its session had goes back, too */
        (void)store_session_kib(&count);
    } while (count > 0);
}

static void
others_fill_the_tmpfs(void)
{
    pid_t store = store_start(16 << 20);
    warm_all_pages();
    lode *maker = store_open(), *db = store_open();
    lode_id id, other;
    int count;
    must(lode_put(maker, "before", 6, LODE_FOREVER, &id));
    must(lode_put(db, "before", 6, LODE_FOREVER, &other));
    lode_drop(db, other);
    int others = full_tmpfs(story_shm());
    go_round(db);
    put_large(db, 0);
    put_large(db, 10);
    expect_le(store_session_kib(&count), LITTLE_KIB);
    expect_eq(count, 2);
    lode_view view;
    must(lode_get(db, id, 0, &view));
    expect(memcmp(view.data, "before", 6) == 0);
    lode_release(&view);

    close(others);
    int64_t until = now_ms() + GROW_MS;
    while (store_session_kib(&count) <= LITTLE_KIB) {
        expect_lt(now_ms(), until);
        put_large(db, LODE_FOREVER);
    }
    must(lode_put(db, bytes, sizeof bytes, LODE_FOREVER, &other));
    must(lode_get(maker, other, LODE_FOREVER, &view));
    expect(memcmp(view.data, bytes, sizeof bytes) == 0);
    lode_release(&view);
    lode_drop(db, other);
    lode_drop(maker, id);
    lode_close(db);
    expect_empty_store(maker);
    lode_close(maker);
    daemon_stop(store);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    memset(bytes, 'b', sizeof bytes);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", story_shm(), "tmpfs", 0, "size=32m,mode=0700") != 0) {
        skip("no tmpfs of our own: %s", strerror(errno));
    }
    others_fill_the_tmpfs();
    umount2(story_shm(), MNT_DETACH);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
