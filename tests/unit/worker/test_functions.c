#include "worker/runtime/functions.h"

#include "api/wire/task_msg.h"
#include "worker/libraries/library.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

static struct functions functions;

static void
setup(void)
{
    functions_init(&functions);
}

static void
teardown(void)
{
    functions_fini(&functions);
}

TestSuite(functions, .init = setup, .fini = teardown);

/* The record for a function; returns its size. */
static uint32_t
record(char *out, uint32_t number, const char *path, const char *symbol, const char *name)
{
    struct lode_task_function head = {.function = number, .results = 1};
    memcpy(out, &head, sizeof head);
    char *at = stpcpy(out + sizeof head, path) + 1;
    at = stpcpy(at, symbol) + 1;
    at = stpcpy(at, name) + 1;
    return (uint32_t)(at - out);
}

static const char *
blas_path(void)
{
    static char path[4096];
    const char *folder = getenv("LODE_TEST_LIB");
    snprintf(path, sizeof path, "%s/liblode-blas.so", folder != NULL ? folder : "../lib");
    return path;
}

Test(functions, a_number_stands_for_what_was_said)
{
    _Alignas(8) char bytes[256];
    must(functions_add(&functions, bytes, record(bytes, 500, "/a.so", "f", "a.f")));
    must(functions_add(&functions, bytes, record(bytes, 0, "/a.so", "g", "a.g")));
    expect_text(functions_find(&functions, 500)->name, "a.f");
    expect_text(functions_find(&functions, 0)->symbol, "g");
    expect(functions_find(&functions, 499) == NULL);
    expect(functions_find(&functions, UINT32_MAX) == NULL);
}

/* What was found last is remembered, without a lock. */
Test(functions, one_that_was_not_there_is_found_when_it_has_come)
{
    _Alignas(8) char bytes[256];
    must(functions_add(&functions, bytes, record(bytes, 3, "/a.so", "f", "a.f")));
    expect(functions_find(&functions, 3 + FUNCTIONS_FOUND) == NULL);
    expect_text(functions_find(&functions, 3)->name, "a.f");
    must(functions_add(&functions, bytes, record(bytes, 3 + FUNCTIONS_FOUND, "/a.so", "g", "a.g")));
    for (int i = 0; i < 2; i++) {
        expect_text(functions_find(&functions, 3 + FUNCTIONS_FOUND)->name, "a.g");
        expect_text(functions_find(&functions, 3)->name, "a.f");
    }
}

Test(functions, a_damaged_record_is_refused)
{
    _Alignas(8) char bytes[256];
    uint32_t size = record(bytes, 1, "/a.so", "f", "a.f");
    for (uint32_t cut = 0; cut < size; cut++) {
        fails(functions_add(&functions, bytes, cut), LODE_EPROTO);
    }
    must(functions_add(&functions, bytes, size));
    fails(functions_add(&functions, bytes, size), LODE_EPROTO); /* a second meaning */
    fails(functions_add(&functions, bytes, record(bytes, UINT32_MAX, "/a.so", "f", "a.f")),
          LODE_EPROTO);
}

Test(functions, a_missing_library_says_so_each_time)
{
    _Alignas(8) char bytes[256];
    must(functions_add(&functions, bytes, record(bytes, 1, "/nowhere/lib.so", "f", "a.f")));
    struct function *function = functions_find(&functions, 1);
    for (int i = 0; i < 2; i++) {
        fails(function_open(function), LODE_ELIBRARY);
        expect_text(lode_last_error(), "/nowhere/lib.so");
    }
    expect(function->opened == NULL);
}

Test(functions, a_missing_symbol_says_so)
{
    _Alignas(8) char bytes[4200];
    must(functions_add(&functions, bytes, record(bytes, 1, blas_path(), "nosuch", "blas.nosuch")));
    fails(function_open(functions_find(&functions, 1)), LODE_ELIBRARY);
    expect_text(lode_last_error(), "nosuch");
    must(functions_add(&functions, bytes, record(bytes, 2, blas_path(), "matmul", "blas.matmul")));
    must(function_open(functions_find(&functions, 2)));
    expect(functions_find(&functions, 2)->opened != NULL);
}

Test(functions, a_library_without_a_table_is_refused)
{
    const struct library *library;
    fails(library_open("libm.so.6", &library), LODE_ELIBRARY);
    expect_text(lode_last_error(), "LODE_LIBRARY");
}

Test(functions, a_library_is_described_as_its_table_says)
{
    const struct library *library, *again;
    void *bytes;
    size_t size;
    must(library_open(blas_path(), &library));
    must(library_open(blas_path(), &again));
    expect(again == library);
    must(library_describe(library, &bytes, &size));
    const char *at = bytes, *end = at + size;
    uint32_t results = 0;
    int count = 0;
    expect_text(at, "blas");
    at += strlen(at) + 1;
    while (at < end) {
        expect(count > 0 || strcmp(at, "matmul") == 0);
        at += strlen(at) + 1;
        expect(at[0] == '(');
        at += strlen(at) + 1;
        memcpy(&results, at, sizeof results);
        expect_eq(results, 1);
        at += sizeof results;
        count++;
    }
    expect(at == end);
    expect_eq(count, 8);
    free(bytes);
}
