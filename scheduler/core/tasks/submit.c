#include "scheduler/core/tasks/submit.h"

#include "scheduler/core/tasks/args.h"
#include "scheduler/core/tasks/ends.h"
#include "scheduler/core/tasks/recall.h"
#include "scheduler/core/state/errors.h"
#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/libraries/names.h"
#include "scheduler/core/state/objects.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/speaker.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/state/workers.h"

#include <stdio.h>

#include "api/layout/arg_reader.h"

/* ---- checking ------------------------------------------------------------------------------- */

/* NULL: the record keeps the rules; else which one it breaks. */
static const char *
args_wrong(const uint8_t *bytes, uint32_t size, uint32_t count)
{
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct lode_arg_in arg;
        if (lode_args_next(bytes, size, &at, &arg) != LODE_OK) {
            return "an argument is cut, of an unknown kind, of a wrong size, or the zero id";
        }
    }
    return at == size ? NULL : "bytes follow its arguments";
}

static const char *
submit_wrong(const struct core_session *session, const struct lode_task_submit *submit,
             uint32_t size)
{
    if (size < sizeof *submit) {
        return "it is shorter than its struct";
    }
    uint32_t rest = size - (uint32_t)sizeof *submit;
    if (submit->name_size > LODE_TASK_NAME_MAX || core_align8(submit->name_size) > rest) {
        return "its name is too long, or cut";
    }
    const uint8_t *bytes = (const uint8_t *)(submit + 1);
    if (memchr(bytes, 0, submit->name_size) != NULL) {
        return "its name has a zero in it";
    }
    if (submit->arg_count > LODE_TASK_ARGS_MAX) {
        return "it has more than 1,024 arguments";
    }
    if (submit->result_count < 1 || submit->result_count > LODE_TASK_RESULTS_MAX) {
        return "its number of results is out of range";
    }
    lode_id last = lode_id_plus(submit->results, submit->result_count - 1);
    if (lode_id_kind(submit->results) != LODE_ID_RESULT ||
        lode_id_session(submit->results) != session->store_session ||
        lode_id_low(last) < lode_id_low(submit->results)) {
        return "its results are no ids of its session";
    }
    uint32_t skip = core_align8(submit->name_size);
    return args_wrong(bytes + skip, rest - skip, submit->arg_count);
}

/* ---- submitting ----------------------------------------------------------------------------- */

/*
 * From now on a function whose tasks submit some is never queued ahead (core_worker_may_queue()).
 * Those that are, come back: otherwise one of them could begin while a deeper task is ready.
 */
static void
note_nesting(struct core *core, struct core_function *function)
{
    if (function->nests) {
        return;
    }
    function->nests = true;
    struct core_worker *worker;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        if (worker->state == CORE_WORKER_UP && worker->count > 1 && !worker->blocked) {
            core_recall(core, worker, NULL);
        }
    }
}

/* The lane of what the session submits: of the task that does, or the program's own. */
static struct core_lane *
lane_of(struct core *core, struct core_session *session, struct core_task *parent, uint64_t number)
{
    if (core_speaks_for_itself(session)) {
        return &session->program->lane;
    }
    struct core_program *program = core_speaker_program(core, session, parent, number);
    if (parent != NULL) {
        note_nesting(core, parent->function);
        return core_lane_below(parent, session);
    }
    return program != session->program ? core_lane_behind(program, session, number)
                                       : &session->program->lane;
}

static struct core_task *
make_task(struct core *core, struct core_session *session, struct core_task *parent,
          const struct lode_task_submit *submit, uint32_t bytes_size)
{
    struct core_task *task =
        core_task_create(core, session, lane_of(core, session, parent, submit->parent));
    task->function = core_function_at(core, submit->function);
    if (task->function != NULL && core_names_may_change(task->function)) {
        task->function = core_names_bind_again(core, task->lane->program, task->function);
    }
    task->submission = submit->submission;
    task->results = submit->results;
    task->result_count = submit->result_count;
    task->needs = (struct core_resources){.cpus = submit->cpus};
    task->max_retries = submit->max_retries;
    task->flags = submit->flags;
    task->cancelled = parent != NULL && parent->cancels_nested;
    task->limit_ms = submit->timeout_ms;
    task->arg_count = submit->arg_count;
    task->name_size = (uint8_t)submit->name_size;
    task->bytes_size = bytes_size;
    task->bytes = bytes_size <= CORE_INLINE_ARGS ? task->inline_bytes : core_alloc(bytes_size);
    memcpy(task->bytes, submit + 1, bytes_size);
    return task;
}

