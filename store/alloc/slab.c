#include "store/alloc/slab.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "store/alloc/lazy.h"

#include <stdlib.h>
#include <sys/queue.h>

enum {
    LINE = 64,
    PAGE = 4096,
    LINES_MAX = SLAB_OBJECT_MAX / LINE,
    RUN_LINES = SLAB_RUN_PAGES * PAGE / LINE,
    WORDS = RUN_LINES / 64,
    CLASS_MAX = 32
};

/* Bits beyond the run's slots are set, so that a free slot is any clear bit. */
struct run {
    LIST_ENTRY(run) link; /* in its class's `open`, or unused: in `unused` */
    uint64_t page;
    uint32_t used;
    uint32_t class;
    uint64_t taken[WORDS];
};
LIST_HEAD(run_list, run);

struct size_class {
    uint32_t lines, slots;
    struct run_list open; /* runs with a free slot; an empty one may be among them */
    struct run *empty;    /* that one */
};

struct slab {
    struct pages *pages;
    uint64_t page_count;
    struct size_class classes[CLASS_MAX];
    uint32_t class_count;
    uint8_t class_of[LINES_MAX + 1]; /* by lines */
    uint32_t *run_of;                /* by page, lazily touched: run + 1 */
    struct run *runs;                /* lazily touched */
    uint64_t runs_max, runs_used;
    struct run_list unused;
    uint64_t run_count, objects, object_lines;
};

/* 1 … 8 lines, then four classes to a doubling: 10 12 14 16, 20 24 28 32, … */
static void
make_classes(struct slab *slab)
{
    uint32_t below = 0;
    for (uint32_t lines = 1, step = 1; lines <= LINES_MAX; lines += step) {
        struct size_class *c = &slab->classes[slab->class_count];
        LODE_ASSERT(slab->class_count < CLASS_MAX);
        c->lines = lines;
        c->slots = RUN_LINES / lines;
        LIST_INIT(&c->open);
        for (uint32_t i = below + 1; i <= lines; i++) {
            slab->class_of[i] = (uint8_t)slab->class_count;
        }
        below = lines;
        slab->class_count++;
        if (lines >= 8 && (lines & (lines - 1)) == 0) {
            step = lines / 4;
        }
    }
}

lode_err
slab_create(struct pages *pages, uint64_t page_count, struct slab **slab_out)
{
    lode_err err;
    struct slab *slab = calloc(1, sizeof *slab);
    if (slab == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the allocator of small objects");
    }
    slab->pages = pages;
    slab->page_count = page_count;
    slab->runs_max = page_count / SLAB_RUN_PAGES + 1;
    LIST_INIT(&slab->unused);
    make_classes(slab);
    err = lazy_map(page_count, sizeof *slab->run_of, (void **)&slab->run_of);
    if (err != LODE_OK) {
        goto free_slab;
    }
    err = lazy_map(slab->runs_max, sizeof *slab->runs, (void **)&slab->runs);
    if (err != LODE_OK) {
        goto unmap_run_of;
    }
    *slab_out = slab;
    return LODE_OK;

unmap_run_of:
    lazy_unmap(slab->run_of, page_count, sizeof *slab->run_of);
free_slab:
    free(slab);
    return err;
}

void
slab_destroy(struct slab *slab)
{
    if (slab != NULL) {
        lazy_unmap(slab->run_of, slab->page_count, sizeof *slab->run_of);
        lazy_unmap(slab->runs, slab->runs_max, sizeof *slab->runs);
        free(slab);
    }
}

static struct run *
run_take(struct slab *slab)
{
    struct run *run = LIST_FIRST(&slab->unused);
    if (run != NULL) {
        LIST_REMOVE(run, link);
        return run;
    }
    LODE_ASSERT(slab->runs_used < slab->runs_max);
    return &slab->runs[slab->runs_used++];
}

static void
run_set_pages(struct slab *slab, const struct run *run, uint32_t value)
{
    for (uint64_t i = 0; i < SLAB_RUN_PAGES; i++) {
        slab->run_of[run->page + i] = value;
    }
}

