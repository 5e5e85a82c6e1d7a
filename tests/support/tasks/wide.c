/* Functions with as many results as there can be. */
#include <lode/lode.h>

#include <string.h>

enum { RESULTS = 1000, BLOCK = 100, ROWS = 500 };

static lode_err
numbers(lode_task *task)
{
    for (int i = 0; i < RESULTS; i++) {
        LODE_TRY(lode_task_return_i64(task, (size_t)i, i));
    }
    return LODE_OK;
}

/* More than a commit record can carry. */
static lode_err
blocks(lode_task *task)
{
    char block[BLOCK];
    for (int i = 0; i < RESULTS; i++) {
        memset(block, i % 256, sizeof block);
        LODE_TRY(lode_task_return_bytes(task, (size_t)i, block, sizeof block));
    }
    return LODE_OK;
}

/* As many arrays as a commit record can carry. */
static lode_err
rows(lode_task *task)
{
    lode_array array = {.dtype = LODE_U8, .ndim = 1, .shape = {1}};
    for (int i = 0; i < ROWS; i++) {
        void *data;
        LODE_TRY(lode_task_result(task, (size_t)i, &array, &data));
        *(unsigned char *)data = (unsigned char)i;
    }
    return LODE_OK;
}

static lode_err
all_but_the_last(lode_task *task)
{
    for (int i = 0; i < RESULTS - 1; i++) {
        LODE_TRY(lode_task_return_i64(task, (size_t)i, i));
    }
    return LODE_OK;
}

/* The longest sentence, many times more than a commit record can carry. */
static lode_err
none(lode_task *task)
{
    char sentence[512];
    memset(sentence, 'x', sizeof sentence);
    sentence[sizeof sentence - 1] = '\0';
    return lode_fail(task, LODE_EINVAL, "%s", sentence);
}

static const lode_function functions[] = {
    {"numbers", "() -> 1000 i64", numbers, RESULTS},
    {"blocks", "() -> 1000 bytes[100]", blocks, RESULTS},
    {"rows", "() -> 500 u8[1]", rows, ROWS},
    {"all_but_the_last", "() -> 1000 i64", all_but_the_last, RESULTS},
    {"none", "() -> 1000 i64", none, RESULTS},
    {0},
};
LODE_LIBRARY("wide", functions, NULL);
