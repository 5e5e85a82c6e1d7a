/* A library that needs others, which it finds by $ORIGIN. */
#include <lode/lode.h>

#ifndef NAME
#define NAME "neighbour"
#endif

int near_value(void);
int far_value(void);

static lode_err
sum(lode_task *task)
{
    return lode_task_return_i64(task, 0, near_value() + far_value());
}

static const lode_function functions[] = {
    {"sum", "() -> i64", sum, 1},
    {0},
};
LODE_LIBRARY(NAME, functions, NULL);
