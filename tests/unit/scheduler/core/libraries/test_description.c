/* What a worker says of a library: the error names what is wrong with it. */
#include "api/wire/task_msg.h"
#include "scheduler/core/libraries/description.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char text[200000];
static uint32_t size;
static char why[1024];

static void
begin(const char *name)
{
    size = (uint32_t)strlen(name) + 1;
    memcpy(text, name, size);
    why[0] = '\0';
}

static void
add(const char *name, uint32_t results)
{
    memcpy(text + size, name, strlen(name) + 1);
    size += (uint32_t)strlen(name) + 1;
    memcpy(text + size, "()", 3);
    memcpy(text + size + 3, &results, sizeof results);
    size += 3 + (uint32_t)sizeof results;
}

static void
refused_with(const char *reason)
{
    cr_assert_null(core_description_check(text, size, why, sizeof why));
    cr_assert_not_null(strstr(why, reason), "%s", why);
}

Test(description, with_names_and_results_is_allowed)
{
    begin("lib");
    cr_assert_str_eq(core_description_check(text, size, why, sizeof why), "lib");
    add("f", 0);
    add("gr\xc3\xbc\xc3\x9f"
        "e",
        LODE_TASK_RESULTS_MAX);
    cr_assert_str_eq(core_description_check(text, size, why, sizeof why), "lib");
}

Test(description, a_name_that_nobody_could_type_is_told)
{
    static const char *const NAMES[] = {"", "a b", "a.b", "a/b", "a\"b", "a\nb", "a\x7f"};
    char long_name[LODE_TASK_NAME_MAX + 2] = {0};
    memset(long_name, 'x', LODE_TASK_NAME_MAX + 1);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char told[40];
        snprintf(told, sizeof told, "a library named \"%s\"", NAMES[i]);
        begin(NAMES[i]);
        refused_with(told);
        snprintf(told, sizeof told, "a function named \"%s\"", NAMES[i]);
        begin("lib");
        add("good", 1);
        add(NAMES[i], 1);
        refused_with(told);
    }
    begin("lib");
    add(long_name, 1);
    refused_with("has 1 to 127 bytes");
}

Test(description, a_number_of_results_that_cannot_be_is_told_with_its_function)
{
    begin("lib");
    add("good", 1);
    add("many", LODE_TASK_RESULTS_MAX + 1);
    refused_with("its function \"many\" says that it has 1001 results");
    begin("lib");
    add("fewer", (uint32_t)-1);
    refused_with("its function \"fewer\" says that it has -1 results");
}

Test(description, too_many_functions_are_told)
{
    begin("lib");
    for (int i = 0; i < CORE_LIBRARY_FUNCTIONS; i++) {
        add("f", 1);
    }
    cr_assert_not_null(core_description_check(text, size, why, sizeof why));
    add("f", 1);
    refused_with("more than 4096 functions");
}

Test(description, that_is_cut_anywhere_is_refused)
{
    begin("lib");
    add("f", 1);
    uint32_t whole = size;
    for (size = 0; size < whole; size++) {
        if (size != 4) { /* a library without functions */
            refused_with("is cut");
        }
    }
}
