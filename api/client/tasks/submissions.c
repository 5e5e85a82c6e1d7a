#include "api/client/tasks/submissions.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/layout/id.h"

#include <assert.h>
#include <stdlib.h>

enum { NEAR_SLOTS_FIRST = 64, FAR_SLOTS_FIRST = 16 };
static_assert(sizeof(struct lode_submission) == 64, "submissions.h: a line of the cache");

void
lode_refs_free(union lode_refs *refs, uint32_t count)
{
    if (count > LODE_REFS_FEW) {
        free(refs->list);
    }
}

/* ---- the far ones -------------------------------------------------------------------------- */

/* Scattered (Fibonacci hashing, Knuth 6.4): no long run, over which closing a hole would walk. */
static size_t
home_of(const struct lode_submissions_far *far, uint64_t number)
{
    return (number * UINT64_C(0x9e3779b97f4a7c15) >> 24) & (far->slot_count - 1);
}

static size_t
slot_of(const struct lode_submissions_far *far, uint64_t number)
{
    size_t i = home_of(far, number);
    while (far->slot[i].number != 0 && far->slot[i].number != number) {
        i = (i + 1) & (far->slot_count - 1);
    }
    return i;
}

static lode_err
fail_no_room(size_t count)
{
    return lode_fail_with(LODE_ENOMEM, "no room to note %zu unfinished calls", count);
}

static lode_err
reserve_far(struct lode_submissions_far *far)
{
    if (2 * (far->used + 1) <= far->slot_count) {
        return LODE_OK;
    }
    struct lode_submissions_far grown = {
        .slot_count = far->slot_count > 0 ? 2 * far->slot_count : FAR_SLOTS_FIRST,
        .used = far->used,
    };
    grown.slot = calloc(grown.slot_count, sizeof *grown.slot);
    if (grown.slot == NULL) {
        return fail_no_room(far->used + 1);
    }
    for (size_t i = 0; i < far->slot_count; i++) {
        if (far->slot[i].number != 0) {
            grown.slot[slot_of(&grown, far->slot[i].number)] = far->slot[i];
        }
    }
    free(far->slot);
    *far = grown;
    return LODE_OK;
}

static void
add_far(struct lode_submissions_far *far, const struct lode_submission *submission)
{
    LODE_ASSERT(2 * (far->used + 1) <= far->slot_count);
    size_t i = slot_of(far, submission->number);
    LODE_ASSERT(far->slot[i].number == 0);
    far->slot[i] = *submission;
    far->used++;
}

/*
 * Closes the hole at `hole`: what was probed past it moves back, so that searches still end at the
 * first empty slot.
 */
static void
close_hole(struct lode_submissions_far *far, size_t hole)
{
    size_t mask = far->slot_count - 1;
    for (size_t i = (hole + 1) & mask; far->slot[i].number != 0; i = (i + 1) & mask) {
        size_t home = home_of(far, far->slot[i].number);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            far->slot[hole] = far->slot[i];
            hole = i;
        }
    }
    far->slot[hole] = (struct lode_submission){0};
}

static bool
take_far(struct lode_submissions_far *far, uint64_t number, struct lode_submission *submission_out)
{
    if (far->used == 0) {
        return false;
    }
    size_t i = slot_of(far, number);
    if (far->slot[i].number == 0) {
        return false;
    }
    *submission_out = far->slot[i];
    close_hole(far, i);
    far->used--;
    return true;
}

/* ---- the table ----------------------------------------------------------------------------- */

static struct lode_submission *
near_of(const struct lode_submissions *table, uint64_t number)
{
    return &table->near[number & (table->near_count - 1)];
}

/* What had slots of their own has them among twice as many, too. */
static lode_err
reserve_near(struct lode_submissions *table)
{
    if (2 * (table->near_used + 1) <= table->near_count) {
        return LODE_OK;
    }
    struct lode_submissions grown = *table;
    grown.near_count = table->near_count > 0 ? 2 * table->near_count : NEAR_SLOTS_FIRST;
    grown.near = calloc(grown.near_count, sizeof *grown.near);
    if (grown.near == NULL) {
        return fail_no_room(table->near_used + 1);
    }
    for (size_t i = 0; i < table->near_count; i++) {
        if (table->near[i].number != 0) {
            *near_of(&grown, table->near[i].number) = table->near[i];
        }
    }
    free(table->near);
    *table = grown;
    return LODE_OK;
}

lode_err
lode_submissions_reserve(struct lode_submissions *table)
{
    LODE_TRY(reserve_far(&table->far));
    return reserve_near(table);
}

void
lode_submissions_add(struct lode_submissions *table, const struct lode_submission *submission)
{
    LODE_ASSERT(submission->number != 0 && 2 * (table->near_used + 1) <= table->near_count);
    struct lode_submission *near = near_of(table, submission->number);
    if (near->number != 0) {
        add_far(&table->far, submission);
        return;
    }
    *near = *submission;
    table->near_used++;
}

bool
lode_submissions_take(struct lode_submissions *table, uint64_t number,
                      struct lode_submission *submission_out)
{
    if (table->near_count == 0 || number == 0) {
        return false;
    }
    struct lode_submission *near = near_of(table, number);
    if (near->number != number) {
        return take_far(&table->far, number, submission_out);
    }
    *submission_out = *near;
    near->number = 0;
    table->near_used--;
    return true;
}

/* The first of `count` slots whose call makes the id; NULL: none does. */
static const struct lode_submission *
maker_of(const struct lode_submission *slot, size_t count, lode_id id)
{
    for (size_t i = 0; i < count; i++) {
        if (slot[i].number != 0 && lode_id_high(slot[i].results) == lode_id_high(id) &&
            lode_id_low(id) - lode_id_low(slot[i].results) < slot[i].result_count) {
            return &slot[i];
        }
    }
    return NULL;
}

lode_id
lode_submissions_first_result(const struct lode_submissions *table, lode_id id)
{
    const struct lode_submission *maker = maker_of(table->near, table->near_count, id);
    maker = maker != NULL ? maker : maker_of(table->far.slot, table->far.slot_count, id);
    return maker != NULL ? maker->results : id;
}

static void
free_slots(struct lode_submission *slot, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slot[i].number != 0) {
            lode_refs_free(&slot[i].refs, slot[i].ref_count);
        }
    }
    free(slot);
}

void
lode_submissions_fini(struct lode_submissions *table)
{
    free_slots(table->near, table->near_count);
    free_slots(table->far.slot, table->far.slot_count);
    *table = (struct lode_submissions){0};
}
