/*
 * A name is bound anew again and again, and consumers take one version after the other without
 * polling: each gets the latest, with the object of just that version, and none goes back. A name
 * that does not exist, or is removed, is waited for. While a name is followed, hardly a message
 * tells the store so.
 *
 * ctest: ci 400000
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

enum { FOLLOWERS = 3, CAPACITY = 64 << 20 };
#define LAST ((UINT64_C(1) << 40) - 1) /* README.md: Limits */

/* Binds the name to a new object with this word. */
static void
publish(lode *db, const char *name, uint64_t word)
{
    lode_id id;
    must(lode_put(db, &word, sizeof word, LODE_FOREVER, &id));
    must(lode_name_set(db, "follow", name, id, LODE_NAME_REPLACE));
    lode_drop(db, id);
}

static uint64_t
word_of(lode_view *view)
{
    uint64_t word;
    expect_eq(view->size, sizeof word);
    memcpy(&word, view->data, sizeof word);
    lode_release(view);
    return word;
}

static void
versions_are_counted(lode *db)
{
    lode_view view;
    uint64_t version = 7;
    fails(lode_name_wait(db, "follow", "it", 0, 0, &view, &version), LODE_ENOTFOUND);
    fails(lode_name_wait(db, "follow", "it", 0, 10, &view, &version), LODE_ETIMEDOUT);
    fails(lode_name_wait(db, "follow", NULL, 0, 0, &view, &version), LODE_EINVAL);
    fails(lode_name_wait(db, "follow", "a/b", 0, 0, &view, &version), LODE_EINVAL);
    expect_eq(version, 7);
    publish(db, "it", 100);
    must(lode_name_wait(db, "follow", "it", 0, 0, &view, &version));
    expect_eq(version, 1);
    expect_eq(word_of(&view), 100);
    fails(lode_name_wait(db, "follow", "it", 1, 0, &view, &version), LODE_ETIMEDOUT);
    expect_text(lode_last_error(), "version 1");
    fails(lode_name_wait(db, "follow", "it", 1, 20, NULL, NULL), LODE_ETIMEDOUT);
    publish(db, "it", 200);
    publish(db, "it", 300); /* 2 is skipped */
    must(lode_name_wait(db, "follow", "it", 1, LODE_FOREVER, &view, &version));
    expect_eq(version, 3);
    expect_eq(word_of(&view), 300);
    must(lode_name_wait(db, "follow", "it", 2, 0, NULL, NULL));
    fails(lode_name_wait(db, "follow", "it", UINT64_MAX, 0, &view, NULL), LODE_EINVAL);
    fails(lode_name_wait(db, "follow", "it", LAST, LODE_FOREVER, &view, NULL), LODE_EINVAL);
    expect_text(lode_last_error(), "no version above 1099511627775");
    fails(lode_name_wait(db, "follow", "it", LAST - 1, 0, &view, NULL), LODE_ETIMEDOUT);
}

/* With the namespace, and what to do. */
static void
errors_say_which_name(lode *db)
{
    lode_id id;
    must(lode_name_lookup(db, "follow", "it", 0, &id));
    fails(lode_name_set(db, "follow", "it", id, 0), LODE_EEXIST);
    expect_text(lode_last_error(), "the name 'follow/it' is taken: LODE_NAME_REPLACE");
    fails(lode_name_remove(db, "follow", "other"), LODE_ENOTFOUND);
    expect_text(lode_last_error(), "there is no name 'follow/other'");
    lode_drop(db, id);
}

/* Also of a name that others had in the meantime. */
static void
versions_never_go_back(lode *db)
{
    uint64_t version, later;
    must(lode_name_wait(db, "follow", "it", 0, 0, NULL, &version));
    must(lode_name_remove(db, "follow", "it"));
    fails(lode_name_wait(db, "follow", "it", 0, 0, NULL, NULL), LODE_ENOTFOUND);
    publish(db, "other", 1);
    publish(db, "it", 1);
    must(lode_name_wait(db, "follow", "it", version, 0, NULL, &later));
    expect_lt(version, later);
    must(lode_name_remove(db, "follow", "it"));
    must(lode_name_remove(db, "follow", "other"));
}

