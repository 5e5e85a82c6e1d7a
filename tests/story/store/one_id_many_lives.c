/*
 * An id of the caller's own choice can be created, aborted, sealed and deleted again and again; who
 * waits for it learns of each end.
 * ctest: ci 10000
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

static lode_create_options
with_id(lode_id id)
{
    return (lode_create_options){.struct_size = sizeof(lode_create_options), .id = id};
}

static void
live(lode *db, lode_id id, long round, size_t size)
{
    lode_draft draft;
    lode_draft second;
    lode_id sealed;
    lode_view view;
    lode_create_options options = with_id(id);
    must(lode_create(db, size, &options, LODE_FOREVER, &draft));
    fails(lode_create(db, size, &options, 0, &second), LODE_EEXIST);
    fails(lode_get(db, id, 0, &view), LODE_ETIMEDOUT); /* nobody sees it unsealed */
    if (round % 2 == 0) {
        lode_abort(&draft);
        fails(lode_seal(&draft, &sealed), LODE_EINVAL);
        return;
    }
    memset(draft.data, (int)(round & 0xff), size);
    must(lode_seal(&draft, &sealed));
    expect(lode_id_equal(sealed, id));
    fails(lode_create(db, size, &options, 0, &second), LODE_EEXIST);
    must(lode_get(db, id, 0, &view));
    expect_eq(((const unsigned char *)view.data)[size - 1], round & 0xff);
    lode_release(&view);
    must(lode_delete(db, id));
    lode_drop(db, sealed);
}

static void
story(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 500);
    pid_t store = store_start(8 << 20);
    lode *db = store_open();
    lode_id id;
    must(lode_id_random(&id));
    for (long i = 0; i < rounds; i++) {
        live(db, id, i, i % 3 == 0 ? 100 : 70000);
    }
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
