/* Copies past the caches, of every size and alignment that has a path of its own. */
#include "api/system/copy.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MARGIN = 128, BLOCK = 4 * 4096, MIB = 1 << 20 };

static uint8_t *source, *target;

static void
setup(void)
{
    size_t most = (size_t)LODE_COPY_CACHE_MAX / 2 + MIB;
    source = aligned_alloc(4096, most);
    target = aligned_alloc(4096, most);
    cr_assert(source != NULL && target != NULL);
    for (size_t i = 0; i < most; i++) {
        source[i] = (uint8_t)(i * 167 + (i >> 8) * 13 + (i >> 16));
    }
}

static void
teardown(void)
{
    free(source);
    free(target);
}

TestSuite(copy, .init = setup, .fini = teardown);

/* Copies to an odd place and looks that nothing beside it was touched. */
static void
expect_copied(void (*copy)(void *to, const void *from, size_t size), size_t to, size_t from,
              size_t size)
{
    memset(target, 0xee, to + size + MARGIN);
    copy(target + to, source + from, size);
    cr_assert(memcmp(target + to, source + from, size) == 0, "%zu bytes to %zu from %zu", size, to,
              from);
    for (size_t i = 0; i < MARGIN; i++) {
        cr_assert(i >= to || target[i] == 0xee, "before %zu bytes at %zu", size, to);
        cr_assert_eq(target[to + size + i], 0xee, "after %zu bytes at %zu", size, to);
    }
}

Test(copy, past_the_caches_is_memcpy_whatever_the_alignment)
{
    static const size_t sizes[] = {
        0,     1,    15,        16,    63,        64,         65,         127,
        4095,  4097, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 63, BLOCK + 64, 2 * BLOCK + 4097,
        300001};
    static const size_t places[] = {0, 1, 7, 16, 33, 63, 64, 100};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            for (size_t j = 0; j < sizeof places / sizeof places[0]; j++) {
                expect_copied(lode_copy_stream, places[i], places[j], sizes[s]);
            }
        }
    }
}

Test(copy, of_every_small_size_is_exact)
{
    for (size_t size = 0; size < 600; size++) {
        expect_copied(lode_copy_stream, size % 64, size % 7, size);
        expect_copied(lode_copy, size % 64, size % 7, size);
    }
}

Test(copy, is_exact_on_both_sides_of_the_threshold)
{
    size_t from = lode_copy_streams_from();
    if (from == SIZE_MAX) {
        from = MIB; /* this machine has memcpy alone */
    }
    expect_copied(lode_copy, 0, 0, from - 1);
    expect_copied(lode_copy, 0, 3, from);
    expect_copied(lode_copy, 16, 0, from + 1);
    expect_copied(lode_copy, 5, 0, from + 12345);
}

Test(copy, threshold_is_half_of_the_last_cache_within_bounds)
{
    cr_assert_eq(lode_copy_threshold(16 * MIB), 8 * MIB);
    cr_assert_eq(lode_copy_threshold(32 * MIB), 16 * MIB);
    cr_assert_eq(lode_copy_threshold(8 * MIB), 4 * MIB);
    cr_assert_eq(lode_copy_threshold(1), 4 * MIB);
    cr_assert_eq(lode_copy_threshold(0), 8 * MIB, "the machine does not say");
    cr_assert_eq(lode_copy_threshold(-1), 8 * MIB);
    cr_assert_eq(lode_copy_threshold(260L * MIB), 8 * MIB, "a share of the host's");
}