/* That nothing is new is seen in the index. */
static void
a_look_takes_no_message(lode *db)
{
    enum { LOOKS = 1000 };
    lode_store_stats before, after;
    uint64_t version;
    publish(db, "still", 1);
    must(lode_name_wait(db, "follow", "still", 0, 0, NULL, &version));
    must(lode_get_store_stats(db, &before));
    for (int i = 0; i < LOOKS; i++) {
        lode_view view;
        must(lode_name_wait(db, "follow", "still", 0, 0, &view, NULL));
        expect_eq(word_of(&view), 1);
        fails(lode_name_wait(db, "follow", "still", version, 0, &view, NULL), LODE_ETIMEDOUT);
    }
    must(lode_get_store_stats(db, &after));
    expect_eq(after.gets_by_message, before.gets_by_message);
    expect_eq(after.ring_records, before.ring_records);
    must(lode_name_remove(db, "follow", "still"));
}

/* ---- one waits, others change the name ---- */

/* Says each version and word that it gets, until the word is 0. */
static void
follower(struct child *parent, void *arg)
{
    lode *db = store_open();
    uint64_t seen[2] = {0, 1};
    while (seen[1] != 0) {
        lode_view view;
        child_await(parent);
        must(lode_name_wait(db, "follow", arg, seen[0], LODE_FOREVER, &view, &seen[0]));
        seen[1] = word_of(&view);
        child_say(parent, seen, sizeof seen);
    }
    lode_close(db);
}

static uint64_t
waits_so_far(lode *db)
{
    lode_store_stats stats;
    must(lode_get_store_stats(db, &stats));
    return stats.waits;
}

/* How often the store was told of a wait, or asked about one. */
static uint64_t
told_so_far(lode *db)
{
    lode_store_stats stats;
    must(lode_get_store_stats(db, &stats));
    return stats.waits + stats.gets_by_message;
}

static void
await_told(lode *db, uint64_t before)
{
    while (told_so_far(db) == before) {
    }
}

static uint64_t
hear(struct child *child, uint64_t word)
{
    uint64_t seen[2];
    child_hear(child, seen, sizeof seen);
    expect_eq(seen[1], word);
    return seen[0];
}

static void
a_removed_name_is_waited_for(lode *db, struct child *child)
{
    uint64_t told = told_so_far(db);
    child_signal(child); /* it waits for a name that does not exist */
    await_told(db, told);
    publish(db, "gone", 1);
    uint64_t first = hear(child, 1);
    told = told_so_far(db);
    child_signal(child); /* for the next version */
    await_told(db, told);
    told = told_so_far(db);
    must(lode_name_remove(db, "follow", "gone"));
    await_told(db, told); /* it has heard of that, and waits for the name anew */
    publish(db, "gone", 2);
    uint64_t second = hear(child, 2);
    expect_lt(first, second);
    /* The same where the object is deleted under the name. */
    told = told_so_far(db);
    child_signal(child);
    await_told(db, told);
    told = told_so_far(db);
    lode_id id;
    must(lode_name_lookup(db, "follow", "gone", 0, &id));
    must(lode_delete(db, id));
    lode_drop(db, id);
    await_told(db, told);
    publish(db, "gone", 0);
    expect_lt(second, hear(child, 0));
    child_must_end(child);
    must(lode_name_remove(db, "follow", "gone"));
}

/* ---- many versions ---- */

/* The word of each object is the version that the producer expects it to get. */
static void
storm_follower(struct child *parent, void *arg)
{
    uint64_t last = *(const uint64_t *)arg, seen = 0, count = 0;
    lode *db = store_open();
    child_signal(parent);
    while (seen < last) {
        lode_view view;
        uint64_t version;
        must(lode_name_wait(db, "follow", "storm", seen, LODE_FOREVER, &view, &version));
        expect_lt(seen, version);
        expect_eq(word_of(&view), version);
        seen = version;
        count++;
    }
    child_say(parent, &count, sizeof count);
    lode_close(db);
}

