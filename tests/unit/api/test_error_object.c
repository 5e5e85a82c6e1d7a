#include "api/layout/error_object.h"

#include "api/base/fail.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/check.h"

Test(error_object, a_failure_is_cut_to_its_room_with_all_closing_zeros)
{
    lode_failure_info info = {.code = LODE_ETASK, .task_code = LODE_EINVAL, .attempt = 2};
    struct lode_error_parts parts;
    char out[LODE_ERROR_BYTES_MIN];
    struct lode_error_object head;
    memset(info.message, 'm', sizeof info.message - 1);
    strcpy(info.function, "lib.f");
    lode_error_parts_of_info(&info, 77, &parts);
    size_t size = lode_error_object_write(&parts, out, sizeof out);
    expect_le(size, sizeof out);
    memcpy(&head, out, sizeof head);
    expect_eq(head.magic, LODE_ERROR_MAGIC);
    expect_eq(head.task, 77);
    expect_eq(head.task_code, LODE_EINVAL);
    size_t zeros = 0;
    for (size_t i = sizeof head; i < size; i++) {
        zeros += out[i] == '\0';
    }
    expect_eq(zeros, 2);
    expect_eq(out[size - 1], '\0');
}

Test(error_object, what_was_written_is_read)
{
    struct lode_error_parts parts = {.head = {.code = LODE_ECRASHED, .pid = 42, .signal = 11},
                                     .function = "lib.f",
                                     .message = "it fell"};
    char out[LODE_ERROR_BYTES_MIN];
    struct lode_error_parts read;
    lode_failure_info info;
    size_t size = lode_error_object_write(&parts, out, sizeof out);
    expect_eq(size, lode_error_object_size(&parts));
    must(lode_error_object_read(out, size, &read));
    lode_error_parts_to_info(&read, &info);
    expect_eq(info.code, LODE_ECRASHED);
    expect_eq(info.pid, 42);
    expect_eq(info.signal, 11);
    expect_text(info.function, "lib.f");
    expect_text(info.message, "it fell");
}

Test(error_object, a_short_one_has_the_facts_and_no_texts)
{
    struct lode_error_parts parts = {.head = {.code = LODE_ECRASHED, .pid = 42, .signal = 11},
                                     .function = "lib.f",
                                     .message = "it fell"};
    char out[LODE_ERROR_BYTES_MIN], brief[LODE_ERROR_SHORT_BYTES];
    struct lode_error_parts read;
    size_t size = lode_error_object_write(&parts, out, sizeof out);
    must(lode_error_object_shorten(out, size, brief));
    must(lode_error_object_read(brief, sizeof brief, &read));
    expect_eq(read.head.code, LODE_ECRASHED);
    expect_eq(read.head.pid, 42);
    expect_eq(read.function[0], '\0');
    expect_eq(read.message[0], '\0');
    fails(lode_error_object_shorten(out, size - 1, brief), LODE_ECORRUPT);
}

Test(error_object, a_short_one_says_what_it_knows_and_why_it_is_short)
{
    struct lode_error_parts parts = {
        .head = {.code = LODE_ETASK, .task_code = LODE_EFULL}, .function = "", .message = ""};
    char out[LODE_ERROR_BYTES_MIN];
    struct lode_error_parts read;
    lode_failure_info info;
    size_t size = lode_error_object_write(&parts, out, sizeof out);
    fails(lode_error_object_fail(out, size), LODE_ETASK);
    expect_text(lode_last_error(), "a task failed: the store is full (LODE_EFULL)");
    expect_text(lode_last_error(), "no room for them");
    must(lode_error_object_read(out, size, &read));
    lode_error_parts_to_info(&read, &info);
    expect_text(info.message, "no room for them");
    parts.head = (struct lode_error_object){.code = LODE_ECRASHED, .signal = 9};
    size = lode_error_object_write(&parts, out, sizeof out);
    fails(lode_error_object_fail(out, size), LODE_ECRASHED);
    expect_text(lode_last_error(), "the task's worker died by signal 9 (LODE_ECRASHED)");
}

