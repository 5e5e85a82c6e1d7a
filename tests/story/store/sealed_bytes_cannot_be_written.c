/* A write to a sealed object is SIGSEGV: for a reader, and for the process that made it, too. */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <signal.h>
#include <string.h>

static const size_t sizes[] = {16, 1000, 20000, 300000};

static void
maker_writes_after_seal(struct child *parent, void *arg)
{
    (void)parent;
    size_t size = *(const size_t *)arg;
    lode *db = store_open();
    lode_draft draft;
    lode_id id;
    must(lode_create(db, size, NULL, 0, &draft));
    volatile char *data = draft.data;
    data[0] = 1; /* open: no harm */
    data[size - 1] = 1;
    must(lode_seal(&draft, &id));
    data[size - 1] = 2;
}

static void
reader_writes(struct child *parent, void *arg)
{
    (void)parent;
    size_t size = *(const size_t *)arg;
    lode *db = store_open();
    lode_id id;
    lode_view view;
    must(lode_name_lookup(db, NULL, size < 1000 ? "small" : "large", 0, &id));
    must(lode_get(db, id, 0, &view));
    ((volatile char *)(uintptr_t)view.data)[0] = 2;
}

static void
aborted_memory_is_closed(struct child *parent, void *arg)
{
    (void)parent, (void)arg;
    lode *db = store_open();
    lode_draft draft;
    must(lode_create(db, 300000, NULL, 0, &draft));
    volatile char *data = draft.data;
    lode_abort(&draft);
    data[0] = 1;
}

static void
put_named(lode *db, const char *name, size_t size)
{
    static char bytes[300000];
    lode_id id;
    memset(bytes, 7, size);
    must(lode_put(db, bytes, size, 0, &id));
    must(lode_name_set(db, NULL, name, id, 0));
    lode_drop(db, id);
}

static void
expect_unharmed(lode *db, const char *name, size_t size)
{
    lode_view view;
    must(lode_name_get(db, NULL, name, 0, &view));
    expect_eq(view.size, size);
    for (size_t i = 0; i < size; i++) {
        expect_eq(((const char *)view.data)[i], 7);
    }
    lode_release(&view);
    must(lode_name_remove(db, NULL, name));
}

/* Who asks for it may have the protection off; the bytes are read-only by agreement then. */
static void
unprotected_puts_work(void)
{
    lode *db = NULL;
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY |
                                          LODE_OPEN_UNPROTECTED};
    must(lode_open(NULL, &options, &db));
    put_named(db, "open", 300000);
    expect_unharmed(db, "open", 300000);
    lode_close(db);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t store = store_start(16 << 20);
    lode *db = store_open();
    put_named(db, "small", 16);
    put_named(db, "large", 300000);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = sizes[i];
        expect(dies_of(SIGSEGV, maker_writes_after_seal, &size));
        expect(dies_of(SIGSEGV, reader_writes, &size));
    }
    expect(dies_of(SIGSEGV, aborted_memory_is_closed, NULL));
    expect_unharmed(db, "small", 16);
    expect_unharmed(db, "large", 300000);
    unprotected_puts_work();
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 5, story);
}
