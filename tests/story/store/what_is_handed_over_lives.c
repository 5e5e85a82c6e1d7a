/*
 * A reference is handed to another process by a pipe, by a name, and by a task's argument. The
 * giver drops its own as soon as the rule of handing over allows it. Nothing is freed too early.
 *
 * ctest: ci 100000
 * ctest: timeout 900
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

enum { BATCH = 100 };

struct gift {
    lode_id id;
    int64_t word;
};

static void
give(lode *db, int64_t word, struct gift *gift_out)
{
    gift_out->word = word;
    must(lode_put(db, &word, sizeof word, LODE_FOREVER, &gift_out->id));
}

static void
unwrap(lode *db, lode_id id, int64_t word)
{
    lode_view view;
    int64_t got;
    must(lode_get(db, id, 0, &view));
    memcpy(&got, view.data, sizeof got);
    expect_eq(got, word);
    lode_release(&view);
    lode_drop(db, id);
}

/* Takes a reference to each gift, says that it has them, and only then looks at them. */
static void
receiver(struct child *parent, void *arg)
{
    long count = *(long *)arg;
    lode *db = store_open();
    for (long done = 0; done < count; done += BATCH) {
        struct gift gifts[BATCH];
        child_hear(parent, gifts, sizeof gifts);
        for (int i = 0; i < BATCH; i++) {
            must(lode_keep(db, gifts[i].id));
        }
        child_signal(parent);
        child_await(parent); /* the giver has dropped its own */
        for (int i = 0; i < BATCH; i++) {
            unwrap(db, gifts[i].id, gifts[i].word);
        }
    }
    /* By name: whatever the name is bound to, the lookup's reference keeps it. */
    child_signal(parent);
    for (long i = 0; i < count; i++) {
        lode_id id;
        lode_view view;
        must(lode_name_lookup(db, NULL, "latest", LODE_FOREVER, &id));
        must(lode_get(db, id, 0, &view));
        expect_eq(view.size, sizeof(int64_t));
        lode_release(&view);
        lode_drop(db, id);
    }
    child_signal(parent);
    child_await(parent);
    lode_close(db);
}

static void
by_pipe(lode *db, struct child *other, long count)
{
    for (long done = 0; done < count; done += BATCH) {
        struct gift gifts[BATCH];
        for (int i = 0; i < BATCH; i++) {
            give(db, done + i, &gifts[i]);
        }
        child_say(other, gifts, sizeof gifts);
        child_await(other);
        for (int i = 0; i < BATCH; i++) {
            lode_drop(db, gifts[i].id);
        }
        child_signal(other);
    }
}

/* Rebinds the name as fast as it can while the other looks it up; each old object goes. */
static void
by_name(lode *db, struct child *other, long count)
{
    child_await(other);
    for (long i = 0; i < count; i++) {
        struct gift gift;
        give(db, i, &gift);
        must(lode_name_set(db, NULL, "latest", gift.id, LODE_NAME_REPLACE));
        lode_drop(db, gift.id);
    }
    child_await(other);
    must(lode_name_remove(db, NULL, "latest"));
}

/* The argument is dropped as soon as it is submitted, and the result as soon as it is read. */
static void
by_argument(lode *db, long count)
{
    static lode_id results[1000];
    for (long done = 0; done < count; done += 1000) {
        for (int i = 0; i < 1000; i++) {
            struct gift gift;
            give(db, done + i, &gift);
            must(lode_call(db, "play.first_word", LODE_ARGS(lode_ref(gift.id)), NULL, &results[i]));
            lode_drop(db, gift.id);
        }
        for (int i = 0; i < 1000; i++) {
            int64_t word;
            must(lode_get_i64(db, results[i], LODE_FOREVER, &word));
            expect_eq(word, done + i);
            lode_drop(db, results[i]);
        }
    }
}

static void
story(int argc, char **argv)
{
    long count = count_argument(argc, argv, 1, 3000);
    struct child other;
    pid_t supervisor = cluster_start(2, 64 << 20);
    child_start(&other, receiver, &count);
    lode *db = cluster_open();
    by_pipe(db, &other, count);
    by_name(db, &other, count);
    must(lode_load(db, story_tasks("play")));
    by_argument(db, count);
    child_signal(&other);
    child_must_end(&other);
    await_stat(db, objects, 0);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
