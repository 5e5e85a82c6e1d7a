/* A library that takes a name of lode's own. */
#include <lode/lode.h>

static lode_err
matmul(lode_task *task)
{
    return lode_task_return_i64(task, 0, 666);
}

static const lode_function functions[] = {
    {"matmul", "(...) -> i64", matmul, 1},
    {0},
};
LODE_LIBRARY("blas", functions, NULL);
