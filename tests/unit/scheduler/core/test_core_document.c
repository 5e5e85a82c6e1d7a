/* What people are told of tasks, workers and failures: `lode status`, `lode tasks`. */
#include "tests/unit/scheduler/core/driver.h"

#include <stdio.h>

TestSuite(core_document, .init = two_cpus, .fini = stop);

/* The worker's word, and its sentence. */
static void
done_because(uint32_t worker, uint64_t task, lode_err err, const char *why)
{
    struct {
        struct lode_task_done done;
        char why[LODE_TASK_WHY_MAX + 8];
    } message = {.done = {.task = task, .status = LODE_DONE_FAILED, .err = (uint32_t)err}};
    memcpy(message.why, why, strlen(why));
    record(FIRST_WORKER + worker, LODE_TASK_DONE, &message, sizeof message.done + strlen(why));
}

/* What `lode status` is told. */
static const char *
document(uint32_t flags)
{
    struct lode_task_stats ask = {.tag = 3, .err = flags};
    record(PROGRAM, LODE_TASK_STATS, &ask, sizeof ask);
    return (const char *)((const struct lode_task_stats *)sent(LODE_TASK_STATS_ARE, NULL) + 1);
}

static void
must_say(const char *text, const char *want)
{
    cr_assert_not_null(strstr(text, want), "'%s' is without '%s'", text, want);
}

Test(core_document,
     a_program_that_does_not_wait_for_its_failure_leaves_a_failed_task_not_a_cancelled_one)
{
    uint32_t worker = 0;
    submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    session_end(PROGRAM);
    settle(CORE_RESULTS, LODE_FOUND_GONE);
    done(worker, task, LODE_DONE_FAILED, 1000);
    cr_assert_eq(stats().failed, 1);
    cr_assert_eq(stats().cancelled, 0);
}

Test(core_document, the_sentence_of_a_failure_and_its_worker_are_in_the_document)
{
    uint32_t worker = 0;
    submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    done_because(worker, task, LODE_ETASK, "a \"b\" \\ \x1b[2J \xff \xc3\xa9");
    const char *text = document(0);
    char pid[40];
    must_say(text, "\"message\":\"a \\\"b\\\" \\\\ \\\\x1b[2J \\\\xff \xc3\xa9\"");
    must_say(text, "\"code\":\"LODE_ETASK\"");
    snprintf(pid, sizeof pid, "\"pid\":%d,\"signal\":0", 5000 + (int)worker);
    must_say(text, pid);
}

Test(core_document, a_sentence_that_is_too_long_or_of_no_failure_breaks_a_rule)
{
    char why[LODE_TASK_WHY_MAX + 2];
    uint32_t worker = 0;
    memset(why, 'a', sizeof why);
    why[LODE_TASK_WHY_MAX] = '\0';
    submit(PROGRAM, (struct call){0});
    uint64_t task = ran(0, &worker);
    done_because(worker, task, LODE_ETASK, why);
    cr_assert_eq(count(CORE_CUT, 0), 0);
    submit(PROGRAM, (struct call){0});
    task = ran(0, &worker);
    why[LODE_TASK_WHY_MAX] = 'a';
    why[LODE_TASK_WHY_MAX + 1] = '\0';
    done_because(worker, task, LODE_ETASK, why);
    cr_assert_eq(count(CORE_CUT, 0), 1);
}

Test(core_document, the_list_has_every_live_task_a_part_at_a_time)
{
    enum { TASKS = 700 };
    struct lode_task_list ask = {.tag = 8};
    int shown = 0, parts = 0;
    lode_id never = lode_id_make(LODE_ID_PUT, 77, 5);
    submit(PROGRAM, (struct call){0});
    for (int i = 1; i < TASKS; i++) {
        submit(PROGRAM, (struct call){.args = 1, .arg = {never}});
    }
    do {
        record(PROGRAM, LODE_TASK_LIST, &ask, sizeof ask);
        const struct lode_task_list *answer = sent(LODE_TASK_LISTED, NULL);
        const char *text = (const char *)(answer + 1);
        cr_assert_eq(answer->tag, 8);
        if (parts++ == 0) {
            must_say(text, "\"state\":\"running\"");
            must_say(text, "\"function\":\"lib.f\"");
        }
        for (const char *at = text; (at = strstr(at, "{\"task\"")) != NULL; at++) {
            shown++;
        }
        ask.at = answer->at;
    } while (ask.at != 0);
    cr_assert_eq(shown, TASKS);
    cr_assert_eq(parts, 3);
    ask.at = UINT64_MAX;
    record(PROGRAM, LODE_TASK_LIST, &ask, sizeof ask);
    cr_assert_eq(((const struct lode_task_list *)sent(LODE_TASK_LISTED, NULL))->at, 0);
    record(PROGRAM, LODE_TASK_LIST, &ask, 8);
    cr_assert_eq(count(CORE_CUT, 0), 1);
}