static void
each_follower_comes_to_the_last_version(lode *db, uint64_t first, uint64_t count)
{
    struct child children[FOLLOWERS];
    uint64_t last = first + count - 1, taken[FOLLOWERS], waits = waits_so_far(db);
    for (int i = 0; i < FOLLOWERS; i++) {
        child_start(&children[i], storm_follower, &last);
        child_await(&children[i]);
    }
    for (uint64_t version = first; version <= last; version++) {
        publish(db, "storm", version);
    }
    for (int i = 0; i < FOLLOWERS; i++) {
        child_hear(&children[i], &taken[i], sizeof taken[i]);
        expect(taken[i] >= 1 && taken[i] <= count);
        child_must_end(&children[i]);
    }
    /* A follower says that it waits once, and again after 32 versions that nobody waited for. */
    expect_le(waits_so_far(db) - waits, FOLLOWERS * (count / 32 + 3));
    must(lode_name_remove(db, "follow", "storm"));
}

static uint64_t
next_version(lode *db)
{
    uint64_t version;
    publish(db, "probe", 1);
    must(lode_name_wait(db, "follow", "probe", 0, 0, NULL, &version));
    must(lode_name_remove(db, "follow", "probe"));
    return version + 1;
}

/* ---- the store ends ---- */

static void
widow(struct child *parent, void *arg)
{
    lode *db = store_open();
    (void)arg;
    child_signal(parent);
    fails(lode_name_wait(db, "follow", "last", 1 << 30, LODE_FOREVER, NULL, NULL), LODE_EDOWN);
    lode_close(db);
}

static void
a_dead_store_ends_the_wait(lode *db, pid_t store)
{
    struct child child;
    uint64_t told;
    publish(db, "last", 1);
    told = told_so_far(db);
    child_start(&child, widow, NULL);
    child_await(&child);
    await_told(db, told);
    daemon_stop(store);
    child_must_end(&child);
    lode_err err;
    do { /* one that only looks hears of it, too */
        err = lode_name_wait(db, "follow", "last", 1 << 30, 0, NULL, NULL);
    } while (err == LODE_ETIMEDOUT);
    expect_eq(err, LODE_EDOWN);
}

/* A look pins the name, and then its object: also where one slot is left of those it has. */
static void
held_views_hide_no_version(void)
{
    enum { HELD = 1030 };
    static lode_view held[HELD];
    lode *db = store_open();
    lode_id id;
    publish(db, "held", 5);
    must(lode_name_lookup(db, "follow", "held", 0, &id));
    for (int i = 0; i < HELD; i++) {
        lode_view view;
        must(lode_get(db, id, 0, &held[i]));
        must(lode_name_wait(db, "follow", "held", 0, 0, &view, NULL));
        expect_eq(word_of(&view), 5);
    }
    for (int i = 0; i < HELD; i++) {
        lode_release(&held[i]);
    }
    lode_drop(db, id);
    must(lode_name_remove(db, "follow", "held"));
    lode_close(db);
}

static void
story(int argc, char **argv)
{
    uint64_t count = (uint64_t)count_argument(argc, argv, 1, 20000);
    pid_t store = store_start(CAPACITY);
    lode *db = store_open();
    struct child child;
    static char gone[] = "gone";
    versions_are_counted(db);
    errors_say_which_name(db);
    versions_never_go_back(db);
    a_look_takes_no_message(db);
    held_views_hide_no_version();
    child_start(&child, follower, gone);
    a_removed_name_is_waited_for(db, &child);
    each_follower_comes_to_the_last_version(db, next_version(db), count);
    expect_empty_store(db);
    a_dead_store_ends_the_wait(db, store);
    lode_close(db);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