/* A fresh run, from warm pages that nothing is reserved on. Errors: LODE_EFULL. */
static lode_err
run_open(struct slab *slab, uint32_t class, struct run **run_out)
{
    uint64_t page;
    LODE_TRY(pages_allocate(slab->pages, SLAB_RUN_PAGES, PAGES_WARM, &page));
    struct size_class *c = &slab->classes[class];
    struct run *run = run_take(slab);
    run->page = page;
    run->used = 0;
    run->class = class;
    for (uint32_t w = 0; w < WORDS; w++) {
        uint32_t first = w * 64;
        run->taken[w] = first >= c->slots        ? UINT64_MAX
                        : first + 64 <= c->slots ? 0
                                                 : UINT64_MAX << (c->slots - first);
    }
    run_set_pages(slab, run, (uint32_t)(run - slab->runs) + 1);
    LIST_INSERT_HEAD(&c->open, run, link);
    c->empty = run;
    slab->run_count++;
    *run_out = run;
    return LODE_OK;
}

static void
run_close(struct slab *slab, struct run *run)
{
    LODE_ASSERT(run->used == 0);
    struct size_class *c = &slab->classes[run->class];
    LIST_REMOVE(run, link);
    if (c->empty == run) {
        c->empty = NULL;
    }
    run_set_pages(slab, run, 0);
    pages_free(slab->pages, run->page, SLAB_RUN_PAGES);
    LIST_INSERT_HEAD(&slab->unused, run, link);
    slab->run_count--;
}

static uint64_t
run_slot_take(struct slab *slab, struct run *run)
{
    struct size_class *c = &slab->classes[run->class];
    uint32_t w = 0;
    while (run->taken[w] == UINT64_MAX) {
        w++;
        LODE_ASSERT(w < WORDS);
    }
    uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(~run->taken[w]);
    run->taken[w] |= UINT64_C(1) << slot % 64;
    run->used++;
    if (c->empty == run) {
        c->empty = NULL;
    }
    if (run->used == c->slots) {
        LIST_REMOVE(run, link);
    }
    slab->objects++;
    slab->object_lines += c->lines;
    return run->page * PAGE + (uint64_t)slot * c->lines * LINE;
}

/* From a run that has a slot, or a new one. Errors: LODE_EFULL. */
static lode_err
allocate_slot(struct slab *slab, uint64_t size, uint64_t *offset_out)
{
    uint32_t class = slab->class_of[(size + LINE - 1) / LINE];
    struct run *run = LIST_FIRST(&slab->classes[class].open);
    if (run == NULL) {
        LODE_TRY(run_open(slab, class, &run));
    }
    *offset_out = run_slot_take(slab, run);
    return LODE_OK;
}

lode_err
slab_allocate(struct slab *slab, uint64_t size, bool spend, uint64_t *offset_out)
{
    uint64_t page, count = slab_pages_of(size);
    LODE_ASSERT(size > 0 && size <= SLAB_SIZE_MAX);
    if (size <= SLAB_OBJECT_MAX && allocate_slot(slab, size, offset_out) == LODE_OK) {
        if (spend) {
            pages_unreserve(slab->pages, count);
        }
        return LODE_OK;
    }
    LODE_TRY(pages_allocate(slab->pages, count, spend ? PAGES_SPEND : PAGES_WARM, &page));
    *offset_out = page * PAGE;
    return LODE_OK;
}

lode_err
slab_allocate_slot(struct slab *slab, uint64_t size, uint64_t *offset_out)
{
    LODE_ASSERT(size > 0 && size <= SLAB_SIZE_MAX);
    struct run *run = NULL;
    if (size <= SLAB_OBJECT_MAX) {
        run = LIST_FIRST(&slab->classes[slab->class_of[(size + LINE - 1) / LINE]].open);
    }
    if (run == NULL) {
        return LODE_EFULL;
    }
    *offset_out = run_slot_take(slab, run);
    return LODE_OK;
}

/* True if the offset was given out by a run of this slab, and not by the pages. */
static bool
owns(const struct slab *slab, uint64_t offset)
{
    LODE_ASSERT(offset / PAGE < slab->page_count);
    return slab->run_of[offset / PAGE] != 0;
}

