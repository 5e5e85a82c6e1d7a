/*
 * A task that ends its worker's session with the store, or closes its worker's descriptors, returns
 * a result that may never arrive. Who waits for it, or for a task after it, gets a result or a
 * typed error, and the cluster works on.
 * ctest: ci 200
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

enum { BESIDE = 5 };

/*
 * The worker ends. Others of its queue run elsewhere, or, if it took them first, end in an error.
 */
static void
cut_off(lode *db)
{
    static const lode_call_options once = {.struct_size = sizeof once, .max_retries = LODE_ZERO};
    lode_id cut, after, beside[BESIDE];
    int64_t value;
    must(lode_call(db, "play.cut_off", LODE_NO_ARGS, &once, &cut));
    must(lode_call(db, "play.increment", LODE_ARGS(lode_ref(cut)), NULL, &after));
    for (int i = 0; i < BESIDE; i++) {
        must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(i)), NULL, &beside[i]));
    }
    fails(lode_get_i64(db, after, LODE_FOREVER, &value), LODE_ECRASHED);
    fails(lode_get_i64(db, cut, LODE_FOREVER, &value), LODE_ECRASHED);
    for (int i = 0; i < BESIDE; i++) {
        lode_err err = lode_get_i64(db, beside[i], LODE_FOREVER, &value);
        expect(err == LODE_ECRASHED || (err == LODE_OK && value == i + 1));
        lode_drop(db, beside[i]);
    }
    lode_drop(db, cut);
    lode_drop(db, after);
}

/* The result may be in the ring before the socket's end: then it counts. */
static void
closed(lode *db)
{
    lode_id id;
    int64_t value;
    must(lode_call(db, "play.close_all", LODE_NO_ARGS, NULL, &id));
    lode_err err = lode_get_i64(db, id, LODE_FOREVER, &value);
    expect(err == LODE_OK || err == LODE_ECRASHED);
    lode_drop(db, id);
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &id));
    must(lode_get_i64(db, id, LODE_FOREVER, &value));
    expect_eq(value, 2);
    lode_drop(db, id);
}

static void
story(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 10);
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open_with("play");
    for (long i = 0; i < rounds; i++) {
        cut_off(db);
        closed(db);
    }
    await_stat(db, objects, 0);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
