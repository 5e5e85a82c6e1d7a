#include "api/client/tasks/function_cache.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/check.h"

Test(function_cache, an_empty_one_knows_nothing)
{
    struct lode_function_cache cache = {0};
    expect(lode_function_cache_find(&cache, "a.b") == NULL);
    lode_function_cache_clear(&cache);
}

Test(function_cache, every_name_of_a_thousand_is_found_again)
{
    struct lode_function_cache cache = {0};
    char name[32];
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "library.f%u", i);
        expect(lode_function_cache_find(&cache, name) == NULL);
        must(lode_function_cache_add(&cache, name, i, i % 7 + 1));
    }
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "library.f%u", i);
        const struct lode_known_function *known = lode_function_cache_find(&cache, name);
        expect(known != NULL);
        expect_eq(known->number, i);
        expect_eq(known->results, i % 7 + 1);
    }
    expect(lode_function_cache_find(&cache, "library.f1000") == NULL);
    lode_function_cache_clear(&cache);
    expect(lode_function_cache_find(&cache, "library.f1") == NULL);
}

Test(function_cache, a_name_that_is_added_again_means_the_new_thing)
{
    struct lode_function_cache cache = {0};
    must(lode_function_cache_add(&cache, "a.b", 1, 1));
    must(lode_function_cache_add(&cache, "a.b", 2, 3));
    expect_eq(cache.used, 1);
    expect_eq(lode_function_cache_find(&cache, "a.b")->number, 2);
    lode_function_cache_clear(&cache);
}

/* A caller that was told of fewer has no room for more, whoever was told of more before. */
Test(function_cache, the_fewest_results_of_a_name_are_kept)
{
    struct lode_function_cache cache = {0};
    must(lode_function_cache_add(&cache, "a.b", 1, 3));
    must(lode_function_cache_add(&cache, "a.b", 2, 2));
    must(lode_function_cache_add(&cache, "a.b", 3, 4));
    expect_eq(lode_function_cache_find(&cache, "a.b")->results, 4);
    expect_eq(lode_function_cache_find(&cache, "a.b")->least_results, 2);
    lode_function_cache_clear(&cache);
}