static uint32_t
results_of(const struct core_function *function)
{
    return function->results ? function->results : 1;
}

/* The task never can run. */
static void
fail_impossible(struct core *core, struct core_task *task, uint32_t asked)
{
    const struct core_function *function = task->function;
    const struct core_function *meant = core_function_at(core, asked);
    if (function == NULL && meant != NULL) {
        core_task_fail(core, task, LODE_ELIBRARY, NULL,
                       "library \"%s\" was loaded again, and has no function \"%s\" any more",
                       meant->library->name, meant->symbol);
    } else if (function == NULL) {
        core_task_fail(core, task, LODE_ELIBRARY, NULL,
                       "no function has the number that was asked for");
    } else if (task->result_count != results_of(function)) {
        core_task_fail(core, task, LODE_EINVAL, NULL, "%s has %u results, and %u were asked for%s",
                       function->name, results_of(function), task->result_count,
                       function != meant ? ": its library was loaded again meanwhile" : "");
    } else {
        core_task_fail(
            core, task, LODE_EINVAL, NULL, "num_cpus %.4g can never be met: the cluster has %.4g",
            (double)task->needs.cpus / LODE_CPU_UNIT, (double)core->total.cpus / LODE_CPU_UNIT);
    }
}

static bool
is_possible(const struct core *core, const struct core_task *task)
{
    return task->function != NULL && task->result_count == results_of(task->function) &&
           core_resources_fit(core->total, (struct core_resources){0}, task->needs);
}

/* There is no room for the task: its results are an error, and nothing is kept of it. */
static void
refuse(struct core *core, struct core_session *session, const struct lode_task_submit *submit)
{
    const struct core_task refused = {.lane = &session->program->lane,
                                      .function = core_function_at(core, submit->function),
                                      .results = submit->results,
                                      .result_count = submit->result_count,
                                      .flags = submit->flags};
    char text[128];
    snprintf(text, sizeof text, "not run: %u tasks have not ended, and there can be no more",
             core->options.task_max);
    core->stats.finished++;
    core->stats.failed++;
    core_failure_note(core, &refused, LODE_ELIMIT, NULL, text);
    core_put_error(core, &refused, (lode_id){{0}}, LODE_ELIMIT, NULL, text);
    if ((submit->flags & LODE_SUBMIT_UNTOLD) == 0) {
        core_session_notice(core, session, submit->submission);
    }
}

void
core_submit(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    const struct lode_task_submit *submit = bytes;
    const char *wrong = submit_wrong(session, submit, size);
    if (wrong != NULL) {
        core_cut(core, session, LODE_EPROTO, "a SUBMIT of %u bytes was refused: %s", size, wrong);
        return;
    }
    if (submit->submission <= session->last_submission) {
        core->stats.repeats_dropped++;
        return;
    }
    if (submit->submission != session->last_submission + 1) {
        core_cut(core, session, LODE_EPROTO, "submission %llu came after %llu",
                 (unsigned long long)submit->submission,
                 (unsigned long long)session->last_submission);
        return;
    }
    session->last_submission++;
    core->stats.submitted++;
    if (core->task_pool.count >= core->options.task_max) {
        refuse(core, session, submit);
        return;
    }
    struct core_task *parent = NULL;
    if (!core_speaks_for_itself(session)) {
        parent = core_speaker_task(core, session, submit->parent);
    }
    struct core_task *task =
        make_task(core, session, parent, submit, size - (uint32_t)sizeof *submit);
    if (!core_objects_promise(core, task)) {
        core_cut(core, session, LODE_EPROTO, "submission %llu names results of another one",
                 (unsigned long long)submit->submission);
        task->abandoned = true;
        core_task_end(core, task, true);
        return;
    }
    uint64_t last = lode_id_low(task->results) + task->result_count - 1;
    if (last > session->last_result) {
        session->last_result = last;
    }
    if (task->limit_ms > 0) {
        core_deadlines_add(core, task, core->now + task->limit_ms * INT64_C(1000000));
    }
    if (task->cancelled && core_task_stop(core, task)) {
        return;
    }
    if (!is_possible(core, task)) {
        fail_impossible(core, task, submit->function);
        return;
    }
    task->function->cpus = submit->cpus;
    core_task_begin(core, task);
}
