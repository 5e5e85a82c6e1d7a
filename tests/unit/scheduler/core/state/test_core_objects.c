/* Tasks that wait for one object: the store is asked once, and their order stays. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_objects, .init = two_cpus, .fini = stop);

static struct call
wants(lode_id id)
{
    return (struct call){.args = 1, .arg = {id}};
}

Test(core_objects, however_many_wait_for_one_object_the_store_is_asked_once)
{
    lode_id other = lode_id_make(LODE_ID_PUT, OTHER, 7);
    submit(PROGRAM, wants(other));
    uint64_t cookie = find(CORE_WATCH, 0, 0)->a.cookie;
    for (int i = 1; i < 10000; i++) {
        submit(i % 2 ? PROGRAM : OTHER, wants(other));
        cr_assert_null(find(CORE_WATCH, 0, 0), "task %d", i);
    }
    cr_assert_eq(stats().tasks_waiting, 10000);
    notify(cookie, other, LODE_FOUND_SEALED, 0);
    cr_assert_eq(stats().tasks_waiting, 0);
}

Test(core_objects, the_store_is_told_when_the_last_one_does_not_wait_any_more)
{
    lode_id other = lode_id_make(LODE_ID_PUT, OTHER, 7);
    lode_id first = submit(PROGRAM, wants(other)), second = submit(PROGRAM, wants(other));
    struct lode_task_cancel cancel = {.result = first};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    cr_assert_null(find(CORE_UNWATCH, 0, 0), "the other one waits");
    cancel.result = second;
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    const struct seen *unwatch = find(CORE_UNWATCH, 0, 0);
    cr_assert_not_null(unwatch);
    cr_assert(lode_id_same(*(lode_id *)unwatch->bytes, other));
}

Test(core_objects, an_answer_that_was_not_wanted_any_more_is_not_taken_for_the_next_one)
{
    lode_id other = lode_id_make(LODE_ID_PUT, OTHER, 7);
    lode_id first = submit(PROGRAM, wants(other));
    uint64_t old = find(CORE_WATCH, 0, 0)->a.cookie;
    struct lode_task_cancel cancel = {.result = first};
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    submit(PROGRAM, wants(other));
    uint64_t cookie = find(CORE_WATCH, 0, 0)->a.cookie;
    notify(old, other, LODE_FOUND_GONE, 0);
    cr_assert_eq(stats().tasks_waiting, 1);
    notify(cookie, other, LODE_FOUND_SEALED, 0);
    cr_assert_neq(ran(0, NULL), 0);
}

Test(core_objects, who_waited_at_the_store_waits_for_the_task_that_makes_it_once_that_is_submitted)
{
    submit(OTHER, wants(result_id(PROGRAM, 10)));
    cr_assert_not_null(find(CORE_WATCH, 0, 0), "nobody has submitted that one yet");
    submit(PROGRAM, (struct call){0});
    cr_assert_not_null(find(CORE_UNWATCH, 0, 0));
    uint32_t worker;
    uint64_t maker = ran(0, &worker);
    done(worker, maker, LODE_DONE_OK, 1000);
    cr_assert_neq(ran(0, NULL), 0, "it goes on with the maker's end");
}

Test(core_objects, one_that_waited_runs_before_those_that_were_submitted_after_it)
{
    lode_id other = lode_id_make(LODE_ID_PUT, OTHER, 7);
    uint32_t worker;
    stop();
    start(1);
    submit(PROGRAM, (struct call){0});
    uint64_t running = ran(0, &worker);
    lode_id waited = submit(PROGRAM, wants(other));
    uint64_t cookie = find(CORE_WATCH, 0, 0)->a.cookie;
    lode_id after = submit(PROGRAM, (struct call){0});
    notify(cookie, other, LODE_FOUND_SEALED, 0);
    done(worker, running, LODE_DONE_OK, 1000);
    const struct lode_task_run *first = (const void *)find(CORE_SEND, LODE_TASK_RUN, 0)->bytes;
    const struct lode_task_run *second = (const void *)find(CORE_SEND, LODE_TASK_RUN, 1)->bytes;
    cr_assert(lode_id_same(first->results, waited));
    cr_assert(lode_id_same(second->results, after));
}
