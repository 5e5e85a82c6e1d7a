#include "api/layout/error_object.h"

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
