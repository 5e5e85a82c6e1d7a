#include "api/client/tasks/tasks.h"

#include "api/base/fail.h"

lode_err
lode_tasks_down(void)
{
    return lode_fail_with(LODE_EDOWN, "the scheduler has ended, and with it what was submitted; "
                                      "open a new session");
}
