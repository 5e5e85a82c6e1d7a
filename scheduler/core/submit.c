/*
 * submit.c: from a SUBMIT record to a task that waits, is ready, or has failed already; and which
 * arguments are there.
 */
#include "scheduler/core/state.h"

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

/* ---- arguments ------------------------------------------------------------------------------ */

static uint32_t
first_arg(const struct core_task *task)
{
    return core_align8(task->name_size);
}

static struct lode_task_arg *
arg_at(const struct core_task *task, uint32_t offset)
{
    return (struct lode_task_arg *)(void *)(task->bytes + offset);
}

static uint32_t
next_arg(const struct core_task *task, uint32_t offset)
{
    return offset + (uint32_t)sizeof(struct lode_task_arg) +
           core_align8(arg_at(task, offset)->size);
}

static lode_id
arg_id(const struct lode_task_arg *arg)
{
    lode_id id;
    memcpy(&id, arg + 1, sizeof id);
    return id;
}

/* A result that was submitted here, and is not to come any more, has come. */
static bool
has_come(struct core *core, lode_id id)
{
    if (lode_id_kind(id) != LODE_ID_RESULT) {
        return false;
    }
    struct core_session *maker = core_session_of_store(core, lode_id_session(id));
    return maker != NULL && lode_id_low(id) <= maker->last_result;
}

/* trust: what is said to be there is there; else only live tasks and the store count. */
static enum core_arg_state
arg_state(struct core *core, struct core_task *task, uint32_t offset, bool trust)
{
    const struct lode_task_arg *arg = arg_at(task, offset);
    if (arg->kind != LODE_ARG_REF) {
        return CORE_ARG_THERE;
    }
    lode_id id = arg_id(arg);
    if (trust && arg->ready != 0 && lode_id_kind(id) != LODE_ID_RESULT) {
        return CORE_ARG_THERE;
    }
    struct core_result *result = core_result_find(&core->results, id);
    if (result != NULL && result->task == task) {
        return CORE_ARG_OF_ITSELF;
    }
    if (result != NULL) {
        core_dep_add(&core->results, task, result, offset);
        return CORE_ARG_OF_TASK;
    }
    return trust && (arg->ready != 0 || has_come(core, id)) ? CORE_ARG_THERE : CORE_ARG_WATCHED;
}

static bool
id_among(const lode_id *ids, uint32_t count, lode_id id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lode_id_same(ids[i], id)) {
            return true;
        }
    }
    return false;
}

/* Asks the store for all arguments that are not there and of no live task. */
static void
watch_args(struct core *core, struct core_task *task)
{
    lode_id ids[LODE_TASK_ARGS_MAX];
    uint32_t count = 0, offset = first_arg(task);
    for (uint32_t i = 0; i < task->arg_count; i++, offset = next_arg(task, offset)) {
        const struct lode_task_arg *arg = arg_at(task, offset);
        if (arg->kind == LODE_ARG_REF && arg->ready == CORE_ARG_WATCHED &&
            !id_among(ids, count, arg_id(arg))) {
            ids[count++] = arg_id(arg);
        }
    }
    task->watching = true;
    uint32_t size = count * (uint32_t)sizeof ids[0];
    memcpy(core_emit(core, CORE_WATCH, 0, task->number, 0, size), ids, size);
}

void
core_task_look_for_args(struct core *core, struct core_task *task, bool trust)
{
    uint32_t watched = 0, itself = 0, offset = first_arg(task);
    task->state = CORE_TASK_WAITING;
    task->waiting = 0;
    task->function->waiting++;
    core->waiting_count++;
    for (uint32_t i = 0; i < task->arg_count; i++, offset = next_arg(task, offset)) {
        enum core_arg_state state = arg_state(core, task, offset, trust);
        arg_at(task, offset)->ready = (uint8_t)state;
        task->waiting += state != CORE_ARG_THERE;
        watched += state == CORE_ARG_WATCHED;
        itself += state == CORE_ARG_OF_ITSELF;
    }
    if (itself > 0) {
        core_task_unlink(core, task);
        core_task_fail(core, task, LODE_EINVAL, NULL, "the task has its own result as argument");
    } else if (watched > 0) {
        watch_args(core, task);
    } else if (task->waiting == 0) {
        core_task_unlink(core, task);
        core_task_ready(core, task, false);
    } else if (core_chain(core, task)) {
        core_chain_behind(core, task);
    }
}

