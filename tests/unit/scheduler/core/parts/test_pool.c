#include "scheduler/core/parts/pool.h"

#include <criterion/criterion.h>

enum { ITEM_BYTES = 256, CHUNKS = 22, A_CHUNK = (256 << 10) / ITEM_BYTES - 1 };

static struct core_pool pool;
static void *item[CHUNKS * A_CHUNK];

static void
take_all(void)
{
    for (int i = 0; i < CHUNKS * A_CHUNK; i++) {
        item[i] = core_pool_take(&pool);
    }
}

static void
give_all(void)
{
    for (int i = 0; i < CHUNKS * A_CHUNK; i++) {
        core_pool_give(&pool, item[i]);
    }
}

static void
setup(void)
{
    core_pool_init(&pool, ITEM_BYTES);
}

static void
teardown(void)
{
    core_pool_fini(&pool);
}

TestSuite(pool, .init = setup, .fini = teardown);

#ifndef __SANITIZE_ADDRESS__ /* each item is malloc()ed there */

Test(pool, what_a_burst_took_is_there_for_the_next_one)
{
    take_all();
    give_all();
    cr_assert_eq(pool.empty_chunks, CHUNKS);
    cr_assert(core_pool_tidy(&pool)); /* in use until now */
    cr_assert_eq(pool.empty_chunks, CHUNKS);
    take_all();
    cr_assert_eq(pool.empty_chunks, 0);
    cr_assert_eq((uintptr_t)item[1] - (uintptr_t)item[0], ITEM_BYTES);
    give_all();
}

Test(pool, what_nobody_has_needed_between_two_looks_goes_back)
{
    take_all();
    give_all();
    cr_assert(core_pool_tidy(&pool));
    cr_assert_not(core_pool_tidy(&pool), "in parts");
    cr_assert_eq(pool.empty_chunks, CHUNKS - CORE_CHUNKS_AT_ONCE);
    cr_assert(core_pool_tidy(&pool));
    cr_assert_eq(pool.empty_chunks, CORE_CHUNKS_FEW);
    cr_assert(core_pool_tidy(&pool));
    cr_assert_eq(pool.empty_chunks, CORE_CHUNKS_FEW);
}

Test(pool, what_was_needed_between_two_looks_stays)
{
    take_all();
    give_all();
    cr_assert(core_pool_tidy(&pool));
    for (int i = 0; i < 10 * A_CHUNK; i++) {
        item[i] = core_pool_take(&pool);
    }
    for (int i = 0; i < 10 * A_CHUNK; i++) {
        core_pool_give(&pool, item[i]);
    }
    cr_assert(core_pool_tidy(&pool));
    cr_assert_eq(pool.empty_chunks, 10 + CORE_CHUNKS_FEW);
}

#endif

Test(pool, items_are_counted)
{
    take_all();
    cr_assert_eq(pool.count, CHUNKS * A_CHUNK);
    give_all();
    cr_assert_eq(pool.count, 0);
}
