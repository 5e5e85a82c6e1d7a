/*
 * Making a draft's pages read-only can fail (too many maps): that is an error with a sentence, the
 * draft is aborted and who waits for it told so; other drafts and the session go on.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIZE = 300000 };

static bool no_more_maps;

/*
 * For all of this process, the library too. A real lack of maps would hit the test itself as well.
 */
__attribute__((visibility("default"))) int
mprotect(void *at, size_t bytes, int protection)
{
    if (no_more_maps && protection == PROT_READ) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_mprotect, at, bytes, protection);
}

/* Under a protection key a put would close no pages. */
__attribute__((visibility("default"))) int
pkey_alloc(unsigned flags, unsigned rights)
{
    (void)flags, (void)rights;
    errno = ENOSPC;
    return -1;
}

static void
wait_for_it(struct child *parent, void *arg)
{
    const lode_id *id = arg;
    lode_view view;
    lode *db = store_open();
    child_signal(parent);
    fails(lode_get(db, *id, LODE_FOREVER, &view), LODE_EABORTED);
    lode_close(db);
}

static void
create(lode *db, lode_id id, lode_draft *draft_out)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_create(db, SIZE, &options, 0, draft_out));
    memset(draft_out->data, 7, SIZE);
}

static void
expect_whole(lode *db, lode_id id)
{
    lode_view view;
    must(lode_get(db, id, 0, &view));
    expect_eq(view.size, SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        expect_eq(((const char *)view.data)[i], 7);
    }
    lode_release(&view);
    lode_drop(db, id);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    static char bytes[SIZE];
    pid_t store = store_start(16 << 20);
    struct child waiter;
    lode_draft before, draft, after;
    lode_id lost, id, other;
    must(lode_id_random(&lost));
    child_start(&waiter, wait_for_it, &lost);
    child_await(&waiter);
    lode *db = store_open();
    create(db, (lode_id){{0}}, &before);
    create(db, lost, &draft);
    create(db, (lode_id){{0}}, &after);
    await_stat(db, waits, 1);
    no_more_maps = true;
    fails(lode_seal(&draft, &id), LODE_ENOMEM);
    expect_text(lode_last_error(), "vm.max_map_count");
    expect(draft.data == NULL);
    fails(lode_seal(&draft, &id), LODE_EINVAL);
    child_must_end(&waiter);
    fails(lode_put(db, bytes, sizeof bytes, 0, &id), LODE_ENOMEM);
    no_more_maps = false;
    must(lode_seal(&before, &id));
    must(lode_seal(&after, &other));
    expect_whole(db, id);
    expect_whole(db, other);
    create(db, lost, &draft); /* its id is free again */
    must(lode_seal(&draft, &id));
    expect_whole(db, id);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 5, story);
}