static void
arg_will_not_come(struct core *core, struct core_task *task, const struct lode_msg_ready *ready)
{
    core_task_unlink(core, task);
    if (core_task_stop(core, task)) {
        return;
    }
    if (ready->status == LODE_FOUND_SEALED) {
        core_task_fail_as(core, task, ready->id);
    } else if (ready->status == LODE_FOUND_ABORTED) {
        core_task_fail(core, task, LODE_EABORTED, NULL,
                       "not run: an argument was given up before it was sealed");
    } else {
        core_task_fail(core, task, LODE_EGONE, NULL,
                       "not run: an argument is gone: keep a reference to it until the task ends");
    }
}

/* False: the task does not wait any more. */
static bool
apply_ready(struct core *core, struct core_task *task, const struct lode_msg_ready *ready)
{
    uint32_t offset = first_arg(task), count = task->arg_count;
    for (uint32_t i = 0; i < count; i++, offset = next_arg(task, offset)) {
        const struct lode_task_arg *arg = arg_at(task, offset);
        if (arg->kind != LODE_ARG_REF || arg->ready != CORE_ARG_WATCHED ||
            !lode_id_same(arg_id(arg), ready->id)) {
            continue;
        }
        if (ready->status != LODE_FOUND_SEALED || ready->is_error != 0) {
            arg_will_not_come(core, task, ready);
            return false;
        }
        core_task_arg_ready(core, task, offset);
        if (task->state != CORE_TASK_WAITING) {
            return false;
        }
    }
    return true;
}

void
core_notified(struct core *core, uint64_t cookie, const struct lode_msg_ready *ready,
              uint32_t count)
{
    struct core_task *task = core_task_find(core, cookie);
    if (task == NULL || task->state != CORE_TASK_WAITING || !task->watching) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!apply_ready(core, task, &ready[i])) {
            return;
        }
    }
}

/* ---- submitting ----------------------------------------------------------------------------- */

static struct core_task *
make_task(struct core *core, struct core_session *session, const struct lode_task_submit *submit,
          uint32_t bytes_size)
{
    struct core_task *task = core_task_create(core, session);
    task->function = core_function_at(core, submit->function);
    task->submission = submit->submission;
    task->parent = submit->parent;
    task->results = submit->results;
    task->result_count = submit->result_count;
    task->cpus = submit->cpus;
    task->max_retries = submit->max_retries;
    task->flags = submit->flags;
    task->arg_count = submit->arg_count;
    task->name_size = submit->name_size;
    task->bytes_size = bytes_size;
    task->bytes = bytes_size <= CORE_INLINE_ARGS ? task->inline_bytes : core_alloc(bytes_size);
    memcpy(task->bytes, submit + 1, bytes_size);
    return task;
}

/* The last result first, so that the list of them begins with the first one. */
static bool
promise_results(struct core *core, struct core_task *task)
{
    for (uint32_t i = task->result_count; i-- > 0;) {
        if (core_result_find(&core->results, lode_id_plus(task->results, i)) != NULL) {
            return false;
        }
    }
    for (uint32_t i = task->result_count; i-- > 0;) {
        core_result_add(&core->results, task, lode_id_plus(task->results, i));
    }
    uint64_t last = lode_id_low(task->results) + task->result_count - 1;
    if (last > task->session->last_result) {
        task->session->last_result = last;
    }
    return true;
}

/* False: it never can run, and fails now. */
static bool
is_possible(struct core *core, struct core_task *task)
{
    const struct core_function *function = task->function;
    if (function == NULL) {
        core_task_fail(core, task, LODE_ELIBRARY, NULL,
                       "no function has the number that was asked for");
        return false;
    }
    uint32_t results = function->results ? function->results : 1;
    if (task->result_count != results) {
        core_task_fail(core, task, LODE_EINVAL, NULL, "%s has %u results, and %u were asked for",
                       function->name, results, task->result_count);
        return false;
    }
    if (task->cpus > core->options.cpus) {
        core_task_fail(
            core, task, LODE_EINVAL, NULL, "num_cpus %.4g can never be met: the cluster has %.4g",
            (double)task->cpus / LODE_CPU_UNIT, (double)core->options.cpus / LODE_CPU_UNIT);
        return false;
    }
    return true;
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
    if (core->task_pool.count >= CORE_TASK_MAX) {
        core_cut(core, session, LODE_ELIMIT, "more than %d tasks: wait for some to end first",
                 CORE_TASK_MAX);
        return;
    }
    session->last_submission++;
    core->stats.submitted++;
    struct core_task *task = make_task(core, session, submit, size - (uint32_t)sizeof *submit);
    if (!promise_results(core, task)) {
        core_cut(core, session, LODE_EPROTO, "submission %llu names results of another one",
                 (unsigned long long)submit->submission);
        task->abandoned = true;
        core_task_end(core, task, true);
        return;
    }
    if (is_possible(core, task)) {
        task->function->cpus = task->cpus;
        core_task_look_for_args(core, task, true);
    }
}
