#include "api/client/context/task_context.h"

#include "api/client/tasks/args.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/check.h"

static lode_task task;
static _Atomic uint64_t cancelled;
static _Alignas(8) char bytes[1024];

/* A task of inline arguments needs no store until it is finished. */
static void
begin(lode_args args, uint32_t results)
{
    struct lode_task_order order = {
        .task = 77,
        .result_count = results > 0 ? results : 1,
        .declared = results,
        .threads = 2,
        .attempt = 3,
        .arg_count = (uint32_t)args.count,
        .function = "lib.f",
        .args = bytes,
    };
    lode_err err;
    must(lode_args_measure(args, &order.args_size));
    lode_args_encode(args, NULL, NULL, bytes);
    must(lode_task_init(&task, NULL, &cancelled));
    expect_eq(lode_task_begin(&task, &order, &err), LODE_TASK_GO);
    expect_eq(err, LODE_OK);
}

static void
end(void)
{
    lode_task_abandon(&task);
    lode_task_fini(&task);
}

TestSuite(task_context, .fini = end);

Test(task_context, arguments_come_as_they_were_given)
{
    int64_t i;
    double f;
    const char *text;
    lode_view view;
    begin(LODE_ARGS(lode_i64(5), lode_f64(0.5), lode_str("word"), lode_bytes("abc", 3)), 1);
    expect_eq(lode_task_arg_count(&task), 4);
    must(lode_task_i64(&task, 0, &i));
    expect_eq(i, 5);
    must(lode_task_f64(&task, 1, &f));
    expect(f == 0.5);
    must(lode_task_str(&task, 2, &text));
    expect_text(text, "word");
    must(lode_task_view(&task, 3, &view));
    expect(view.size == 3 && memcmp(view.data, "abc", 3) == 0 && view.array.strides[0] == 1);
    lode_release(&view); /* the task's: no harm */
    expect_eq(lode_task_threads(&task), 2);
    expect_eq(lode_task_attempt(&task), 3);
    expect_text(lode_task_function(&task), "lib.f");
}

Test(task_context, a_wrong_argument_names_function_position_what_came_and_what_was_wanted)
{
    int64_t i = 9;
    double f;
    lode_view view;
    lode_id id;
    begin(LODE_ARGS(lode_str("six"), lode_str("6")), 0);
    fails(lode_task_i64(&task, 0, &i), LODE_ETYPE);
    expect_text(lode_last_error(), "lib.f: argument 1 is a string, want an i64");
    expect_eq(i, 9);
    fails(lode_task_f64(&task, 1, &f), LODE_ETYPE);
    expect_text(lode_last_error(), "argument 2 is a string, want an f64");
    fails(lode_task_array(&task, 1, LODE_F64, 2, &view), LODE_ETYPE);
    expect_text(lode_last_error(), "want an array of f64 with 2 axes");
    fails(lode_task_ref(&task, 0, &id), LODE_ETYPE);
    fails(lode_task_i64(&task, 2, &i), LODE_ETYPE);
    expect_text(lode_last_error(), "argument 3 is missing (2 came), want an i64");
}

Test(task_context, a_missing_argument_quotes_the_signature)
{
    int64_t i;
    begin(LODE_NO_ARGS, 0);
    task.order.signature = "(x: i64) -> i64";
    fails(lode_task_i64(&task, 0, &i), LODE_ETYPE);
    expect_text(lode_last_error(), "is missing (0 came), want an i64: lib.f(x: i64) -> i64");
}

Test(task_context, a_whole_number_is_an_f64_if_one_has_exactly_that_value)
{
    const int64_t exact[] = {0, -3, INT64_C(1) << 53, -(INT64_C(1) << 53), INT64_MIN};
    const int64_t between[] = {(INT64_C(1) << 53) + 1, INT64_MAX, INT64_MIN + 1};
    double f = 0.5;
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++) {
        begin(LODE_ARGS(lode_i64(exact[i])), 0);
        must(lode_task_f64(&task, 0, &f));
        expect(f == (double)exact[i]);
        end();
    }
    for (size_t i = 0; i < sizeof between / sizeof between[0]; i++) {
        begin(LODE_ARGS(lode_i64(between[i])), 0);
        f = 0.5;
        fails(lode_task_f64(&task, 0, &f), LODE_ETYPE);
        expect_text(lode_last_error(), "which is no f64 exactly");
        expect(f == 0.5);
        end();
    }
    begin(LODE_NO_ARGS, 0); /* for the suite's end */
}

Test(task_context, a_result_is_given_once_and_within_bounds)
{
    lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {4}};
    lode_array bad = {.dtype = LODE_F64, .ndim = 1, .shape = {-1}};
    void *data = NULL;
    begin(LODE_NO_ARGS, 2);
    fails(lode_task_result(&task, 0, &bad, &data), LODE_EINVAL);
    fails(lode_task_result(&task, 0, NULL, &data), LODE_EINVAL);
    expect(data == NULL);
    must(lode_task_result(&task, 0, &array, &data));
    expect_eq((uintptr_t)data % 64, 0);
    fails(lode_task_return_i64(&task, 0, 1), LODE_EEXIST);
    must(lode_task_return_bytes(&task, 1, "x", 1));
    fails(lode_task_return_i64(&task, 2, 1), LODE_EINVAL);
    expect_text(lode_last_error(), "result 3 of a function that has 2");
}

Test(task_context, small_results_do_not_overlap)
{
    lode_array array = {.dtype = LODE_U8, .ndim = 1, .shape = {LODE_TASK_SMALL_BYTES / 2}};
    void *first, *second;
    begin(LODE_NO_ARGS, 2);
    must(lode_task_result(&task, 0, &array, &first));
    must(lode_task_result(&task, 1, &array, &second));
    expect((char *)first + array.shape[0] <= (char *)second);
    memset(first, 1, (size_t)array.shape[0]);
    memset(second, 2, (size_t)array.shape[0]);
    expect_eq(*(char *)first, 1);
}

Test(task_context, only_the_cancelled_task_is_cancelled)
{
    begin(LODE_NO_ARGS, 0);
    expect(!lode_task_cancelled(&task));
    atomic_store(&cancelled, 76);
    expect(!lode_task_cancelled(&task));
    atomic_store(&cancelled, 77);
    expect(lode_task_cancelled(&task));
}

Test(task_context, damaged_arguments_refuse_the_task)
{
    struct lode_task_order order = {.result_count = 1, .arg_count = 1, .function = "lib.f"};
    lode_err err;
    must(lode_task_init(&task, NULL, &cancelled));
    order.args = bytes;
    order.args_size = 4;
    expect_eq(lode_task_begin(&task, &order, &err), LODE_TASK_REFUSED);
    expect_eq(err, LODE_EPROTO);
}

Test(task_context, an_output_that_is_null_is_an_error_not_a_crash)
{
    const lode_array array = {.dtype = LODE_F64};
    lode_view *no_view = NULL;
    begin(LODE_ARGS(lode_i64(1)), 1);
    fails(lode_task_i64(&task, 0, NULL), LODE_EINVAL);
    fails(lode_task_f64(&task, 0, NULL), LODE_EINVAL);
    fails(lode_task_str(&task, 0, NULL), LODE_EINVAL);
    fails(lode_task_ref(&task, 0, NULL), LODE_EINVAL);
    fails(lode_task_view(&task, 0, no_view), LODE_EINVAL);
    fails(lode_task_array(&task, 0, 0, -1, no_view), LODE_EINVAL);
    fails(lode_task_result(&task, 0, &array, NULL), LODE_EINVAL);
}
