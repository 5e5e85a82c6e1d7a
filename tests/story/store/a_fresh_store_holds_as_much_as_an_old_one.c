/*
 * A store warms the first of its memory before anybody needs it. Large objects get in one piece
 * what is left, warm or cold: as many fit into a store that has just started as into one whose
 * memory is all warm.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY (UINT64_C(64) << 20)

enum { MOST = 4 };

/* Puts until the store is full; checks what it has; drops all. How many there was room for. */
static int
fill(lode *db, char *bytes, size_t size)
{
    lode_id ids[MOST];
    lode_view view;
    lode_err err;
    int count = 0;
    for (;;) {
        lode_id id;
        memset(bytes, 'a' + count, size);
        if ((err = lode_put(db, bytes, size, 0, &id)) != LODE_OK) {
            break;
        }
        expect_lt(count, MOST);
        ids[count++] = id;
    }
    expect_eq(err, LODE_EFULL);
    for (int i = 0; i < count; i++) {
        must(lode_get(db, ids[i], 0, &view));
        expect_eq(view.size, size);
        memset(bytes, 'a' + i, size);
        expect(memcmp(view.data, bytes, size) == 0);
        lode_release(&view);
        lode_drop(db, ids[i]);
    }
    expect_empty_store(db);
    return count;
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const size_t sizes[] = {16000000, 20 << 20, 31 << 20};
    char *bytes = malloc(31 << 20);
    expect(bytes != NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pid_t store = store_start(CAPACITY);
        lode *db = store_open();
        expect_eq(fill(db, bytes, sizes[i]), (int)(CAPACITY / sizes[i]));
        expect_eq(fill(db, bytes, sizes[i]), (int)(CAPACITY / sizes[i]));
        lode_close(db);
        daemon_stop(store);
    }
    free(bytes);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
