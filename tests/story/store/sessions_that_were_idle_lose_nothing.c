/*
 * Sessions do nothing for a while, and another one puts and drops all the time: the store looks at
 * the idle ones no more. What they have pinned stays, what they get stays while they have it, and
 * what they put, take and drop counts as if they had never been idle. Who asks how many views an
 * object has is told of theirs.
 *
 * ctest: ci 100
 * ctest: timeout 300
 */
#include "api/base/clock.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

enum { IDLE = 40, BURST = 200, BURSTS_MOST = 1000 };

static lode_id
put_word(lode *db, int64_t word)
{
    lode_id id;
    must(lode_put(db, &word, sizeof word, LODE_FOREVER, &id));
    return id;
}

static void
expect_word(const lode_view *view, int64_t word)
{
    int64_t got;
    memcpy(&got, view->data, sizeof got);
    expect_eq(got, word);
}

static uint64_t
bells(lode *db)
{
    lode_store_stats stats;
    must(lode_get_store_stats(db, &stats));
    return stats.doorbells;
}

static void
churn(lode *db)
{
    lode_id ids[BURST];
    for (int i = 0; i < BURST; i++) {
        ids[i] = put_word(db, i);
    }
    for (int i = 0; i < BURST; i++) {
        lode_drop(db, ids[i]);
    }
}

/* Longer than a session must be quiet before it dozes. */
static void
churn_for_long(lode *db)
{
    int64_t end = lode_now_ns() + INT64_C(30000000);
    do {
        churn(db);
    } while (lode_now_ns() < end);
}

/*
 * A session that dozes rings when it drops, and one that is awake does not: so the doorbell's
 * counter tells that the idle ones do. The session that is asked is awake after that.
 */
static void
until_all_doze(lode *busy, lode *asked)
{
    bool rang = false;
    for (int i = 0; i < BURSTS_MOST && !rang; i++) {
        churn_for_long(busy); /* the question before this one has stirred the session */
        lode_id id = put_word(busy, 1);
        uint64_t before = bells(busy);
        must(lode_keep(asked, id)); /* a record in the ring, for which nobody waits */
        rang = bells(busy) != before;
        lode_drop(asked, id);
        lode_drop(busy, id);
    }
    expect(rang);
}

static uint64_t
pins_of(lode *db, lode_id id)
{
    lode_object_info info;
    must(lode_stat(db, id, &info));
    return info.pins;
}

static void
pins_of_the_idle_are_counted(lode *busy, lode *asked, lode **idle)
{
    enum { KEPT = 3 };
    lode_view views[IDLE], again;
    lode_id id = put_word(busy, 1);
    for (int i = 0; i < IDLE; i++) {
        must(lode_get(idle[i], id, LODE_FOREVER, &views[i]));
    }
    expect_eq(pins_of(busy, id), IDLE);
    until_all_doze(busy, asked);
    expect_eq(pins_of(busy, id), IDLE);
    for (int i = KEPT; i < IDLE; i++) { /* the store is told of none of them */
        lode_release(&views[i]);
    }
    expect_eq(pins_of(busy, id), KEPT);
    must(lode_get(idle[IDLE - 1], id, LODE_FOREVER, &again));
    expect_eq(pins_of(busy, id), KEPT + 1);
    lode_release(&again);
    for (int i = 0; i < KEPT; i++) {
        lode_release(&views[i]);
    }
    expect_eq(pins_of(busy, id), 0);
    lode_drop(busy, id);
}

static void
story(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 5);
    pid_t store = store_start(64 << 20);
    lode *busy = store_open(), *asked = store_open(), *idle[IDLE];
    for (int i = 0; i < IDLE; i++) {
        idle[i] = store_open();
    }
    for (long round = 0; round < rounds; round++) {
        pins_of_the_idle_are_counted(busy, asked, idle);
        lode_view held[IDLE], got[IDLE];
        lode_id own[IDLE], ids[IDLE];
        for (int i = 0; i < IDLE; i++) { /* a view of what will have no reference any more */
            ids[i] = put_word(busy, i);
            must(lode_get(idle[i], ids[i], LODE_FOREVER, &held[i]));
        }
        until_all_doze(busy, asked);
        for (int i = 0; i < IDLE; i++) {
            lode_drop(busy, ids[i]);
        }
        churn(busy);
        until_all_doze(busy, asked);
        for (int i = 0; i < IDLE; i++) { /* the first get, take and put after the rest */
            lode_id id = put_word(busy, 1000 + i);
            must(lode_get(idle[i], id, LODE_FOREVER, &got[i]));
            lode_drop(busy, id);
            own[i] = put_word(idle[i], 2000 + i);
            ids[i] = put_word(busy, 3000 + i);
            must(lode_keep(idle[(i + 1) % IDLE], ids[i]));
            lode_drop(busy, ids[i]);
        }
        churn(busy);
        for (int i = 0; i < IDLE; i++) {
            lode_view view;
            expect_word(&held[i], i);
            expect_word(&got[i], 1000 + i);
            must(lode_get(busy, own[i], 0, &view));
            expect_word(&view, 2000 + i);
            lode_release(&view);
            must(lode_get(busy, ids[i], 0, &view));
            expect_word(&view, 3000 + i);
            lode_release(&view);
            lode_release(&held[i]);
            lode_release(&got[i]);
            lode_drop(idle[i], own[i]);
            lode_drop(idle[(i + 1) % IDLE], ids[i]);
        }
        /* The releases are told by other sockets than the question, so they may come after it. */
        lode_store_stats stats;
        int64_t deadline = lode_deadline(10000);
        do {
            must(lode_get_store_stats(busy, &stats));
        } while (stats.objects > 0 && lode_now_ns() < deadline);
        expect_eq(stats.objects, 0);
    }
    for (int i = 0; i < IDLE; i++) {
        lode_close(idle[i]);
    }
    lode_close(asked);
    lode_close(busy);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
