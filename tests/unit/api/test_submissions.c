#include "api/client/tasks/submissions.h"
#include "api/layout/id.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/support/check.h"

enum { MANY = 5000 };

static void
add(struct lode_submissions *table, uint64_t number, uint32_t results)
{
    struct lode_submission one = {
        .number = number,
        .results = lode_id_make(LODE_ID_RESULT, 3, 10 * number),
        .result_count = results,
    };
    must(lode_submissions_reserve(table));
    lode_submissions_add(table, &one);
}

Test(submissions, each_is_taken_once_in_any_order)
{
    struct lode_submissions table = {0};
    struct lode_submission out;
    static uint64_t order[MANY];
    srand(1);
    for (uint64_t i = 0; i < MANY; i++) {
        order[i] = i + 1;
        add(&table, i + 1, 1);
    }
    for (size_t i = MANY - 1; i > 0; i--) {
        size_t j = (size_t)rand() % (i + 1);
        uint64_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    for (size_t i = 0; i < MANY; i++) {
        expect(lode_submissions_take(&table, order[i], &out));
        expect_eq(out.number, order[i]);
        expect(!lode_submissions_take(&table, order[i], &out));
        if (i + 1 < MANY) { /* a hole hides nobody */
            expect(lode_id_same(lode_submissions_first_result(
                                    &table, lode_id_make(LODE_ID_RESULT, 3, 10 * order[i + 1])),
                                lode_id_make(LODE_ID_RESULT, 3, 10 * order[i + 1])));
        }
    }
    expect_eq(lode_submissions_used(&table), 0);
    lode_submissions_fini(&table);
}

/* Few live ones among many: numbers run on, and probing wraps around the table's end. */
Test(submissions, a_long_life_with_few_at_a_time)
{
    struct lode_submissions table = {0};
    struct lode_submission out;
    for (uint64_t i = 1; i < 10 * MANY; i++) {
        add(&table, i, 1);
        if (i > 20) {
            expect(lode_submissions_take(&table, i % 3 == 0 ? i : i - 20, &out) || i % 3 == 0 ||
                   (i - 20) % 3 == 0);
        }
    }
    for (uint64_t i = 1; i < 10 * MANY; i++) {
        lode_submissions_take(&table, i, &out);
    }
    expect_eq(lode_submissions_used(&table), 0);
    lode_submissions_fini(&table);
}

/* Their numbers differ by a multiple of any count of slots that there may be. */
Test(submissions, calls_that_share_a_slot_are_told_apart)
{
    enum { FAR_APART = 1 << 20, CALLS = 100 };
    struct lode_submissions table = {0};
    struct lode_submission out;
    for (uint64_t i = 0; i < CALLS; i++) {
        add(&table, 1 + i * FAR_APART, 1);
    }
    expect_eq(lode_submissions_used(&table), CALLS);
    for (uint64_t i = 0; i < CALLS; i++) {
        uint64_t number = 1 + (i * 37 % CALLS) * FAR_APART;
        lode_id result = lode_id_make(LODE_ID_RESULT, 3, 10 * number);
        expect(lode_id_same(lode_submissions_first_result(&table, result), result));
        expect(lode_submissions_take(&table, number, &out));
        expect_eq(out.number, number);
        expect(!lode_submissions_take(&table, number, &out));
    }
    expect_eq(lode_submissions_used(&table), 0);
    lode_submissions_fini(&table);
}

Test(submissions, an_unknown_number_is_not_there)
{
    struct lode_submissions table = {0};
    struct lode_submission out;
    expect(!lode_submissions_take(&table, 1, &out));
    add(&table, 1, 1);
    expect(!lode_submissions_take(&table, 65, &out)); /* the same slot */
    expect(!lode_submissions_take(&table, 0, &out));
    lode_submissions_fini(&table);
}

Test(submissions, any_result_leads_to_the_first)
{
    struct lode_submissions table = {0};
    lode_id first = lode_id_make(LODE_ID_RESULT, 3, 10), other = lode_id_plus(first, 3);
    add(&table, 1, 3);
    expect(lode_id_same(lode_submissions_first_result(&table, first), first));
    expect(lode_id_same(lode_submissions_first_result(&table, lode_id_plus(first, 2)), first));
    expect(lode_id_same(lode_submissions_first_result(&table, other), other));
    lode_submissions_fini(&table);
}

/* Up to LODE_REFS_FEW lie in the slot itself, and move with it when the table grows. */
Test(submissions, the_references_of_a_call_come_back_with_it_be_they_few_or_many)
{
    enum { CALLS = 503, MOST = 5 };
    struct lode_submissions table = {0};
    struct lode_submission out;
    for (uint64_t i = 1; i <= CALLS; i++) {
        struct lode_submission one = {.number = i, .ref_count = i % (MOST + 1)};
        if (one.ref_count > LODE_REFS_FEW) {
            one.refs.list = malloc(one.ref_count * sizeof *one.refs.list);
        }
        for (uint32_t k = 0; k < one.ref_count; k++) {
            lode_refs_of(&one.refs, one.ref_count)[k] =
                lode_id_make(LODE_ID_RESULT, 3, MOST * i + k);
        }
        must(lode_submissions_reserve(&table));
        lode_submissions_add(&table, &one);
    }
    for (uint64_t i = 1; i < CALLS; i++) { /* the last one is the table's to free */
        expect(lode_submissions_take(&table, i, &out));
        expect_eq(out.ref_count, i % (MOST + 1));
        for (uint32_t k = 0; k < out.ref_count; k++) {
            expect(lode_id_same(lode_refs_of(&out.refs, out.ref_count)[k],
                                lode_id_make(LODE_ID_RESULT, 3, MOST * i + k)));
        }
        lode_refs_free(&out.refs, out.ref_count);
    }
    lode_submissions_fini(&table);
}
