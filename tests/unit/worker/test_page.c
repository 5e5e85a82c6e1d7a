/* What a worker's page says of its tasks, as the scheduler reads it after the worker's death. */
#include "worker/runtime/page.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

enum { FIRST = 11, SECOND = 12 };

static struct lode_worker_page page;

static void
new_page(void)
{
    memset(&page, 0, sizeof page);
}

TestSuite(page, .init = new_page);

static bool
has_begun(uint64_t task)
{
    for (int i = 0; i < LODE_WORKER_BEGUN_MAX; i++) {
        if (page.begun[i] == task) {
            return true;
        }
    }
    return false;
}

Test(page, a_task_has_begun_before_it_is_finished)
{
    page_begin(&page, 1, FIRST);
    cr_assert(has_begun(FIRST));
    cr_assert_eq(page.started, FIRST);
    cr_assert_neq(page.finished, FIRST);
    page_finish(&page);
    cr_assert_eq(page.finished, FIRST);
    cr_assert(has_begun(FIRST), "its results may be lost with the worker's session");
}

Test(page, a_task_that_is_handed_back_has_not_begun_and_those_before_it_have)
{
    page_begin(&page, 1, FIRST);
    page_finish(&page);
    page_begin(&page, 2, SECOND);
    page_hand_back(&page, 2);
    cr_assert_not(has_begun(SECOND));
    cr_assert(has_begun(FIRST));
    cr_assert_eq(page.finished, FIRST);
}

Test(page, a_task_that_was_handed_back_and_begins_again_is_not_finished)
{
    page_begin(&page, 1, FIRST);
    page_hand_back(&page, 1);
    page_begin(&page, 2, FIRST);
    cr_assert(has_begun(FIRST));
    cr_assert_neq(page.finished, FIRST, "it would pass for done while it runs");
}

Test(page, the_last_tasks_are_named_however_many_there_were)
{
    for (uint64_t i = 1; i <= 3 * LODE_WORKER_BEGUN_MAX; i++) {
        page_begin(&page, i, 1000 + i);
        page_finish(&page);
    }
    for (uint64_t i = 2 * LODE_WORKER_BEGUN_MAX + 1; i <= 3 * LODE_WORKER_BEGUN_MAX; i++) {
        cr_assert(has_begun(1000 + i));
    }
}
