/*
 * The bytes of an object of kind error, as lode_get() and lode_failure() read them.
 *
 * ctest: replay 100000
 */
#include "api/layout/error_object.h"
#include "tests/fuzz/fuzz.h"

static void
check_text(const char *text, const uint8_t *bytes, size_t size)
{
    const uint8_t *at = (const uint8_t *)text;
    fuzz_expect(at >= bytes && at < bytes + size && memchr(at, 0, (size_t)(bytes + size - at)));
}

static bool
is_same(const struct lode_error_parts *a, const struct lode_error_parts *b)
{
    return a->head.code == b->head.code && a->head.task_code == b->head.task_code &&
           a->head.pid == b->head.pid && a->head.signal == b->head.signal &&
           a->head.task == b->head.task && strcmp(a->function, b->function) == 0 &&
           strcmp(a->message, b->message) == 0;
}

/* Written again it reads the same; with too little room it is cut, and still reads. */
static void
check_round(const struct lode_error_parts *parts)
{
    struct lode_error_parts again;
    lode_failure_info info;
    size_t size = lode_error_object_size(parts);
    uint8_t *whole = malloc(size), cut[LODE_ERROR_BYTES_MIN];
    fuzz_expect(whole != NULL && lode_error_object_write(parts, whole, size) == size);
    fuzz_expect(lode_error_object_read(whole, size, &again) == LODE_OK && is_same(parts, &again));
    size_t cut_size = lode_error_object_write(parts, cut, sizeof cut);
    fuzz_expect(cut_size <= sizeof cut);
    fuzz_expect(lode_error_object_read(cut, cut_size, &again) == LODE_OK);
    fuzz_expect(again.head.code == parts->head.code);
    lode_error_parts_to_info(parts, &info);
    lode_error_parts_of_info(&info, parts->head.task, &again);
    free(whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct lode_error_parts parts;
    fuzz_expect(lode_error_object_fail(bytes, size) != LODE_OK);
    if (lode_error_object_read(bytes, size, &parts) == LODE_OK) {
        check_text(parts.function, bytes, size);
        check_text(parts.message, bytes, size);
        check_round(&parts);
    }
    return 0;
}

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    static const char *const text[][2] = {{"", ""}, {"blas.dot", "lengths 3 and 4"}};
    for (int code = 0; code < 60; code += 3) {
        struct lode_error_parts parts = {.head = {.code = code, .pid = 77, .attempt = 1, .task = 5},
                                         .function = text[code % 2][0],
                                         .message = text[code % 2][1]};
        uint8_t bytes[1024];
        seed(arg, bytes, lode_error_object_write(&parts, bytes, sizeof bytes));
    }
}
