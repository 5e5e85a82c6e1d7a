/* Tasks in the scheduler's core: what they wait for, how they end, what is refused. */
#include "scheduler/core/state/state.h"

#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_tasks, .init = two_cpus, .fini = stop);

Test(core_tasks, a_task_without_arguments_runs_at_once_and_its_end_is_told_after_five_ms)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    cr_assert_neq(task, 0);
    cr_assert_not_null(find(CORE_SEND, LODE_TASK_FUNCTION, 0), "told before the first RUN");
    done(worker, task, LODE_DONE_OK, 1000);
    cr_assert_null(find(CORE_SEND, LODE_TASK_ENDED, 0), "end notices are lazy");
    const struct seen *armed = find(CORE_ARM_TIMER, 0, 0);
    cr_assert_not_null(armed);
    cr_assert_eq(armed->a.value, clock_ns + 5000000);
    timer(5000000);
    const struct lode_task_ended *ended = sent(LODE_TASK_ENDED, NULL);
    cr_assert_eq(ended->count, 1);
    cr_assert_eq(*(const uint64_t *)(ended + 1), 1);
    cr_assert_eq(stats().cpus_used, 0);
}

Test(core_tasks, end_notices_ride_on_the_next_message_to_the_session)
{
    submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    done(worker, task, LODE_DONE_OK, 1000);
    struct lode_task_stats ask = {.tag = 3};
    record(PROGRAM, LODE_TASK_STATS, &ask, sizeof ask);
    cr_assert_eq(seen[0].a.message, LODE_TASK_ENDED);
    const struct lode_task_stats *answer = sent(LODE_TASK_STATS_ARE, NULL);
    cr_assert_eq(answer->tag, 3);
    cr_assert_eq(answer->stats.finished, 1);
    cr_assert_not_null(strstr((const char *)(answer + 1), "\"schema\":\"lode.status/2\""));
}

Test(core_tasks, many_end_notices_are_one_message)
{
    for (int i = 0; i < 256; i++) {
        submit(PROGRAM, (struct call){0});
        uint32_t worker = 0;
        uint64_t task = ran(0, &worker);
        done(worker, task, LODE_DONE_OK, 1000);
        cr_assert_eq(count(CORE_SEND, LODE_TASK_ENDED), i == 255);
    }
    cr_assert_eq(((const struct lode_task_ended *)sent(LODE_TASK_ENDED, NULL))->count, 256);
}

Test(core_tasks, the_end_of_a_call_for_which_nothing_is_held_is_told_to_nobody)
{
    uint32_t worker = 0;
    submit(PROGRAM, (struct call){.flags = LODE_SUBMIT_UNTOLD});
    uint64_t task = ran(0, &worker);
    done(worker, task, LODE_DONE_OK, 1000);
    submit(PROGRAM, (struct call){.args = 1,
                                  .arg = {lode_id_make(LODE_ID_PUT, 77, 5)},
                                  .flags = LODE_SUBMIT_UNTOLD});
    notify(find(CORE_WATCH, 0, 0)->a.cookie, lode_id_make(LODE_ID_PUT, 77, 5), LODE_FOUND_GONE, 0);
    error_done();
    timer(6000000);
    cr_assert_null(find(CORE_SEND, LODE_TASK_ENDED, 0));
    cr_assert_eq(stats().finished, 2);
}

Test(core_tasks, a_dependent_task_waits_for_its_maker_without_asking_the_store)
{
    lode_id made = submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t first = ran(0, &worker);
    submit(PROGRAM, (struct call){.args = 1, .arg = {made}});
    cr_assert_eq(ran(0, NULL), 0);
    cr_assert_null(find(CORE_WATCH, 0, 0));
    cr_assert_eq(stats().tasks_waiting, 1);
    done(worker, first, LODE_DONE_OK, 1000);
    cr_assert_neq(ran(0, NULL), 0);
    lode_id second_of_two = lode_id_plus(submit(PROGRAM, (struct call){.function = 2}), 1);
    submit(PROGRAM, (struct call){.args = 1, .arg = {second_of_two}});
    cr_assert_null(find(CORE_WATCH, 0, 0), "the second result is known too");
}

