/*
 * What a task holds, as the session's hooks tell of it, and what becomes of it without memory.
 * ctest: wrap malloc
 * ctest: wrap calloc
 */
#include "worker/runtime/held.h"

#include "api/layout/id.h"
#include "tests/support/check.h"
#include "tests/support/no_memory.h"

#include <criterion/criterion.h>

enum { STRIKES_MAX = 3 /* the item, its table, the table's buckets */ };

static struct held held;

static void
setup(void)
{
    held_init(&held);
    held_begin(&held);
}

static void
teardown(void)
{
    held_fini(&held);
}

TestSuite(held, .init = setup, .fini = teardown);

static lode_id
id_of(uint64_t counter)
{
    return lode_id_make(LODE_ID_PUT, 1, counter);
}

Test(held, what_a_task_drops_itself_need_not_be_ended)
{
    held_referenced(&held, id_of(1), 1);
    held_referenced(&held, id_of(1), -1);
    must(held_end(&held, NULL));
}

Test(held, without_memory_to_note_a_reference_the_worker_is_told_to_go)
{
    for (long n = 1; n <= STRIKES_MAX; n++) {
        no_memory_at(n);
        held_referenced(&held, id_of(1), 1);
        expect(no_memory_was_seen());
        fails(held_end(&held, NULL), LODE_ENOMEM);
        must(held_end(&held, NULL)); /* it is said once */
        held_begin(&held);
    }
}

Test(held, without_memory_to_note_a_view_or_a_draft_the_worker_is_told_to_go)
{
    const lode_view view = {.reserved_ = {1, 2, 3}};
    const lode_draft draft = {.reserved_ = {1, 2, 3}};
    for (long n = 1; n <= STRIKES_MAX; n++) {
        no_memory_at(n);
        held_pinned(&held, &view, true);
        expect(no_memory_was_seen());
        fails(held_end(&held, NULL), LODE_ENOMEM);
        held_begin(&held);
        no_memory_at(n);
        held_drafted(&held, &draft, true);
        expect(no_memory_was_seen());
        held_drafted(&held, &draft, false); /* what was not noted is not there to be ended */
        fails(held_end(&held, NULL), LODE_ENOMEM);
        held_begin(&held);
    }
}
