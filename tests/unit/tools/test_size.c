/* Sizes as people write and read them. */
#include "tools/cli/size.h"

#include <criterion/criterion.h>
#include <string.h>

static uint64_t
parsed(const char *text)
{
    uint64_t bytes = 0;
    cr_assert_eq(size_parse(text, &bytes), LODE_OK, "'%s': %s", text, lode_last_error());
    return bytes;
}

Test(size, a_number_alone_is_bytes)
{
    cr_assert_eq(parsed("0"), 0);
    cr_assert_eq(parsed("4096"), 4096);
    cr_assert_eq(parsed("512B"), 512);
}

Test(size, units_are_powers_of_1024_in_any_case)
{
    cr_assert_eq(parsed("1K"), 1 << 10);
    cr_assert_eq(parsed("4g"), UINT64_C(4) << 30);
    cr_assert_eq(parsed("4GiB"), UINT64_C(4) << 30);
    cr_assert_eq(parsed("4gb"), UINT64_C(4) << 30);
    cr_assert_eq(parsed("2 MiB"), 2 << 20);
    cr_assert_eq(parsed("1.5G"), UINT64_C(3) << 29);
    cr_assert_eq(parsed("15E"), UINT64_C(15) << 60);
}

Test(size, what_is_no_size_is_refused_and_leaves_the_output_alone)
{
    static const char *const bad[] = {"",      "G",   "-1",  "+1",  "inf",   "nan", "0x10", "1e3",
                                      "1.5.2", "4GX", "4iB", " 4G", "4G 4G", ".5G", "16E",  "4Gi"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t bytes = 7;
        cr_assert_eq(size_parse(bad[i], &bytes), LODE_EINVAL, "'%s' is %llu", bad[i],
                     (unsigned long long)bytes);
        cr_assert_eq(bytes, 7);
        cr_assert_not_null(strstr(lode_last_error(), bad[i]));
    }
}

Test(size, is_written_with_four_digits_at_most_before_the_unit)
{
    char text[SIZE_TEXT_MAX];
    cr_assert_str_eq(size_format(0, text), "0 B");
    cr_assert_str_eq(size_format(1023, text), "1023 B");
    cr_assert_str_eq(size_format(1024, text), "1.0 KiB");
    cr_assert_str_eq(size_format((1 << 20) - 1, text), "1.0 MiB");
    cr_assert_str_eq(size_format(UINT64_C(838860800), text), "800.0 MiB");
    cr_assert_str_eq(size_format(UINT64_MAX, text), "16.0 EiB");
}
