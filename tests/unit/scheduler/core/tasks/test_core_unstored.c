/* Failures that the store had no room for in the worker's name: the scheduler puts them. */
#include "scheduler/core/state/state.h"

#include "tests/unit/scheduler/core/driver.h"

#include <stdio.h>

TestSuite(core_unstored, .init = two_cpus, .fini = stop);

/* What a worker says of a task that failed, and its error object. */
static struct {
    struct lode_task_done done;
    uint8_t error[LODE_TASK_ERROR_MAX + 1];
} said;
static uint32_t error_size;
static uint32_t worker;

/* A task runs, and passes on the failure of another, which had run before on another worker. */
static void
fail_unstored(uint32_t flags)
{
    submit(PROGRAM, (struct call){.flags = flags});
    said.done = (struct lode_task_done){
        .task = ran(0, &worker), .status = LODE_DONE_UNSTORED, .err = LODE_ETASK};
    const struct lode_error_parts parts = {.head = {.code = LODE_ETASK,
                                                    .task_code = LODE_EINVAL,
                                                    .pid = 123,
                                                    .attempt = 3,
                                                    .may_have_run = 1,
                                                    .task = said.done.task},
                                           .function = "another",
                                           .message = "its words"};
    error_size = (uint32_t)lode_error_object_write(&parts, said.error, sizeof said.error);
}

static void
say(uint32_t size)
{
    record(FIRST_WORKER + worker, LODE_TASK_DONE, &said, (uint32_t)sizeof said.done + size);
}

static bool
puts_what_was_said(void)
{
    const struct seen *asked = find(CORE_PUT_ERROR, 0, 0);
    const struct core_put_error *put = asked != NULL ? (const void *)asked->bytes : NULL;
    return put != NULL && put->error_size == error_size && lode_id_is_zero(put->copy_from) &&
           memcmp(put + 1, said.error, error_size) == 0;
}

Test(core_unstored, an_error_object_is_put_as_the_worker_wrote_it)
{
    fail_unstored(0);
    say(error_size);
    cr_assert_null(find(CORE_CUT, 0, 0));
    cr_assert(puts_what_was_said());
    cr_assert_eq(stats().finished, 0, "not before it is there");
    error_done();
    cr_assert_eq(stats().failed, 1);
    cr_assert_eq(stats().cancelled, 0);
    cr_assert_eq(stats().retried, 0);
}

Test(core_unstored, people_are_told_of_it_as_of_any_failure)
{
    struct lode_task_stats ask = {.tag = 3};
    char want[64];
    fail_unstored(0);
    say(error_size);
    error_done();
    record(PROGRAM, LODE_TASK_STATS, &ask, sizeof ask);
    const struct lode_task_stats *answer = sent(LODE_TASK_STATS_ARE, NULL);
    const char *text = (const char *)(answer + 1);
    snprintf(want, sizeof want, "\"pid\":%d,\"signal\":0", 5000 + (int)worker);
    cr_assert_not_null(strstr(text, "\"message\":\"its words\""), "%s", text);
    cr_assert_not_null(strstr(text, "\"code\":\"LODE_ETASK\""), "%s", text);
    cr_assert_not_null(strstr(text, want), "%s", text);
}

Test(core_unstored, one_that_nobody_waits_for_is_reported_with_its_own_words)
{
    fail_unstored(LODE_SUBMIT_UNATTENDED);
    say(error_size);
    cr_assert(puts_what_was_said());
    const struct core_put_error *put = (const void *)find(CORE_PUT_ERROR, 0, 0)->bytes;
    cr_assert_eq(put->report_session, PROGRAM);
}

Test(core_unstored, what_a_task_says_that_was_cancelled_is_put_too)
{
    struct lode_task_cancel cancel = {0};
    fail_unstored(0);
    const struct lode_task_run *run = (const void *)find(CORE_SEND, LODE_TASK_RUN, 0)->bytes;
    cancel.result = run->results;
    record(PROGRAM, LODE_TASK_CANCEL, &cancel, sizeof cancel);
    say(error_size);
    cr_assert(puts_what_was_said());
    error_done();
    cr_assert_eq(stats().cancelled, 1);
}

Test(core_unstored, what_nobody_wants_any_more_is_not_put)
{
    fail_unstored(0);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    say(error_size);
    cr_assert_null(find(CORE_CUT, 0, 0));
    cr_assert_null(find(CORE_PUT_ERROR, 0, 0));
    cr_assert_eq(stats().failed, 1);
}

static void
ends_the_session(const char *which, uint32_t size)
{
    say(size);
    cr_assert_not_null(find(CORE_CUT, 0, 0), "%s", which);
    cr_assert_null(find(CORE_PUT_ERROR, 0, 0), "%s", which);
}

Test(core_unstored, one_that_is_cut_anywhere_breaks_a_rule)
{
    for (uint32_t less = 1; less <= error_size; less++) {
        fail_unstored(0);
        ends_the_session("cut", error_size - less);
        stop();
        two_cpus();
    }
}

Test(core_unstored, one_with_bytes_behind_it_breaks_a_rule)
{
    fail_unstored(0);
    said.error[error_size] = '\0';
    ends_the_session("longer", error_size + 1);
}

Test(core_unstored, one_that_is_larger_than_any_worker_writes_breaks_a_rule)
{
    fail_unstored(0);
    memset(said.error + error_size - 1, 'a', sizeof said.error - error_size);
    said.error[sizeof said.error - 1] = '\0';
    ends_the_session("large", sizeof said.error);
}

Test(core_unstored, one_of_another_task_breaks_a_rule)
{
    fail_unstored(0);
    said.error[offsetof(struct lode_error_object, task)] ^= 1;
    ends_the_session("another task", error_size);
}

Test(core_unstored, one_of_another_error_than_is_said_breaks_a_rule)
{
    fail_unstored(0);
    said.done.err = LODE_ECANCELLED;
    ends_the_session("another error", error_size);
}

Test(core_unstored, one_without_a_failure_breaks_a_rule)
{
    struct lode_error_object *error = (void *)said.error;
    fail_unstored(0);
    said.done.err = LODE_OK;
    error->code = LODE_OK;
    ends_the_session("no failure", error_size);
}

Test(core_unstored, one_that_another_version_wrote_breaks_a_rule)
{
    struct lode_error_object *error = (void *)said.error;
    fail_unstored(0);
    error->major++;
    ends_the_session("version", error_size);
}

Test(core_unstored, none_breaks_a_rule)
{
    fail_unstored(0);
    ends_the_session("none", 0);
}
