/*
 * A session that only reads drops more than its ring has memory for, while the store is stopped.
 * One of these calls waits for room, five seconds; those behind it find that drops are owed, and
 * wait no more. Once the store runs on, one more call puts in what is owed, and nothing is left.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <signal.h>

enum { DROPS = 300, AT_ONCE = 50, LITTLE_KIB = 16, ANSWER_MS = 5000 };

static lode_id ids[DROPS];

/* The store has applied what lies in the rings when it answers. */
static void
let_apply(lode *db)
{
    lode_store_stats stats;
    must(lode_get_store_stats(db, &stats));
}

/* Few at once: a ring that is half used gets more memory. */
static void
refer_to(lode *maker, lode *db)
{
    for (int i = 0; i < DROPS; i++) {
        must(lode_put(maker, "x", 1, LODE_FOREVER, &ids[i]));
        must(lode_keep(db, ids[i]));
        if (i % AT_ONCE == 0) {
            let_apply(db);
        }
    }
    let_apply(db);
}

/* Whether the store is dead is looked at now and then; no other call takes any time. */
static void
drop_all(lode *db)
{
    int slow = 0;
    int64_t start = now_ms();
    for (int i = 0; i < DROPS; i++) {
        int64_t began = now_ms();
        lode_drop(db, ids[i]);
        slow += now_ms() - began >= ANSWER_MS;
    }
    expect_eq(slow, 1);
    expect_lt(now_ms() - start, ANSWER_MS + bound_ms(2000));
}

static void
story(int argc, char **argv)
{
    int count;
    lode_id id;
    (void)argc, (void)argv;
    pid_t store = store_start(16 << 20);
    lode *maker = store_open(), *db = store_open();
    refer_to(maker, db);
    lode_close(maker);
    await_stat(db, sessions, 1);
    while (store_session_kib(&count) > LITTLE_KIB && count > 1) { /* the maker's goes later */
    }
    expect_le(store_session_kib(&count), LITTLE_KIB);
    await_stat(db, objects, DROPS);

    story_stop_process(store);
    drop_all(db);
    kill(store, SIGCONT);
    must(lode_put(db, "x", 1, LODE_FOREVER, &id));
    lode_drop(db, id);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
