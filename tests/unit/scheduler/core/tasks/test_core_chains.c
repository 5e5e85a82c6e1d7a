/*
 * Chains in the scheduler's core: a task goes behind those that make its arguments, in their queue.
 */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_chains, .init = two_cpus, .fini = stop);

static struct call
after(lode_id arg)
{
    return (struct call){.args = 1, .arg = {arg}, .retries = 3};
}

Test(core_chains, a_chain_goes_to_one_worker_without_waiting_for_answers)
{
    learn(1000, 100);
    uint32_t first, worker;
    lode_id last = submit(PROGRAM, (struct call){0});
    cr_assert_neq(ran(0, &first), 0);
    for (int i = 1; i < 50; i++) {
        last = submit(PROGRAM, after(last));
        cr_assert_neq(ran(0, &worker), 0, "link %d", i);
        cr_assert_eq(worker, first);
    }
    cr_assert_eq(stats().tasks_waiting, 0);
    cr_assert_eq(stats().cpus_used, ONE_CPU);
}

Test(core_chains, a_chain_of_a_thousand_runs_in_order)
{
    uint64_t task[1100];
    int sent_count = 0, ended = 0;
    uint32_t worker = 0;
    lode_id last = submit(PROGRAM, (struct call){0});
    task[sent_count++] = ran(0, &worker);
    for (int i = 1; i < 1000; i++) {
        last = submit(PROGRAM, after(last));
        cr_assert_eq(ran(0, NULL), 0, "unmeasured functions are not queued");
    }
    for (; ended < 1000; ended++) {
        cr_assert_lt(ended, sent_count, "something is queued until all have ended");
        done(worker, task[ended], LODE_DONE_OK, 1000);
        uint32_t at;
        for (int i = 0; ran(i, &at) != 0; i++) {
            cr_assert_eq(at, worker);
            cr_assert_gt(ran(i, NULL), task[sent_count - 1], "in the order of submission");
            task[sent_count++] = ran(i, NULL);
        }
    }
    cr_assert_eq(sent_count, 1000);
    cr_assert_eq(stats().finished, 1000);
}

Test(core_chains, a_task_with_makers_at_two_workers_goes_behind_the_last_of_them)
{
    learn(1000, 100);
    uint32_t worker[2];
    uint64_t maker[2];
    lode_id arg[2];
    for (int i = 0; i < 2; i++) {
        arg[i] = submit(PROGRAM, (struct call){0});
        maker[i] = ran(0, &worker[i]);
    }
    cr_assert_neq(worker[0], worker[1]);
    submit(PROGRAM, (struct call){.args = 2, .arg = {arg[0], arg[1]}});
    cr_assert_eq(ran(0, NULL), 0);
    done(worker[0], maker[0], LODE_DONE_OK, 1000);
    uint32_t at;
    cr_assert_neq(ran(0, &at), 0);
    cr_assert_eq(at, worker[1]);
}

Test(core_chains, a_task_that_its_maker_left_nothing_for_waits_again_uncharged)
{
    learn(1000, 100);
    lode_id own = lode_id_make(LODE_ID_PUT, PROGRAM, 5);
    uint32_t worker, at;
    lode_id made = submit(PROGRAM, (struct call){.args = 1, .arg = {own}, .ready = 1});
    uint64_t maker = ran(0, &worker);
    submit(PROGRAM, after(made));
    uint64_t task = ran(0, &at);
    cr_assert_eq(at, worker);
    done(worker, maker, LODE_DONE_MISSING, 0);
    uint64_t cookie = find(CORE_WATCH, 0, 0)->a.cookie;
    done(worker, task, LODE_DONE_MISSING, 0);
    cr_assert_eq(stats().tasks_waiting, 2);
    notify(cookie, own, LODE_FOUND_SEALED, 0);
    cr_assert_eq(ran(0, NULL), maker);
    cr_assert_eq(ran(1, NULL), task);
    const struct lode_task_run *run = (const void *)find(CORE_SEND, LODE_TASK_RUN, 1)->bytes;
    cr_assert_eq(run->attempt, 1);
}

Test(core_chains, a_chain_whose_worker_dies_follows_its_head_and_only_that_is_charged)
{
    learn(1000, 100);
    uint64_t task[3];
    uint32_t worker;
    lode_id last = submit(PROGRAM, (struct call){.retries = 3});
    task[0] = ran(0, &worker);
    for (int i = 1; i < 3; i++) {
        last = submit(PROGRAM, after(last));
        task[i] = ran(0, NULL);
    }
    die(worker, task[0], SIGKILL);
    settle(CORE_SETTLE, LODE_FOUND_PENDING);
    for (int i = 0; i < 3; i++) {
        uint32_t at;
        cr_assert_eq(ran(i, &at), task[i]);
        cr_assert_neq(at, worker);
        const struct lode_task_run *run = (const void *)find(CORE_SEND, LODE_TASK_RUN, i)->bytes;
        cr_assert_eq(run->attempt, i == 0 ? 2 : 1);
    }
}