Test(core_tasks, a_result_that_was_made_already_is_not_asked_for)
{
    lode_id made = submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t first = ran(0, &worker);
    done(worker, first, LODE_DONE_OK, 1000);
    submit(OTHER, (struct call){.args = 1, .arg = {made}});
    cr_assert_neq(ran(0, NULL), 0);
}

Test(core_tasks, an_unknown_object_is_watched_once_however_often_it_occurs)
{
    lode_id other = lode_id_make(LODE_ID_PUT, 77, 5);
    submit(PROGRAM, (struct call){.args = 3, .arg = {other, other, other}});
    const struct seen *watch = find(CORE_WATCH, 0, 0);
    cr_assert_not_null(watch);
    cr_assert_eq(watch->a.size, 16);
    notify(watch->a.cookie, other, LODE_FOUND_SEALED, 0);
    cr_assert_neq(ran(0, NULL), 0);
    cr_assert_null(find(CORE_UNWATCH, 0, 0), "all of it has come");
}

Test(core_tasks, an_object_that_the_submitter_has_sealed_is_taken_to_be_there)
{
    lode_id own = lode_id_make(LODE_ID_PUT, PROGRAM, 5);
    submit(PROGRAM, (struct call){.args = 1, .arg = {own}, .ready = 1});
    cr_assert_neq(ran(0, NULL), 0);
}

Test(core_tasks, an_argument_that_is_gone_ends_the_task_with_a_typed_error)
{
    lode_id other = lode_id_make(LODE_ID_PUT, 77, 5);
    submit(PROGRAM, (struct call){.args = 1, .arg = {other}});
    notify(find(CORE_WATCH, 0, 0)->a.cookie, other, LODE_FOUND_GONE, 0);
    const struct lode_error_object *error = error_put(NULL);
    cr_assert_not_null(error);
    cr_assert_eq(error->code, LODE_EGONE);
    cr_assert_eq(error->may_have_run, 0);
    error_done();
    timer(6000000);
    cr_assert_not_null(find(CORE_SEND, LODE_TASK_ENDED, 0));
}

Test(core_tasks, an_error_argument_is_passed_on_without_a_call)
{
    lode_id bad = submit(PROGRAM, (struct call){0});
    uint32_t worker = 0;
    uint64_t first = ran(0, &worker);
    lode_id next = submit(PROGRAM, (struct call){.args = 1, .arg = {bad}});
    submit(PROGRAM, (struct call){.args = 1, .arg = {next}});
    done(worker, first, LODE_DONE_FAILED, 1000);
    cr_assert_eq(ran(0, NULL), 0);
    const struct core_put_error *put = (const void *)find(CORE_PUT_ERROR, 0, 0)->bytes;
    cr_assert(lode_id_same(put->copy_from, bad));
    cr_assert(lode_id_same(put->results, next));
    error_done();
    put = (const void *)find(CORE_PUT_ERROR, 0, 0)->bytes;
    cr_assert(lode_id_same(put->copy_from, next), "and so on down the chain");
    cr_assert_eq(ran(0, NULL), 0);
}

Test(core_tasks, a_watched_error_is_passed_on_without_a_call)
{
    lode_id other = result_id(77, 5);
    submit(PROGRAM, (struct call){.args = 1, .arg = {other}});
    notify(find(CORE_WATCH, 0, 0)->a.cookie, other, LODE_FOUND_SEALED, 1);
    const struct core_put_error *put = (const void *)find(CORE_PUT_ERROR, 0, 0)->bytes;
    cr_assert(lode_id_same(put->copy_from, other));
}

Test(core_tasks, a_missing_argument_hands_the_task_back_uncharged)
{
    lode_id own = lode_id_make(LODE_ID_PUT, PROGRAM, 5);
    submit(PROGRAM, (struct call){.args = 1, .arg = {own}, .ready = 1});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    done(worker, task, LODE_DONE_MISSING, 0);
    const struct seen *watch = find(CORE_WATCH, 0, 0);
    cr_assert_not_null(watch);
    notify(watch->a.cookie, own, LODE_FOUND_SEALED, 0);
    const struct lode_task_run *run = sent(LODE_TASK_RUN, NULL);
    cr_assert_eq(run->task, task);
    cr_assert_eq(run->attempt, 1);
}

