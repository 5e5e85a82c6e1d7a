#include "api/client/context/recent.h"
#include "api/layout/id.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/check.h"

static struct lode_recent *recent;
static lode_view view;
static _Alignas(16) uint8_t copy[LODE_RECENT_BYTES];

static void
begin(void)
{
    recent = lode_recent_create();
    expect(recent != NULL);
}

static void
end(void)
{
    lode_recent_destroy(recent);
}

TestSuite(recent, .init = begin, .fini = end);

static lode_id
result(uint64_t counter)
{
    return lode_id_make(LODE_ID_RESULT, 7, counter);
}

Test(recent, a_scalar_comes_back_as_the_array_that_it_was)
{
    const lode_array scalar = {.dtype = LODE_I64};
    const int64_t value = 42;
    lode_recent_note(recent, result(1), &scalar, &value, sizeof value);
    expect(lode_recent_find(recent, result(1), copy, &view));
    expect_eq(view.kind, LODE_KIND_ARRAY);
    expect_eq(view.array.dtype, LODE_I64);
    expect_eq(view.array.ndim, 0);
    expect_eq(view.size, sizeof value);
    expect_eq(*(const int64_t *)view.data, 42);
    expect(lode_id_same(view.id, result(1)));
    lode_release(&view); /* it has no pin */
    memset(copy, 1, sizeof copy);
    expect(lode_recent_find(recent, result(1), copy, &view));
    expect_eq(*(const int64_t *)view.data, 42);
}

Test(recent, a_blob_comes_back_as_one_axis_of_bytes)
{
    lode_recent_note(recent, result(1), NULL, "word", 4);
    lode_recent_note(recent, result(2), NULL, NULL, 0);
    expect(lode_recent_find(recent, result(1), copy, &view));
    expect_eq(view.kind, LODE_KIND_BLOB);
    expect_eq(view.array.shape[0], 4);
    expect(memcmp(view.data, "word", 4) == 0);
    expect(lode_recent_find(recent, result(2), copy, &view));
    expect_eq(view.size, 0);
}

Test(recent, what_is_large_or_was_never_noted_is_not_known)
{
    char bytes[LODE_RECENT_BYTES + 1] = {0};
    const lode_array row = {.dtype = LODE_F64, .ndim = 1, .shape = {2}};
    lode_recent_note(recent, result(1), NULL, bytes, sizeof bytes);
    lode_recent_note(recent, result(2), &row, bytes, 16);
    for (uint64_t i = 0; i < 4; i++) {
        expect(!lode_recent_find(recent, result(i), copy, &view));
    }
    expect(!lode_recent_find(recent, (lode_id){{0}}, copy, &view));
}

Test(recent, another_that_takes_the_place_is_not_mistaken_for_the_first)
{
    for (uint64_t i = 1; i <= 10000; i++) {
        lode_recent_note(recent, result(i), NULL, &i, sizeof i);
    }
    for (uint64_t i = 1; i <= 10000; i++) {
        bool known = lode_recent_find(recent, result(i), copy, &view);
        expect(known == (i > 10000 - 256));
        expect(!known || *(const uint64_t *)view.data == i);
    }
    expect(!lode_recent_find(recent, lode_id_make(LODE_ID_PUT, 7, 10000), copy, &view));
}
