#include "worker/process/origin.h"

#include "api/cluster/paths.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cut, it would name another directory, and what a task starts would be nobody's. */
Test(origin, names_the_longest_directory_whole_beside_the_largest_numbers)
{
    char dir[LODE_DIR_MAX + 1], want[256];
    memset(dir, 'd', LODE_DIR_MAX);
    dir[0] = '/';
    dir[LODE_DIR_MAX] = '\0';
    cr_assert_eq(origin_export(UINT32_MAX, dir), LODE_OK);
    snprintf(want, sizeof want, "4294967295:%s:%s:%s", "0000000000000000", "0000000000000000", dir);
    cr_assert_str_eq(getenv("LODE_WORKER"), want);
}

Test(origin, writes_the_task_and_its_programs_key_in_place)
{
    origin_set(7); /* too early: nothing happens */
    cr_assert_eq(origin_export(3, "/d"), LODE_OK);
    const char *text = getenv("LODE_WORKER");
    origin_set_key(UINT64_C(0xfedcba9876543210));
    origin_set(1);
    cr_assert_str_eq(text, "3:0000000000000001:fedcba9876543210:/d");
    origin_set(UINT64_C(0xabc));
    cr_assert_str_eq(text, "3:0000000000000abc:fedcba9876543210:/d");
}

/* Only digits that differ are written, but for a new program all of them. */
Test(origin, writes_every_number_whole_whichever_was_there_before)
{
    static const uint64_t tasks[] = {1, UINT64_MAX, 0, 1, UINT64_C(1) << 63, 0x1000, 0xfff, 0xfff};
    char want[64];
    cr_assert_eq(origin_export(3, "/d"), LODE_OK);
    char *text = getenv("LODE_WORKER");
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        origin_set(tasks[i]);
        snprintf(want, sizeof want, "3:%016llx:%016llx:/d", (unsigned long long)tasks[i], 0ULL);
        cr_assert_str_eq(text, want);
    }
    memset(text + 2, 'x', 16); /* user code has written here */
    origin_set_key(7);
    origin_set(0x1000);
    cr_assert_eq(memcmp(text, "3:0000000000001000:0000000000000007:/d", 39), 0);
}
