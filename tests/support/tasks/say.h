/* say.h: the function `say` of more than one library of the tests. */
#ifndef TESTS_SUPPORT_TASKS_SAY_H
#define TESTS_SUPPORT_TASKS_SAY_H

#include <lode/lode.h>

#include <stdio.h>

/* Prints its text as one line. */
static lode_err
say(lode_task *task)
{
    const char *text;
    LODE_TRY(lode_task_str(task, 0, &text));
    printf("%s\n", text);
    return LODE_OK;
}

#endif
