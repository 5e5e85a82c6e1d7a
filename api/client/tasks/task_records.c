/*
 * What the scheduler tells a session: answers, ends of calls, and lines of output. All of this runs
 * on nng's threads. The scheduler is no enemy, but a record of the wrong size still ends the link
 * (LODE_EPROTO), rather than this program.
 */
#include "api/client/tasks/task_records.h"

#include "api/base/fail.h"
#include "api/client/session/session.h"
#include "api/client/tasks/call_refs.h"
#include "api/client/tasks/requests.h"
#include "api/client/output/task_output.h"

#include <stdlib.h>
#include <string.h>

/* Calls that are taken out of the table in one go; and references that are dropped in one go. */
enum { ENDED_AT_ONCE = 64, DROPS_AT_ONCE = 32 };

static lode_err
too_short(const char *what, uint32_t size)
{
    return lode_fail_with(LODE_EPROTO, "a record %s of %u bytes from the scheduler", what, size);
}

static lode_err
on_resolved(struct lode_tasks *tasks, const void *bytes, uint32_t size)
{
    const struct lode_task_resolved *head = bytes;
    if (size < sizeof *head) {
        return too_short("RESOLVED", size);
    }
    struct lode_request answer = {
        .tag = head->tag,
        .answer = LODE_TASK_RESOLVED,
        .err = (lode_err)head->err,
        .function = head->function,
        .results = head->results,
    };
    lode_tasks_answer(tasks, &answer, head + 1, size - sizeof *head);
    return LODE_OK;
}

static lode_err
on_loaded(struct lode_tasks *tasks, const void *bytes, uint32_t size)
{
    const struct lode_task_loaded *head = bytes;
    if (size < sizeof *head) {
        return too_short("LOADED", size);
    }
    struct lode_request answer = {
        .tag = head->tag, .answer = LODE_TASK_LOADED, .err = (lode_err)head->err};
    lode_tasks_answer(tasks, &answer, head + 1, size - sizeof *head);
    return LODE_OK;
}

static lode_err
on_stats(struct lode_tasks *tasks, const void *bytes, uint32_t size)
{
    const struct lode_task_stats *head = bytes;
    if (size < sizeof *head) {
        return too_short("STATS_ARE", size);
    }
    struct lode_request answer = {
        .tag = head->tag,
        .answer = LODE_TASK_STATS_ARE,
        .err = (lode_err)head->err,
        .stats = head->stats,
    };
    lode_tasks_answer(tasks, &answer, head + 1, size - sizeof *head);
    return LODE_OK;
}

static lode_err
on_listed(struct lode_tasks *tasks, const void *bytes, uint32_t size)
{
    const struct lode_task_list *head = bytes;
    if (size < sizeof *head) {
        return too_short("LISTED", size);
    }
    struct lode_request answer = {
        .tag = head->tag, .answer = LODE_TASK_LISTED, .err = (lode_err)head->err, .at = head->at};
    lode_tasks_answer(tasks, &answer, head + 1, size - sizeof *head);
    return LODE_OK;
}

/* References that go into the ring together. */
struct drops {
    lode_id id[DROPS_AT_ONCE];
    uint32_t count;
};

static void
drop_held(struct lode_tasks *tasks, struct drops *drops)
{
    lode_call_refs_drop(tasks->db, drops->id, drops->count);
    drops->count = 0;
}

static void
drop_refs(struct lode_tasks *tasks, struct lode_submission *ended, struct drops *drops)
{
    const lode_id *refs = lode_refs_of(&ended->refs, ended->ref_count);
    for (uint32_t i = 0; i < ended->ref_count; i++) {
        drops->id[drops->count++] = refs[i];
        if (drops->count == DROPS_AT_ONCE) {
            drop_held(tasks, drops);
        }
    }
    lode_refs_free(&ended->refs, ended->ref_count);
}