Test(core_tasks, an_argument_that_is_missing_for_ever_ends_in_an_error)
{
    lode_id own = lode_id_make(LODE_ID_PUT, PROGRAM, 5);
    submit(PROGRAM, (struct call){.args = 1, .arg = {own}, .ready = 1});
    int rounds = 0;
    while (error_put(NULL) == NULL && rounds++ < 100) {
        uint32_t worker = 0;
        uint64_t task = ran(0, &worker);
        done(worker, task, LODE_DONE_MISSING, 0);
        if (find(CORE_WATCH, 0, 0) != NULL) {
            notify(find(CORE_WATCH, 0, 0)->a.cookie, own, LODE_FOUND_SEALED, 0);
        }
    }
    cr_assert_lt(rounds, 20);
    cr_assert_eq(error_put(NULL)->code, LODE_EGONE);
}

Test(core_tasks, a_repeated_submission_is_dropped_and_counted)
{
    submit(PROGRAM, (struct call){0});
    submissions[PROGRAM]--;
    submit(PROGRAM, (struct call){0});
    cr_assert_eq(ran(0, NULL), 0);
    cr_assert_eq(stats().repeats_dropped, 1);
    cr_assert_eq(stats().submitted, 1);
}

Test(core_tasks, a_gap_between_submissions_ends_the_session)
{
    submissions[PROGRAM]++;
    submit(PROGRAM, (struct call){0});
    const struct seen *cut = find(CORE_CUT, 0, 0);
    cr_assert_not_null(cut);
    cr_assert_eq(cut->a.target, PROGRAM);
    cr_assert_eq(cut->a.value, LODE_EPROTO);
    submissions[PROGRAM] = 0;
    submit(PROGRAM, (struct call){0});
    cr_assert_eq(seen_count, 0, "nothing of it counts any more");
}

Test(core_tasks, a_function_that_does_not_exist_gives_an_error_object)
{
    submit(PROGRAM, (struct call){.function = 99});
    cr_assert_eq(error_put(NULL)->code, LODE_ELIBRARY);
    error_done();
    cr_assert_eq(stats().failed, 1);
}

Test(core_tasks, more_cpus_than_there_are_fail_at_once)
{
    const char *text;
    submit(PROGRAM, (struct call){.cpus = 3 * ONE_CPU});
    cr_assert_eq(error_put(&text)->code, LODE_EINVAL);
    cr_assert_not_null(strstr(text, "num_cpus 3 can never be met: the cluster has 2"), "%s", text);
}

Test(core_tasks, the_wrong_number_of_results_fails_at_once)
{
    submit(PROGRAM, (struct call){.results = 2});
    cr_assert_eq(error_put(NULL)->code, LODE_EINVAL);
}

Test(core_tasks, a_task_that_waits_for_itself_fails_at_once)
{
    submit(PROGRAM, (struct call){.args = 1, .arg = {result_id(PROGRAM, 10)}});
    cr_assert_eq(error_put(NULL)->code, LODE_EINVAL);
}

Test(core_tasks, results_of_another_session_are_refused)
{
    struct lode_task_submit head = {
        .submission = 1, .results = result_id(OTHER, 10), .function = 1, .result_count = 1};
    record(PROGRAM, LODE_TASK_SUBMIT, &head, sizeof head);
    cr_assert_not_null(find(CORE_CUT, 0, 0));
}

Test(core_tasks, a_submission_of_any_cut_length_is_refused)
{
    struct lode_task_submit head = {.submission = 1,
                                    .results = result_id(PROGRAM, 10),
                                    .function = 1,
                                    .result_count = 1,
                                    .arg_count = 2};
    struct lode_task_arg arg = {.kind = LODE_ARG_BYTES, .size = 5};
    uint8_t bytes[sizeof head + 2 * 16] = {0};
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, &arg, sizeof arg);
    memcpy(bytes + sizeof head + 16, &arg, sizeof arg);
    for (uint32_t size = 0; size < sizeof bytes; size++) {
        open_session(200 + size, 0);
        record(200 + size, LODE_TASK_SUBMIT, bytes, size);
        cr_assert_not_null(find(CORE_CUT, 0, 0), "%u bytes", size);
        session_end(200 + size);
    }
    record(PROGRAM, LODE_TASK_SUBMIT, bytes, sizeof bytes);
    cr_assert_neq(ran(0, NULL), 0);
}

