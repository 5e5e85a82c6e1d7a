#include "api/base/options.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/check.h"

struct mine {
    size_t struct_size;
    int64_t first, second;
};

struct newer {
    struct mine known;
    int64_t third, fourth;
};

Test(options, none_are_all_defaults)
{
    struct mine read = {.first = 1};
    must(lode_options_read("mine", NULL, sizeof read, &read));
    expect_eq(read.first, 0);
    expect_eq(read.struct_size, 0);
}

Test(options, what_an_older_caller_does_not_know_is_default)
{
    struct mine given = {.struct_size = offsetof(struct mine, second), .first = 1, .second = 2};
    struct mine read;
    must(lode_options_read("mine", &given, sizeof read, &read));
    expect_eq(read.first, 1);
    expect_eq(read.second, 0);
}

Test(options, a_newer_caller_is_served_who_sets_nothing_new)
{
    struct newer given = {.known = {.struct_size = sizeof given, .first = 1, .second = 2}};
    struct mine read;
    must(lode_options_read("mine", &given, sizeof read, &read));
    expect_eq(read.first, 1);
    expect_eq(read.second, 2);
}

Test(options, a_newer_caller_hears_that_what_it_sets_is_not_supported)
{
    struct newer given = {.known.struct_size = sizeof given, .fourth = 1};
    struct mine read;
    fails(lode_options_read("mine", &given, sizeof read, &read), LODE_EUNSUPPORTED);
    expect_text(lode_last_error(), "mine");
}

Test(options, a_size_that_was_not_set_is_refused)
{
    struct mine given = {.struct_size = 0}, read;
    fails(lode_options_read("mine", &given, sizeof read, &read), LODE_EINVAL);
    given.struct_size = sizeof given.struct_size - 1;
    fails(lode_options_read("mine", &given, sizeof read, &read), LODE_EINVAL);
    given.struct_size = SIZE_MAX;
    fails(lode_options_read("mine", &given, sizeof read, &read), LODE_EINVAL);
}