/* Takes the calls that have ended out of the table, and drops what they held outside the lock. */
static void
end_calls(struct lode_tasks *tasks, const uint64_t *number, uint32_t count)
{
    struct lode_submission ended[ENDED_AT_ONCE];
    struct drops drops = {.count = 0};
    uint32_t found = 0;
    lode_mutex_lock(&tasks->mu);
    for (uint32_t i = 0; i < count; i++) {
        found += lode_submissions_take(&tasks->submissions, number[i], &ended[found]);
    }
    lode_mutex_unlock(&tasks->mu);
    for (uint32_t i = 0; i < found; i++) {
        drop_refs(tasks, &ended[i], &drops);
    }
    drop_held(tasks, &drops);
}

static lode_err
on_ended(struct lode_tasks *tasks, const void *bytes, uint32_t size)
{
    const struct lode_task_ended *head = bytes;
    if (size < sizeof *head || (size - sizeof *head) / sizeof(uint64_t) < head->count) {
        return too_short("ENDED", size);
    }
    const uint64_t *number = (const uint64_t *)(head + 1);
    for (uint32_t done = 0; done < head->count; done += ENDED_AT_ONCE) {
        uint32_t left = head->count - done;
        end_calls(tasks, number + done, left < ENDED_AT_ONCE ? left : ENDED_AT_ONCE);
    }
    return LODE_OK;
}

static lode_err
on_forget(struct lode_tasks *tasks, const void *bytes, uint32_t size)
{
    const struct lode_task_forget *head = bytes;
    if (size < sizeof *head) {
        return too_short("FORGET", size);
    }
    lode_mutex_lock(&tasks->mu);
    if ((head->flags & LODE_FORGET_PROGRAM) != 0) {
        lode_function_cache_clear(&tasks->functions);
    } else {
        lode_function_cache_forget(&tasks->functions);
    }
    lode_mutex_unlock(&tasks->mu);
    return LODE_OK;
}

/* A worker prints nothing of what it is told: it would come back as a line of its own. */
static lode_err
on_output(struct lode_tasks *tasks, const void *bytes, uint32_t size)
{
    const struct lode_task_output *head = bytes;
    if (size < sizeof *head || head->name_size > size - sizeof *head ||
        head->text_size > size - sizeof *head - head->name_size) {
        return too_short("OUTPUT", size);
    }
    const char *name = (const char *)(head + 1);
    if (tasks->worker.record == NULL) {
        tasks->has_printed = true;
        lode_task_output_print(head, name, name + head->name_size,
                               lode_session_paths(tasks->db)->logs);
    }
    return LODE_OK;
}

lode_err
lode_tasks_record(void *arg, uint16_t type, const void *bytes, uint32_t size)
{
    struct lode_tasks *tasks = arg;
    switch (type) {
    case LODE_TASK_RESOLVED:
        return on_resolved(tasks, bytes, size);
    case LODE_TASK_LOADED:
        return on_loaded(tasks, bytes, size);
    case LODE_TASK_STATS_ARE:
        return on_stats(tasks, bytes, size);
    case LODE_TASK_LISTED:
        return on_listed(tasks, bytes, size);
    case LODE_TASK_ENDED:
        return on_ended(tasks, bytes, size);
    case LODE_TASK_FORGET:
        return on_forget(tasks, bytes, size);
    case LODE_TASK_OUTPUT:
        return on_output(tasks, bytes, size);
    default:
        return tasks->worker.record != NULL
                   ? tasks->worker.record(tasks->worker.arg, type, bytes, size)
                   : lode_fail_with(LODE_EPROTO, "a record of type %u for a program", type);
    }
}

void
lode_tasks_records_end(void *arg)
{
    struct lode_tasks *tasks = arg;
    if (tasks->worker.record != NULL) {
        tasks->worker.records_end(tasks->worker.arg);
    } else if (tasks->has_printed) {
        tasks->has_printed = false;
        lode_task_output_write(lode_session_paths(tasks->db)->logs);
    }
}