Test(core_tasks, what_only_a_worker_may_say_ends_a_program)
{
    struct lode_task_done message = {.task = 1};
    record(PROGRAM, LODE_TASK_DONE, &message, sizeof message);
    cr_assert_not_null(find(CORE_CUT, 0, 0));
}

Test(core_tasks, a_failure_that_nobody_waits_for_is_reported_before_the_task_ends)
{
    submit(PROGRAM, (struct call){.flags = LODE_SUBMIT_UNATTENDED});
    uint32_t worker = 0;
    uint64_t task = ran(0, &worker);
    done(worker, task, LODE_DONE_FAILED, 1000);
    const struct seen *report = find(CORE_REPORT, 0, 0);
    cr_assert_not_null(report);
    cr_assert_eq(report->a.target, PROGRAM);
    cr_assert_eq(stats().finished, 0);
    struct core_event event = {.type = CORE_ERROR_DONE};
    event.u.cookie = report->a.cookie;
    step(event);
    cr_assert_eq(stats().finished, 1);
    cr_assert_eq(stats().failed, 1);
}

Test(core_tasks, beyond_the_most_that_there_can_be_a_task_ends_with_an_error_and_its_session_stays)
{
    stop();
    start_with((struct core_options){.cpus = ONE_CPU, .task_max = 2});
    submit(PROGRAM, (struct call){0});
    submit(PROGRAM, (struct call){0});
    submit(PROGRAM, (struct call){0});
    const char *text;
    const struct lode_error_object *error = error_put(&text);
    cr_assert_not_null(error);
    cr_assert_eq(error->code, LODE_ELIMIT);
    cr_assert_not_null(strstr(text, "2 tasks"), "%s", text);
    cr_assert_null(find(CORE_CUT, 0, 0));
    cr_assert_eq(stats().failed, 1);
}

/* ---- memory --------------------------------------------------------------------------------- */

enum { BURST = 5000 };

static struct {
    uint64_t task;
    uint32_t worker;
} placed[BURST + 1];
static int placed_count;

static void
note_placed(void)
{
    for (int n = 0; (placed[placed_count].task = ran(n, &placed[placed_count].worker)) != 0; n++) {
        placed_count++;
    }
}

static void
run_a_burst(void)
{
    placed_count = 0;
    for (int i = 0; i < BURST; i++) {
        submit(PROGRAM, (struct call){0});
        note_placed();
    }
    for (int i = 0; i < placed_count; i++) {
        done(placed[i].worker, placed[i].task, LODE_DONE_OK, 500);
        note_placed();
    }
    cr_assert_eq(placed_count, BURST);
    cr_assert_eq(core->task_pool.count, 0);
}

Test(core_tasks, the_memory_of_a_burst_is_kept_for_the_next_one)
{
    run_a_burst();
    size_t buckets = core->objects.mask, chunks = core->task_pool.empty_chunks;
    cr_assert_gt(buckets, BURST);
    cr_assert_neq(core->tidy_at, 0);
    timer(CORE_TIDY_NS); /* it was needed until just now */
    cr_assert_eq(core->task_pool.empty_chunks, chunks);
    run_a_burst();
    cr_assert_eq(core->objects.mask, buckets);
    cr_assert_eq(core->task_pool.empty_chunks, chunks);
}

Test(core_tasks, the_memory_of_a_burst_goes_back_when_nobody_needs_it_for_seconds)
{
    enum { SLOTS_FIRST = 1024 };
    run_a_burst();
    timer(CORE_TIDY_NS);
    cr_assert_neq(core->tidy_at, 0);
    timer(CORE_TIDY_NS);
    for (int parts = 0; core->tidy_at != 0; parts++) { /* nobody waits for it all */
        cr_assert_leq(parts, 4 * CORE_CHUNKS_MAX / CORE_CHUNKS_AT_ONCE);
        timer(CORE_TIDY_PART_NS);
    }
    cr_assert_eq(core->objects.few, 0, "the table is small");
    cr_assert_eq(core->slot_room, SLOTS_FIRST);
    cr_assert_leq(core->task_pool.empty_chunks, CORE_CHUNKS_FEW);
    cr_assert_leq(core->objects.pool.empty_chunks, CORE_CHUNKS_FEW);
    cr_assert_eq(core->tidy_at, 0, "nobody is woken for it any more");
}