Test(error_object, one_that_is_cut_anywhere_is_corrupt)
{
    struct lode_error_parts parts = {.head.code = LODE_ETASK, .function = "f", .message = "m"};
    char out[LODE_ERROR_BYTES_MIN];
    struct lode_error_parts read;
    size_t size = lode_error_object_write(&parts, out, sizeof out);
    for (size_t cut = 0; cut < size; cut++) {
        fails(lode_error_object_read(out, cut, &read), LODE_ECORRUPT);
    }
}

/* A worker of a newer version may have errors that this one has no name for. */
Test(error_object, a_code_of_a_newer_version_is_passed_on_with_its_sentence)
{
    struct lode_error_parts parts = {
        .head.code = 999, .function = "lib.f", .message = "the moon is full"};
    char out[LODE_ERROR_BYTES_MIN];
    struct lode_error_parts read;
    size_t size = lode_error_object_write(&parts, out, sizeof out);
    must(lode_error_object_read(out, size, &read));
    expect_eq(read.head.code, 999);
    expect_eq(lode_error_object_fail(out, size), 999);
    expect_text(lode_last_error(), "lib.f");
    expect_text(lode_last_error(), "999");
    expect_text(lode_last_error(), "the moon is full");
}

Test(error_object, a_code_that_is_no_failure_is_corrupt)
{
    static const int32_t codes[] = {LODE_OK, LODE_EAGAIN, -1, INT32_MIN};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct lode_error_parts parts = {.head.code = codes[i], .function = "f", .message = "m"};
        char out[LODE_ERROR_BYTES_MIN];
        struct lode_error_parts read;
        size_t size = lode_error_object_write(&parts, out, sizeof out);
        fails(lode_error_object_read(out, size, &read), LODE_ECORRUPT);
    }
}

Test(error_object, another_major_version_is_named)
{
    struct lode_error_parts parts = {.head.code = LODE_ETASK, .function = "f", .message = "m"};
    char out[LODE_ERROR_BYTES_MIN];
    struct lode_error_parts read;
    struct lode_error_object head;
    size_t size = lode_error_object_write(&parts, out, sizeof out);
    memcpy(&head, out, sizeof head);
    head.major = 3;
    memcpy(out, &head, sizeof head);
    fails(lode_error_object_read(out, size, &read), LODE_EVERSION);
    expect_text(lode_last_error(), "3.0");
}

/* The sentence of a task whose own message is this one. */
static const char *
pass_on(const char *function, const char *message, lode_err code)
{
    char bytes[4096];
    const struct lode_error_parts parts = {
        .head = {.code = code}, .function = function, .message = message};
    size_t size = lode_error_object_write(&parts, bytes, sizeof bytes);
    fails(lode_error_object_fail(bytes, size), code);
    return lode_last_error();
}

Test(error_object, of_a_chain_of_failures_the_reason_stays_whole_and_the_calls_are_counted)
{
    char message[1024], reason[512];
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    strcpy(message, pass_on("lib.last", reason, LODE_ETASK));
    strcpy(message, pass_on("lib.next", message, LODE_ETASK));
    expect_text(message, "task lib.next failed through a call of lib.last: rrr");
    for (int i = 2; i <= 70; i++) {
        strcpy(message, pass_on("lib.first", message, LODE_ETASK));
    }
    expect_text(message, "task lib.first failed through 70 calls, the last of them lib.last: rrr");
    expect_text(message, reason);
}

