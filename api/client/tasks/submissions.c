#include "api/client/tasks/submissions.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/layout/id.h"

#include <assert.h>
#include <stdlib.h>

enum { SUBMISSION_SLOTS_FIRST = 64 };
static_assert(sizeof(struct lode_submission) == 64, "submissions.h: a line of the cache");

void
lode_refs_free(union lode_refs *refs, uint32_t count)
{
    if (count > LODE_REFS_FEW) {
        free(refs->list);
    }
}

/*
 * Numbers of calls run on. Eight consecutive ones lie side by side, in few lines of the cache. The
 * eights are scattered (Fibonacci hashing, Knuth 6.4): if all lay in one long run, closing a hole
 * would walk over all unfinished calls.
 */
static size_t
home_of(const struct lode_submissions *table, uint64_t number)
{
    uint64_t scattered = (number >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 24;
    return (scattered << 3 | (number & 7)) & (table->slot_count - 1);
}

static size_t
slot_of(const struct lode_submissions *table, uint64_t number)
{
    size_t i = home_of(table, number);
    while (table->slot[i].number != 0 && table->slot[i].number != number) {
        i = (i + 1) & (table->slot_count - 1);
    }
    return i;
}

lode_err
lode_submissions_reserve(struct lode_submissions *table)
{
    if (2 * (table->used + 1) <= table->slot_count) {
        return LODE_OK;
    }
    struct lode_submissions grown = {
        .slot_count = table->slot_count > 0 ? 2 * table->slot_count : SUBMISSION_SLOTS_FIRST,
        .used = table->used,
    };
    grown.slot = calloc(grown.slot_count, sizeof *grown.slot);
    if (grown.slot == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no room to note %zu unfinished calls", table->used + 1);
    }
    for (size_t i = 0; i < table->slot_count; i++) {
        if (table->slot[i].number != 0) {
            grown.slot[slot_of(&grown, table->slot[i].number)] = table->slot[i];
        }
    }
    free(table->slot);
    *table = grown;
    return LODE_OK;
}

void
lode_submissions_add(struct lode_submissions *table, const struct lode_submission *submission)
{
    LODE_ASSERT(submission->number != 0 && 2 * (table->used + 1) <= table->slot_count);
    size_t i = slot_of(table, submission->number);
    LODE_ASSERT(table->slot[i].number == 0);
    table->slot[i] = *submission;
    table->used++;
}

/*
 * Closes the hole at `hole`: what was probed past it moves back, so that searches still end at the
 * first empty slot.
 */
static void
close_hole(struct lode_submissions *table, size_t hole)
{
    size_t mask = table->slot_count - 1;
    for (size_t i = (hole + 1) & mask; table->slot[i].number != 0; i = (i + 1) & mask) {
        size_t home = home_of(table, table->slot[i].number);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slot[hole] = table->slot[i];
            hole = i;
        }
    }
    table->slot[hole] = (struct lode_submission){0};
}

bool
lode_submissions_take(struct lode_submissions *table, uint64_t number,
                      struct lode_submission *submission_out)
{
    if (table->used == 0 || number == 0) {
        return false;
    }
    size_t i = slot_of(table, number);
    if (table->slot[i].number == 0) {
        return false;
    }
    *submission_out = table->slot[i];
    close_hole(table, i);
    table->used--;
    return true;
}

lode_id
lode_submissions_first_result(const struct lode_submissions *table, lode_id id)
{
    for (size_t i = 0; i < table->slot_count; i++) {
        const struct lode_submission *slot = &table->slot[i];
        if (slot->number != 0 && lode_id_high(slot->results) == lode_id_high(id) &&
            lode_id_low(id) - lode_id_low(slot->results) < slot->result_count) {
            return slot->results;
        }
    }
    return id;
}

void
lode_submissions_fini(struct lode_submissions *table)
{
    for (size_t i = 0; i < table->slot_count; i++) {
        lode_refs_free(&table->slot[i].refs, table->slot[i].ref_count);
    }
    free(table->slot);
    *table = (struct lode_submissions){0};
}
