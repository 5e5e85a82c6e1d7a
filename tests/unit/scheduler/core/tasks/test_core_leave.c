/* What becomes of the tasks of a session that has ended. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_leave, .init = two_cpus, .fini = stop);

Test(core_leave, a_session_that_ends_takes_its_unwanted_tasks_along_without_a_word)
{
    lode_id other = lode_id_make(LODE_ID_PUT, 77, 5);
    lode_id first = submit(PROGRAM, (struct call){.args = 1, .arg = {other}});
    submit(PROGRAM, (struct call){.args = 1, .arg = {first}});
    session_end(PROGRAM);
    cr_assert_eq(find(CORE_RESULTS, 0, 0)->a.size, 2 * 16);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert_null(find(CORE_PUT_ERROR, 0, 0));
    cr_assert_eq(stats().tasks_waiting, 0);
    cr_assert_eq(stats().sessions, 3);
}

Test(core_leave, a_task_of_an_ended_session_that_another_one_needs_goes_on)
{
    lode_id other = lode_id_make(LODE_ID_PUT, 77, 5);
    lode_id first = submit(PROGRAM, (struct call){.args = 1, .arg = {other}});
    uint64_t cookie = find(CORE_WATCH, 0, 0)->a.cookie;
    lode_id second = submit(PROGRAM, (struct call){.args = 1, .arg = {first}});
    submit(OTHER, (struct call){.args = 1, .arg = {second}});
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert_eq(stats().tasks_waiting, 3, "the chain that ends at the other session");
    notify(cookie, other, LODE_FOUND_SEALED, 0);
    cr_assert_neq(ran(0, NULL), 0);
}

Test(core_leave, a_chain_at_whose_end_stands_a_wanted_result_goes_on_without_its_session)
{
    lode_id other = lode_id_make(LODE_ID_PUT, 77, 5), last = other;
    uint64_t cookie = 0;
    for (int i = 0; i < 5; i++) {
        last = submit(PROGRAM, (struct call){.args = 1, .arg = {last}});
        cookie = i == 0 ? find(CORE_WATCH, 0, 0)->a.cookie : cookie;
    }
    submit(PROGRAM, (struct call){.args = 1, .arg = {last}}); /* nobody wants this one */
    session_end(PROGRAM);
    settle_each(CORE_RESULTS, (const uint8_t[]){[4] = LODE_FOUND_PENDING, [5] = LODE_FOUND_GONE});
    cr_assert_eq(stats().tasks_waiting, 5);
    notify(cookie, other, LODE_FOUND_SEALED, 0);
    cr_assert_neq(ran(0, NULL), 0);
}

Test(core_leave, a_running_task_of_an_ended_session_is_told_to_stop)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert_eq(((const struct lode_task_cancel *)sent(LODE_TASK_STOP_TASK, NULL))->task, task);
    done(worker, task, LODE_DONE_FAILED, 1000);
    cr_assert_eq(stats().cpus_used, 0);
    cr_assert_eq(stats().sessions, 3);
}

Test(core_leave, more_results_than_fit_one_packet_are_asked_for_in_full_packets)
{
    lode_id other = lode_id_make(LODE_ID_PUT, 77, 5);
    for (int i = 0; i < CORE_STORE_IDS; i++) {
        submit(PROGRAM, (struct call){.args = 1, .arg = {other}});
    }
    session_end(PROGRAM);
    cr_assert_eq(count(CORE_RESULTS, 0), 2, "the store takes one that is not full for the last");
    cr_assert_eq(find(CORE_RESULTS, 0, 0)->a.size, CORE_STORE_IDS * 16);
    cr_assert_eq(find(CORE_RESULTS, 0, 1)->a.size, 0);
}
