/*
 * A session refers to as many ids of others as it can before they exist. The next reference is
 * LODE_ELIMIT, and the session goes on: it puts, and may refer again once it has dropped one.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdlib.h>

enum { MOST = 262144 }; /* README.md: Limits */

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t store = store_start(16 << 20);
    lode *maker = store_open(), *db = store_open();
    lode_id *ids = calloc(MOST + 1, sizeof *ids), id;
    must(lode_reserve(maker, MOST + 1, ids));
    for (int i = 0; i < MOST; i++) {
        must(lode_keep(db, ids[i]));
    }
    must(lode_keep(db, ids[0])); /* once more: costs nothing */
    fails(lode_keep(db, ids[MOST]), LODE_ELIMIT);
    expect_text(lode_last_error(), "262144 ids of others");
    must(lode_put(db, "x", 1, 0, &id));
    lode_drop(db, ids[1]);
    must(lode_keep(db, ids[MOST]));
    fails(lode_keep(db, ids[1]), LODE_ELIMIT);
    must(lode_put_with(
        maker, "y", 1,
        &(lode_create_options){.struct_size = sizeof(lode_create_options), .id = ids[2]}, 0,
        NULL)); /* it exists now */
    bool there;
    must(lode_contains(db, ids[2], &there));
    expect(there);
    must(lode_keep(db, ids[1]));
    free(ids);
    lode_close(db);
    lode_close(maker);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 5, story);
}