Test(core_chains, an_error_of_the_head_is_read_where_the_chain_runs)
{
    learn(1000, 100);
    uint32_t worker;
    lode_id made = submit(PROGRAM, (struct call){0});
    uint64_t maker = ran(0, &worker);
    submit(PROGRAM, after(made));
    uint64_t task = ran(0, NULL);
    done(worker, maker, LODE_DONE_FAILED, 1000);
    cr_assert_null(find(CORE_PUT_ERROR, 0, 0));
    done(worker, task, LODE_DONE_FAILED, 1000);
    cr_assert_eq(stats().failed, 2);
}

Test(core_chains, a_chain_stays_where_it_is_when_a_worker_is_idle)
{
    learn(100000, 100);
    lode_id last = submit(PROGRAM, (struct call){0});
    uint64_t head = ran(0, NULL);
    for (int i = 0; i < 2; i++) {
        last = submit(PROGRAM, after(last));
        cr_assert_neq(ran(0, NULL), 0);
        cr_assert_null(find(CORE_SEND, LODE_TASK_RECALL, 0));
    }
    timer(2000000);
    cr_assert_null(find(CORE_SEND, LODE_TASK_RECALL, 0));
    cr_assert_neq(head, 0);
}

Test(core_chains, what_lies_among_a_chain_is_fetched_for_an_idle_worker)
{
    learn(10000, 100);
    uint32_t worker, at;
    lode_id made = submit(PROGRAM, (struct call){0});
    uint64_t head = ran(0, &worker), elsewhere[8], back[2];
    submit(PROGRAM, (struct call){0});
    elsewhere[0] = ran(0, NULL);
    int others = 1;
    submit(PROGRAM, after(made));
    back[0] = ran(0, &at);
    cr_assert_eq(at, worker);
    for (;;) { /* open workers take turns */
        submit(PROGRAM, (struct call){0});
        uint64_t task = ran(0, &at);
        if (at == worker) {
            back[1] = task;
            break;
        }
        elsewhere[others++] = task;
    }
    for (int i = 0; i < others; i++) {
        done(3 - worker, elsewhere[i], LODE_DONE_OK, 10000);
    }
    timer(1100000);
    cr_assert_eq(((const struct lode_task_recall *)sent(LODE_TASK_RECALL, NULL))->count, 0, "all");
    recalled(worker, back, 2);
    cr_assert_eq(ran(0, &at), back[1]);
    cr_assert_eq(at, 3 - worker);
    cr_assert_eq(ran(1, NULL), 0);
    done(worker, head, LODE_DONE_OK, 10000);
    cr_assert_eq(ran(0, NULL), back[0]);
}

Test(core_chains, of_many_that_wait_for_one_result_few_queue_up_while_a_worker_is_idle)
{
    learn(20000, 100);
    lode_id made = submit(PROGRAM, (struct call){0});
    uint32_t worker;
    uint64_t maker = ran(0, &worker);
    int chained = 0;
    for (int i = 0; i < 10; i++) {
        submit(PROGRAM, after(made));
        chained += ran(0, NULL) != 0;
    }
    cr_assert_eq(chained, 2, "behind 20 and 40 us: %d", chained);
    done(worker, maker, LODE_DONE_OK, 20000);
    uint32_t at;
    cr_assert_neq(ran(0, &at), 0);
    cr_assert_eq(at, 3 - worker, "the idle one comes first");
}

Test(core_chains, a_chain_that_nobody_wants_any_more_is_stopped_from_its_head_on)
{
    learn(1000, 100);
    uint32_t worker;
    lode_id last = submit(PROGRAM, (struct call){0});
    uint64_t head = ran(0, &worker), link[2];
    for (int i = 0; i < 2; i++) {
        last = submit(PROGRAM, after(last));
        link[i] = ran(0, NULL);
    }
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    cr_assert_eq(count(CORE_SEND, LODE_TASK_STOP_TASK), 3, "the head runs, and is told");
    recalled(worker, link, 2);
    done(worker, head, LODE_DONE_FAILED, 1000);
    cr_assert_eq(stats().cpus_used, 0);
    cr_assert_eq(stats().sessions, 3);
}
