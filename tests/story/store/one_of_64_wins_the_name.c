/*
 * 64 processes set one name at the same moment: exactly one wins, and the name is its object.
 * Names: rebinding, namespaces, waiting for one that does not exist yet.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

enum { CLIENTS = 64 };

static void
contender(struct child *parent, void *arg)
{
    int number = *(int *)arg;
    lode *db = store_open();
    lode_id id;
    must(lode_put(db, &number, sizeof number, LODE_FOREVER, &id));
    child_signal(parent);
    child_await(parent); /* all at once */
    lode_err err = lode_name_set(db, "race", "crown", id, 0);
    child_say(parent, &err, sizeof err);
    child_await(parent);
    lode_close(db);
}

static void
sixty_four_race(lode *db)
{
    struct child clients[CLIENTS];
    int numbers[CLIENTS];
    int winner = -1;
    lode_view view;
    for (int i = 0; i < CLIENTS; i++) {
        numbers[i] = i;
        child_start(&clients[i], contender, &numbers[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        child_await(&clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        child_signal(&clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        lode_err err;
        child_hear(&clients[i], &err, sizeof err);
        if (err == LODE_OK) {
            expect_eq(winner, -1);
            winner = i;
        } else {
            expect_eq(err, LODE_EEXIST);
        }
    }
    expect_ne(winner, -1);
    must(lode_name_get(db, "race", "crown", 0, &view));
    expect_eq(*(const int *)view.data, winner);
    lode_release(&view);
    for (int i = 0; i < CLIENTS; i++) {
        child_signal(&clients[i]);
        child_must_end(&clients[i]);
    }
    await_stat(db, objects, 1); /* the name keeps the winner's; the others went with their makers */
    must(lode_name_remove(db, "race", "crown"));
    fails(lode_name_remove(db, "race", "crown"), LODE_ENOTFOUND);
}

static bool
count_names(const char *space, const char *name, lode_id id, void *arg)
{
    int *count = arg;
    expect(space != NULL && name[0] != '\0' && !lode_id_is_zero(id));
    ++*count;
    return true;
}

static void
a_name_is_rebound_and_has_a_namespace(lode *db)
{
    lode_id a;
    lode_id b;
    lode_id got;
    int count = 0;
    must(lode_put(db, "a", 1, 0, &a));
    must(lode_put(db, "b", 1, 0, &b));
    must(lode_name_set(db, NULL, "it", a, 0));
    must(lode_name_set(db, "other", "it", b, 0));
    fails(lode_name_set(db, NULL, "it", b, 0), LODE_EEXIST);
    fails(lode_name_set(db, NULL, "a/b", b, 0), LODE_EINVAL);
    fails(lode_name_set(db, NULL, "", b, 0), LODE_EINVAL);
    must(lode_name_lookup(db, NULL, "it", 0, &got));
    expect(lode_id_equal(got, a));
    lode_drop(db, got);
    must(lode_name_set(db, NULL, "it", b, LODE_NAME_REPLACE));
    must(lode_name_lookup(db, NULL, "it", 0, &got));
    expect(lode_id_equal(got, b));
    lode_drop(db, got);
    fails(lode_name_lookup(db, NULL, "nobody", 0, &got), LODE_ENOTFOUND);
    fails(lode_name_lookup(db, NULL, "nobody", 10, &got), LODE_ETIMEDOUT);
    must(lode_name_list(db, NULL, count_names, &count));
    expect_eq(count, 2);
    count = 0;
    must(lode_name_list(db, "", count_names, &count)); /* the default one */
    expect_eq(count, 1);
    must(lode_name_lookup(db, "", "it", 0, &got));
    expect(lode_id_equal(got, b));
    lode_drop(db, got);
    lode_drop(db, a);
    lode_drop(db, b);
    await_stat(db, objects, 1); /* a has no name and no reference */
    must(lode_name_remove(db, "", "it"));
    must(lode_name_remove(db, "other", "it"));
}

static void
early_bird(struct child *parent, void *arg)
{
    (void)arg;
    lode *db = store_open();
    lode_view view;
    child_signal(parent);
    must(lode_name_get(db, NULL, "late", LODE_FOREVER, &view));
    expect(view.size == 5 && memcmp(view.data, "there", 5) == 0);
    lode_release(&view);
    lode_close(db);
}

static void
a_name_can_be_awaited(lode *db, struct child *bird)
{
    lode_id id;
    child_await(bird);
    lode_store_stats stats;
    do { /* until it sleeps */
        must(lode_get_store_stats(db, &stats));
    } while (stats.waits == 0);
    must(lode_put(db, "there", 5, 0, &id));
    must(lode_name_set(db, NULL, "late", id, 0));
    child_must_end(bird);
    must(lode_name_remove(db, NULL, "late"));
    lode_drop(db, id);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t store = store_start(64 << 20);
    lode *db = store_open();
    struct child bird;
    child_start(&bird, early_bird, NULL);
    a_name_can_be_awaited(db, &bird);
    a_name_is_rebound_and_has_a_namespace(db);
    sixty_four_race(db);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
