/*
 * The storm: a writer deletes and makes anew the hottest objects, in memory that was theirs a
 * moment ago, while two processes read them. No reader ever sees bytes of another object under its
 * pin.
 *
 * ctest: ci 10000000
 * ctest: timeout 1200
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum {
    HOT = 16,
    READERS = 2,
    WORDS = 32,
    LINGER = 400, /* looks at the same bytes under one pin, in one of LINGER_EVERY gets */
    LINGER_EVERY = 64
};

/* Shared by all processes of the story. */
struct field {
    _Atomic long gets[READERS];
    _Atomic long violations;
    lode_id ids[HOT];
};

static struct field *field;

struct reader {
    int number;
    long gets;
};

/* Every word of object k in its life n is k + HOT * n: no two objects share a word. */
static bool
is_whole(const lode_view *view, int k)
{
    const volatile uint64_t *words = view->data;
    uint64_t first = words[0];
    if (view->size != WORDS * sizeof *words || first % HOT != (uint64_t)k) {
        return false;
    }
    for (int i = 1; i < WORDS; i++) {
        if (words[i] != first) {
            return false;
        }
    }
    return words[0] == first;
}

static bool
stays_whole(const lode_view *view, int k, bool lingers)
{
    uint64_t first = *(const volatile uint64_t *)view->data;
    for (int i = lingers ? LINGER : 1; i > 0; i--) {
        if (!is_whole(view, k) || *(const volatile uint64_t *)view->data != first) {
            return false;
        }
    }
    return true;
}

static void
read_storm(struct child *parent, void *arg)
{
    const struct reader *me = arg;
    lode *db = store_open();
    long gets = 0;
    child_signal(parent);
    for (uint64_t turn = 0; gets < me->gets; turn++) {
        int k = (int)(turn * 7 % HOT);
        lode_view view;
        if (lode_get(db, field->ids[k], 0, &view) != LODE_OK) {
            continue; /* between two lives */
        }
        if (!stays_whole(&view, k, turn % LINGER_EVERY == 0)) {
            atomic_fetch_add(&field->violations, 1);
        }
        lode_release(&view);
        gets++;
        atomic_store_explicit(&field->gets[me->number], gets, memory_order_relaxed);
    }
    lode_close(db);
}

static void
live_anew(lode *db, int k, uint64_t life)
{
    uint64_t words[WORDS];
    lode_id id;
    lode_create_options options = {.struct_size = sizeof options, .id = field->ids[k]};
    for (int i = 0; i < WORDS; i++) {
        words[i] = (uint64_t)k + HOT * life;
    }
    must(lode_put_with(db, words, sizeof words, &options, LODE_FOREVER, &id));
}

static bool
all_have(long gets)
{
    for (int i = 0; i < READERS; i++) {
        if (atomic_load(&field->gets[i]) < gets) {
            return false;
        }
    }
    return true;
}

static void
story(int argc, char **argv)
{
    long gets = count_argument(argc, argv, 1, 200000) / READERS;
    struct child children[READERS];
    struct reader readers[READERS];
    field = mmap(NULL, sizeof *field, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(field != MAP_FAILED);
    for (int k = 0; k < HOT; k++) {
        must(lode_id_random(&field->ids[k]));
    }
    pid_t store = store_start(4 << 20);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){i, gets};
        child_start(&children[i], read_storm, &readers[i]);
        child_await(&children[i]);
    }
    lode *db = store_open();
    for (uint64_t life = 1; !all_have(gets); life++) {
        int k = (int)(life % HOT);
        if (life > HOT) {
            must(lode_delete(db, field->ids[k]));
        }
        live_anew(db, k, life);
    }
    for (int i = 0; i < READERS; i++) {
        child_must_end(&children[i]);
    }
    expect_eq(atomic_load(&field->violations), 0);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
