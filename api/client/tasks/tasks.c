#include "api/client/tasks/tasks.h"

#include "api/base/fail.h"

lode_err
lode_tasks_down(void)
{
    return lode_fail_with(LODE_EDOWN, "the scheduler has ended, and with it what was submitted; "
                                      "open a new session");
}

uint64_t
lode_tasks_parent(const struct lode_tasks *tasks)
{
    return tasks->worker.record != NULL ? atomic_load_explicit(&tasks->parent, memory_order_relaxed)
                                        : lode_hooks_task();
}