Test(error_object, a_cancelled_task_is_said_to_be_so_once)
{
    char message[1024];
    strcpy(message, pass_on("lib.f", "the task was cancelled", LODE_ECANCELLED));
    cr_assert_str_eq(message, "task lib.f was cancelled");
    cr_assert_str_eq(pass_on("lib.f", "lib.f was cancelled", LODE_ECANCELLED),
                     "task lib.f was cancelled");
    cr_assert_str_eq(pass_on("lib.f", lode_err_text(LODE_ECANCELLED), LODE_ECANCELLED),
                     "task lib.f was cancelled");
    cr_assert_str_eq(pass_on("lib.f", "at row 7", LODE_ECANCELLED),
                     "task lib.f was cancelled: at row 7");
    cr_assert_str_eq(pass_on("lib.g", message, LODE_ETASK),
                     "task lib.g failed through a call of lib.f, which was cancelled");
}

Test(error_object, a_death_at_the_end_of_a_chain_is_told_as_one)
{
    char message[1024];
    strcpy(message, pass_on("lib.last", "it fell", LODE_ECRASHED));
    strcpy(message, pass_on("lib.next", message, LODE_ETASK));
    strcpy(message, pass_on("lib.first", message, LODE_ETASK));
    expect_text(message, "task lib.first failed through 2 calls, the last of them lib.last, which "
                         "died: it fell");
}

Test(error_object, words_that_look_like_a_chain_are_a_reason)
{
    expect_text(pass_on("f", "task lists are empty", LODE_ETASK), "task f failed: task lists are");
    expect_text(pass_on("f", "task", LODE_ETASK), "task f failed: task");
    expect_text(pass_on("f", "task x failed through luck", LODE_ETASK),
                "task f failed: task x failed through luck");
    expect_text(pass_on("f", "task x failed through 3 hoops: y", LODE_ETASK),
                "task f failed: task x failed through 3 hoops: y");
}

/* The reason of the failure of `function` with this message. */
static const char *
reason_of(lode_err code, const char *function, const char *message)
{
    static char reason[LODE_FAIL_MAX];
    lode_error_reason(code, function, message, reason, sizeof reason);
    return reason;
}

Test(error_object, every_task_of_a_chain_has_one_reason)
{
    char message[1024] = "at row 7", told[1024];
    lode_error_tell(message, told, sizeof told);
    cr_assert_str_eq(told, "at row 7");
    for (int i = 0; i < 4; i++) {
        cr_assert_str_eq(reason_of(LODE_ETASK, "lib.f", message), "lib.f: at row 7");
        strcpy(message, pass_on("lib.f", message, LODE_ETASK));
    }
    lode_error_tell(message, told, sizeof told);
    cr_assert_str_eq(told, "failed through 4 calls, the last of them lib.f: at row 7");
}

Test(error_object, a_function_that_names_itself_is_named_once)
{
    char inner[1024];
    const char *reason = "m.dot: argument 1 is missing";
    cr_assert_str_eq(reason_of(LODE_ETASK, "m.dot", reason), reason);
    strcpy(inner, pass_on("m.dot", reason, LODE_ETASK));
    cr_assert_str_eq(inner, "task m.dot failed: argument 1 is missing");
    cr_assert_str_eq(reason_of(LODE_ETASK, "m.a", inner), reason);
    cr_assert_str_eq(pass_on("m.a", inner, LODE_ETASK),
                     "task m.a failed through a call of m.dot: argument 1 is missing");
    cr_assert_str_eq(pass_on("m.d", "m.dot: no", LODE_ETASK), "task m.d failed: m.dot: no");
    cr_assert_str_eq(pass_on("m.d", "m.d: ", LODE_ETASK), "task m.d failed: m.d: ");
}

Test(error_object, a_death_is_the_reason_of_its_chain)
{
    char message[1024], told[1024];
    const char *reason = "lib.f, which died: it fell";
    cr_assert_str_eq(reason_of(LODE_ECRASHED, "lib.f", "it fell"), reason);
    strcpy(message, pass_on("lib.f", "it fell", LODE_ECRASHED));
    cr_assert_str_eq(reason_of(LODE_ETASK, "lib.g", message), reason);
    lode_error_tell(message, told, sizeof told);
    cr_assert_str_eq(told, "failed through a call of lib.f, which died: it fell");
}
