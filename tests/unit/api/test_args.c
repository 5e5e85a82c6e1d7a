#include "api/client/tasks/args.h"

#include "api/layout/arg_reader.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/check.h"

static const lode_id some_id = {{0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

static bool
is_some_id(void *arg, lode_id id)
{
    (*(int *)arg)++;
    return memcmp(&id, &some_id, sizeof id) == 0;
}

Test(args, what_is_encoded_is_read_again)
{
    _Alignas(8) char bytes[512];
    struct lode_arg_in in;
    lode_args args = LODE_ARGS(lode_i64(-7), lode_f64(2.5), lode_str("three"),
                               lode_bytes("\0\1\2", 3), lode_ref(some_id), lode_bytes(NULL, 0));
    size_t size, at = 0;
    int asked = 0;
    int64_t i;
    double f;
    must(lode_args_measure(args, &size));
    expect_le(size, sizeof bytes);
    memset(bytes, 0xaa, sizeof bytes);
    lode_args_encode(args, is_some_id, &asked, bytes);
    expect_eq(asked, 1); /* of references only */

    must(lode_args_next(bytes, size, &at, &in));
    memcpy(&i, in.value, sizeof i);
    expect(in.kind == LODE_ARG_I64 && i == -7);
    must(lode_args_next(bytes, size, &at, &in));
    memcpy(&f, in.value, sizeof f);
    expect(in.kind == LODE_ARG_F64 && f == 2.5);
    must(lode_args_next(bytes, size, &at, &in));
    expect(in.kind == LODE_ARG_STR && strcmp(in.value, "three") == 0);
    must(lode_args_next(bytes, size, &at, &in));
    expect(in.kind == LODE_ARG_BYTES && in.size == 3 && memcmp(in.value, "\0\1\2", 3) == 0);
    struct lode_task_arg head;
    memcpy(&head, bytes + at, sizeof head);
    expect_eq(head.ready, 1);
    must(lode_args_next(bytes, size, &at, &in));
    expect(in.kind == LODE_ARG_REF && memcmp(in.value, &some_id, sizeof some_id) == 0);
    must(lode_args_next(bytes, size, &at, &in));
    expect(in.kind == LODE_ARG_BYTES && in.size == 0);
    expect_eq(at, size);
    fails(lode_args_next(bytes, size, &at, &in), LODE_EPROTO);
    expect_eq((unsigned char)bytes[size], 0xaa); /* not a byte more than was measured */
}

Test(args, every_value_begins_at_a_multiple_of_8)
{
    _Alignas(8) char bytes[256];
    struct lode_arg_in in;
    lode_args args = LODE_ARGS(lode_bytes("x", 1), lode_str("1234567"), lode_f64(1));
    size_t size, at = 0;
    must(lode_args_measure(args, &size));
    lode_args_encode(args, NULL, NULL, bytes);
    for (size_t i = 0; i < args.count; i++) {
        must(lode_args_next(bytes, size, &at, &in));
        expect_eq((uintptr_t)in.value % 8, 0);
    }
}

Test(args, what_cannot_be_sent_is_refused_with_its_position)
{
    size_t size = 99;
    lode_arg unknown = {.kind = (lode_arg_kind)42};
    fails(lode_args_measure(LODE_ARGS(lode_i64(1), lode_ref((lode_id){{0}})), &size), LODE_EINVAL);
    expect_text(lode_last_error(), "argument 2");
    fails(lode_args_measure(LODE_ARGS(lode_str(NULL)), &size), LODE_EINVAL);
    fails(lode_args_measure(LODE_ARGS(lode_bytes(NULL, 1)), &size), LODE_EINVAL);
    fails(lode_args_measure(LODE_ARGS(unknown), &size), LODE_EINVAL);
    fails(lode_args_measure((lode_args){NULL, 1}, &size), LODE_EINVAL);
    fails(lode_args_measure((lode_args){&unknown, LODE_TASK_ARGS_MAX + 1}, &size), LODE_EINVAL);
    expect_eq(size, 99);
    must(lode_args_measure(LODE_NO_ARGS, &size));
    expect_eq(size, 0);
}

Test(args, a_mebibyte_inline_is_the_most)
{
    static char bytes[LODE_TASK_INLINE_MAX];
    size_t size;
    must(lode_args_measure(LODE_ARGS(lode_bytes(bytes, sizeof bytes)), &size));
    fails(
        lode_args_measure(LODE_ARGS(lode_bytes(bytes, sizeof bytes), lode_bytes(bytes, 1)), &size),
        LODE_ETOOBIG);
    fails(lode_args_measure(LODE_ARGS(lode_bytes(bytes, SIZE_MAX)), &size), LODE_ETOOBIG);
}

/* Any byte of it may be a lie: nothing is read behind the end. */
Test(args, damaged_arguments_are_refused)
{
    struct {
        struct lode_task_arg head;
        char value[8];
    } one = {{.kind = LODE_ARG_I64, .size = 8}, {0}};
    struct lode_arg_in in;
    size_t at = 0;
    fails(lode_args_next(&one, 7, &at, &in), LODE_EPROTO);
    fails(lode_args_next(&one, 15, &at, &in), LODE_EPROTO);
    at = sizeof one + 1;
    fails(lode_args_next(&one, sizeof one, &at, &in), LODE_EPROTO);
    at = 0;
    one.head.size = UINT32_MAX;
    fails(lode_args_next(&one, sizeof one, &at, &in), LODE_EPROTO);
    one.head = (struct lode_task_arg){.kind = LODE_ARG_I64, .size = 4};
    fails(lode_args_next(&one, sizeof one, &at, &in), LODE_EPROTO);
    one.head = (struct lode_task_arg){.kind = LODE_ARG_REF, .size = 8};
    fails(lode_args_next(&one, sizeof one, &at, &in), LODE_EPROTO);
    one.head = (struct lode_task_arg){.kind = 77, .size = 8};
    fails(lode_args_next(&one, sizeof one, &at, &in), LODE_EPROTO);
    one.head = (struct lode_task_arg){.kind = LODE_ARG_STR, .size = 8};
    memset(one.value, 'x', sizeof one.value); /* no closing zero */
    fails(lode_args_next(&one, sizeof one, &at, &in), LODE_EPROTO);
    expect_eq(at, 0);
}

Test(args, a_reference_to_the_zero_id_is_refused)
{
    struct {
        struct lode_task_arg head;
        lode_id id;
    } one = {.head = {.kind = LODE_ARG_REF, .size = sizeof(lode_id)}};
    struct lode_arg_in in;
    size_t at = 0;
    fails(lode_args_next(&one, sizeof one, &at, &in), LODE_EPROTO);
    one.id = some_id;
    must(lode_args_next(&one, sizeof one, &at, &in));
}