static int
count_of(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        n++;
    }
    return n;
}

/* However long it is, it is whole: what would not fit was left out, and took its brackets along. */
Test(core_document, the_document_has_sixty_four_workers_or_all_of_them)
{
    enum { WORKERS = 400 };
    stop();
    start(WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        submit(PROGRAM, (struct call){0});
    }
    const char *text = document(0);
    cr_assert_eq(count_of(text, "{\"worker\":"), 64);
    text = document(LODE_STATS_ALL_WORKERS);
    cr_assert_eq(count_of(text, "{\"worker\":"), WORKERS);
    cr_assert_eq(count_of(text, "\"function\":\"lib.f\",\"task\""), WORKERS);
    cr_assert_eq(count_of(text, "{"), count_of(text, "}"));
    cr_assert_gt(strlen(text), 64 << 10);
    must_say(text, "\"failures\":[]}");
}

Test(core_document, a_document_that_would_be_too_long_for_a_record_says_what_it_lacks)
{
    enum { WORKERS = 3000 };
    char name[121] = "", left_out[64];
    uint32_t function = 4; /* the first one of the second library */
    stop();
    start_with((struct core_options){.cpus = WORKERS * ONE_CPU, .worker_max = WORKERS});
    memset(name, 0xff, sizeof name - 1);
    load(name, "/state/lib/2.so");
    for (int i = 0; i < WORKERS; i++) {
        submit(PROGRAM, (struct call){.function = function});
    }
    const char *text = document(LODE_STATS_ALL_WORKERS);
    cr_assert_lt(strlen(text), LODE_TASK_RECORD_MAX - 4096);
    cr_assert_gt(strlen(text), LODE_TASK_RECORD_MAX / 2);
    snprintf(left_out, sizeof left_out, "\"workers_left_out\":%d",
             (int)stats().workers - count_of(text, "{\"worker\":"));
    must_say(text, left_out);
    must_say(text, "\"failures\":[]}");
}

/* A task of the program calls another, which fails; it passes that failure on. */
static void
fail_with_its_parent(const char *why, const char *passed_on)
{
    uint32_t above = 0, below = 0;
    submit(PROGRAM, (struct call){0});
    uint64_t parent = ran(0, &above);
    submit(FIRST_WORKER + above, (struct call){.parent = parent});
    uint64_t child = ran(0, &below);
    cr_assert(parent != 0 && child != 0);
    done_because(below, child, LODE_ETASK, why);
    done_because(above, parent, LODE_ETASK, passed_on);
}

Test(core_document, a_chain_of_failures_is_told_of_once_as_that_of_its_first_task)
{
    fail_with_its_parent("at row 7", "task lib.f failed: at row 7");
    const char *text = document(0);
    cr_assert_eq(count_of(text, "\"age_ns\""), 1, "%s", text);
    must_say(text, "\"tasks\":2,");
    must_say(text, "\"depth\":0,");
    must_say(text, "\"message\":\"failed through a call of lib.f: at row 7\"");
}

Test(core_document, a_sentence_of_two_lines_is_one_reason_as_it_is_passed_on)
{
    fail_with_its_parent("at\nrow 7", "task lib.f failed: at\\nrow 7");
    cr_assert_eq(count_of(document(0), "\"age_ns\""), 1);
}

Test(core_document, a_reason_that_comes_again_is_the_latest_and_counted)
{
    fail_with_its_parent("at row 7", "it is of no use");
    fail_with_its_parent("at row 8", "at row 7");
    const char *text = document(0);
    cr_assert_eq(count_of(text, "\"age_ns\""), 3, "%s", text);
    const char *again = strstr(text, "\"message\":\"at row 7\"");
    const char *since = strstr(text, "\"message\":\"at row 8\"");
    cr_assert(again != NULL && since != NULL && again < since);
    must_say(text, "\"tasks\":2,");
}

Test(core_document, of_many_reasons_the_latest_are_kept)
{
    enum { REASONS = 40, KEPT = 16 };
    char why[REASONS][16];
    for (int i = 0; i < REASONS; i++) {
        uint32_t worker = 0;
        submit(PROGRAM, (struct call){0});
        uint64_t task = ran(0, &worker);
        snprintf(why[i], sizeof why[i], "reason %d.", i);
        done_because(worker, task, LODE_ETASK, why[i]);
    }
    const char *text = document(0), *at = text;
    cr_assert_eq(count_of(text, "\"age_ns\""), KEPT);
    for (int i = REASONS - 1; i >= REASONS - KEPT; i--) {
        at = strstr(at, why[i]);
        cr_assert_not_null(at, "%s is not in its place: %s", why[i], text);
    }
}