static void
run_slot_free(struct slab *slab, struct run *run, uint64_t offset)
{
    struct size_class *c = &slab->classes[run->class];
    uint32_t lines = (uint32_t)(offset - run->page * PAGE) / LINE, slot = lines / c->lines;
    LODE_ASSERT(slot * c->lines == lines);
    LODE_ASSERT(slot < c->slots && (run->taken[slot / 64] >> slot % 64 & 1) != 0);
    run->taken[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    slab->objects--;
    slab->object_lines -= c->lines;
    if (run->used-- == c->slots) {
        LIST_INSERT_HEAD(&c->open, run, link);
    }
    if (run->used > 0) {
        return;
    }
    if (c->empty != NULL) {
        run_close(slab, run);
    } else {
        c->empty = run;
    }
}

void
slab_free(struct slab *slab, uint64_t offset, uint64_t size)
{
    LODE_ASSERT(offset % LINE == 0);
    if (!owns(slab, offset)) {
        LODE_ASSERT(offset % PAGE == 0);
        pages_free(slab->pages, offset / PAGE, slab_pages_of(size));
        return;
    }
    struct run *run = &slab->runs[slab->run_of[offset / PAGE] - 1];
    LODE_ASSERT(size > 0 && slab->class_of[(size + LINE - 1) / LINE] == run->class);
    run_slot_free(slab, run, offset);
}

void
slab_prefetch(const struct slab *slab, uint64_t offset)
{
    if (owns(slab, offset)) {
        const struct run *run = &slab->runs[slab->run_of[offset / PAGE] - 1];
        __builtin_prefetch(run, 1);
        __builtin_prefetch(&run->taken[WORDS / 2], 1);
    }
}

uint64_t
slab_trim(struct slab *slab)
{
    uint64_t given = 0;
    for (uint32_t i = 0; i < slab->class_count; i++) {
        if (slab->classes[i].empty != NULL) {
            run_close(slab, slab->classes[i].empty);
            given += SLAB_RUN_PAGES;
        }
    }
    return given;
}

void
slab_stats(const struct slab *slab, struct slab_stats *stats_out)
{
    *stats_out = (struct slab_stats){.runs = slab->run_count,
                                     .objects = slab->objects,
                                     .object_bytes = slab->object_lines * LINE};
}

/* Bits of the slots, and of what lies beyond them. */
static bool
run_check(const struct slab *slab, const struct run *run)
{
    uint32_t taken = 0, slots = slab->classes[run->class].slots;
    for (uint32_t i = 0; i < RUN_LINES; i++) {
        bool bit = run->taken[i / 64] >> i % 64 & 1;
        taken += i < slots && bit;
        if (i >= slots && !bit) {
            return false;
        }
    }
    return taken == run->used && taken <= slots;
}

/* A run that is closed is in none of its former pages' entries. */
static bool
run_is_open(const struct slab *slab, const struct run *run)
{
    return slab->run_of[run->page] == (uint32_t)(run - slab->runs) + 1;
}

static bool
class_check(const struct slab *slab, uint32_t class)
{
    const struct size_class *c = &slab->classes[class];
    const struct run *run;
    LIST_FOREACH(run, &c->open, link)
    {
        bool is_empty = run->used == 0;
        if (run->class != class || run->used == c->slots || is_empty != (c->empty == run)) {
            return false;
        }
    }
    return true;
}

bool
slab_check(const struct slab *slab)
{
    uint64_t runs = 0, objects = 0;
    for (uint64_t i = 0; i < slab->runs_used; i++) {
        const struct run *run = &slab->runs[i];
        if (!run_is_open(slab, run)) {
            continue;
        }
        for (uint64_t j = 0; j < SLAB_RUN_PAGES; j++) {
            if (slab->run_of[run->page + j] != i + 1) {
                return false;
            }
        }
        if (!run_check(slab, run)) {
            return false;
        }
        objects += run->used;
        runs++;
    }
    for (uint32_t i = 0; i < slab->class_count; i++) {
        if (!class_check(slab, i)) {
            return false;
        }
    }
    return runs == slab->run_count && objects == slab->objects;
}
