/*
 * lode_call(): from arguments to a record in the link.
 *
 * First everything is checked. Then the call takes references of its own to its arguments, so that
 * the caller may drop its own at once. Then, under tasks.mu, result ids are drawn, the call gets
 * its number, and the record goes into the link. A failure before that undoes what was done, and
 * nothing was submitted.
 */
#include "api/base/fail.h"
#include "api/base/options.h"
#include "api/client/session/session.h"
#include "api/client/store/look.h"
#include "api/client/tasks/args.h"
#include "api/client/tasks/call_refs.h"
#include "api/client/tasks/functions.h"
#include "api/client/tasks/task_client.h"
#include "api/layout/arg_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REST_ON_STACK = 512, RETRIES_DEFAULT = 3 };

/* A call that has been checked. */
struct call {
    struct lode_task_submit head;
    lode_args args;
    const char *name;     /* for display; NULL: the function's */
    size_t results_room;  /* 0: for the fewest that the function ever had */
    size_t args_size;     /* as bytes */
    union lode_refs refs; /* the arguments that are references, then results that nobody wants */
    uint32_t ref_count;   /* of all of them, */
    uint32_t arg_refs;    /* and of the arguments */
};

/* ---- options ------------------------------------------------------------------------------- */

static lode_err
cpus_of(double num_cpus, uint32_t *cpus_out)
{
    if (num_cpus == 0) {
        *cpus_out = LODE_CPU_UNIT;
        return LODE_OK;
    }
    if (num_cpus == (double)LODE_ZERO) {
        *cpus_out = 0;
        return LODE_OK;
    }
    double units = round(num_cpus * LODE_CPU_UNIT);
    if (!(units >= 1 && units <= (double)UINT32_MAX)) { /* NaN fails both */
        return lode_fail_with(LODE_EINVAL, "num_cpus is %g; give LODE_ZERO, or 0.0001 to %u",
                              num_cpus, UINT32_MAX / LODE_CPU_UNIT);
    }
    *cpus_out = (uint32_t)units;
    return LODE_OK;
}

static lode_err
retries_of(int32_t max_retries, uint32_t *retries_out)
{
    if (max_retries < 0 && max_retries != LODE_ZERO) {
        return lode_fail_with(LODE_EINVAL, "max_retries is %d; give LODE_ZERO, or 1 and more",
                              max_retries);
    }
    *retries_out = max_retries == 0           ? RETRIES_DEFAULT
                   : max_retries == LODE_ZERO ? 0
                                              : (uint32_t)max_retries;
    return LODE_OK;
}

static lode_err
limit_of(int64_t timeout_ms, uint32_t *limit_out)
{
    if (timeout_ms == LODE_ZERO || timeout_ms > UINT32_MAX) {
        return lode_fail_with(LODE_EINVAL,
                              "timeout_ms is %lld; give LODE_FOREVER, or a number from 1 to %u",
                              (long long)timeout_ms, UINT32_MAX);
    }
    *limit_out = timeout_ms > 0 ? (uint32_t)timeout_ms : 0;
    return LODE_OK;
}

static lode_err
check_name(const char *name)
{
    if (name != NULL && strnlen(name, LODE_TASK_NAME_MAX + 1) > LODE_TASK_NAME_MAX) {
        return lode_fail_with(LODE_EINVAL, "the name '%.40s…' is longer than %d bytes", name,
                              LODE_TASK_NAME_MAX);
    }
    return LODE_OK;
}

static lode_err
read_options(const lode_call_options *given, struct call *call)
{
    lode_call_options options;
    LODE_TRY(lode_options_read("lode_call_options", given, sizeof options, &options));
    LODE_TRY(cpus_of(options.num_cpus, &call->head.cpus));
    LODE_TRY(retries_of(options.max_retries, &call->head.max_retries));
    LODE_TRY(check_name(options.name));
    LODE_TRY(limit_of(options.timeout_ms, &call->head.timeout_ms));
    call->name = options.name;
    call->results_room = options.results_room;
    return LODE_OK;
}

/* A function may have more results than when the caller was written, or asked. */
static lode_err
check_room(const char *function, const struct lode_known_function *known, struct call *call)
{
    bool is_given = call->results_room > 0;
    if (!is_given) {
        call->results_room = known->least_results;
    }
    return known->results <= call->results_room
               ? LODE_OK
               : lode_fail_with(LODE_EINVAL,
                                "%s has %u results%s, and there is room for %zu: "
                                "lode_call_options.results_room says for how many",
                                function, known->results, is_given ? "" : " now",
                                call->results_room);
}

/* A call for more CPUs than the cluster has would wait for ever. */
static lode_err
check_cpus(struct lode_tasks *tasks, uint32_t cpus)
{
    lode_scheduler_stats stats;
    if (cpus <= atomic_load_explicit(&tasks->cpus_total, memory_order_relaxed)) {
        return LODE_OK;
    }
    LODE_TRY(lode_tasks_status(tasks->db, &stats, NULL));
    if (cpus > stats.cpus_total) {
        return lode_fail_with(LODE_EINVAL, "num_cpus is %g, and the cluster has %g",
                              (double)cpus / LODE_CPU_UNIT,
                              (double)stats.cpus_total / LODE_CPU_UNIT);
    }
    atomic_store_explicit(&tasks->cpus_total, stats.cpus_total, memory_order_relaxed);
    return LODE_OK;
}

/* ---- arguments ----------------------------------------------------------------------------- */

/* Results that nobody waits for are held like arguments: a failure is read from them. */
static uint32_t
unattended_results(const struct call *call)
{
    return call->head.flags & LODE_SUBMIT_UNATTENDED ? call->head.result_count : 0;
}

static lode_err
take_refs(struct lode_tasks *tasks, struct call *call)
{
    uint32_t count = unattended_results(call);
    for (size_t i = 0; i < call->args.count; i++) {
        count += call->args.arg[i].kind == LODE_ARG_REF;
    }
    if (count == 0) {
        return LODE_OK;
    }
    if (count > LODE_REFS_FEW) {
        call->refs.list = malloc(count * sizeof *call->refs.list);
        if (call->refs.list == NULL) {
            return lode_fail_with(LODE_ENOMEM, "no room for the references of a call");
        }
    }
    lode_id *refs = lode_refs_of(&call->refs, count);
    for (size_t i = 0; i < call->args.count; i++) {
        if (call->args.arg[i].kind == LODE_ARG_REF) {
            refs[call->arg_refs++] = call->args.arg[i].u.id;
        }
    }
    lode_err err = lode_call_refs_take(tasks, refs, call->arg_refs);
    if (err != LODE_OK) {
        lode_refs_free(&call->refs, count);
        return err;
    }
    call->ref_count = count;
    return LODE_OK;
}

/*
 * Whether the argument's object is known to be there. What this session has put is there, or a
 * worker will say that it is not. An id that the session only reserved may still be to come.
 */
static bool
is_ready(void *arg, lode_id id)
{
    const lode *db = arg;
    return (lode_id_kind(id) == LODE_ID_PUT && !lode_id_is_reserved(id) &&
            lode_id_session(id) == lode_session_number(db)) ||
           lode_session_sees(arg, id, NULL);
}

/* ---- results ------------------------------------------------------------------------------- */

/* Gives the results to the caller. In a worker they are booked on the task that made the call. */
static void
hand_out_results(struct lode_tasks *tasks, const struct call *call, lode_id *results_out)
{
    const struct lode_session_hooks *worker = lode_session_hooks(tasks->db, LODE_HOOKS_WORKER);
    for (uint32_t i = 0; results_out != NULL && i < call->head.result_count; i++) {
        results_out[i] = lode_id_plus(call->head.results, i);
        lode_result_refs_born(&tasks->result_refs, results_out[i]);
        if (worker != NULL && worker->referenced != NULL) {
            worker->referenced(worker->arg, results_out[i], 1);
        }
    }
    for (size_t i = call->head.result_count; results_out != NULL && i < call->results_room; i++) {
        results_out[i] = (lode_id){{0}};
    }
}

/* ---- the record ---------------------------------------------------------------------------- */

/*
 * Draws the ids of the results, to which the session refers from birth, and sends the record. If
 * the link does not take it, the ids go back: a program that tries again and again uses none up.
 * Nobody else draws ids of results, and this is done under tasks.mu.
 */
static lode_err
send_locked(struct lode_tasks *tasks, struct call *call, const void *rest, uint32_t rest_size)
{
    call->head.results = lode_session_draw(tasks->db, LODE_ID_RESULT, call->head.result_count);
    bool hold = lode_burst_holds(&tasks->burst, rest_size);
    lode_err err = lode_link_send(tasks->link, LODE_TASK_SUBMIT, &call->head, sizeof call->head,
                                  rest, rest_size, hold);
    if (err != LODE_OK) {
        lode_session_draw_back(tasks->db, LODE_ID_RESULT, call->head.result_count);
        return err;
    }
    lode_burst_appended(&tasks->burst, rest_size, hold);
    return LODE_OK;
}

/* Something is held until the call ends, or its ids must be found together. */
static bool
is_noted(const struct call *call)
{
    return call->ref_count > 0 || call->head.result_count > 1;
}

static void
note_locked(struct lode_tasks *tasks, struct call *call)
{
    lode_id *refs = lode_refs_of(&call->refs, call->ref_count);
    for (uint32_t i = 0; i < unattended_results(call); i++) {
        refs[call->arg_refs + i] = lode_id_plus(call->head.results, i);
    }
    struct lode_submission submission = {
        .number = call->head.submission,
        .results = call->head.results,
        .result_count = call->head.result_count,
        .ref_count = call->ref_count,
        .refs = call->refs,
    };
    lode_submissions_add(&tasks->submissions, &submission);
}

static lode_err
append_locked(struct lode_tasks *tasks, struct call *call, const void *rest, uint32_t rest_size)
{
    bool noted = is_noted(call);
    lode_mutex_assert_held(&tasks->mu);
    if (atomic_load_explicit(&tasks->state, memory_order_relaxed) != LODE_TASKS_UP) {
        return lode_tasks_down();
    }
    if (noted) {
        LODE_TRY(lode_submissions_reserve(&tasks->submissions));
    }
    call->head.submission = tasks->submitted + 1;
    LODE_TRY(send_locked(tasks, call, rest, rest_size));
    tasks->submitted++;
    if (noted) { /* the call's end is handled under tasks.mu, so not before this */
        note_locked(tasks, call);
    }
    return LODE_OK;
}

static void
encode_rest(lode *db, const struct call *call, char *rest)
{
    size_t name_room = lode_align8(call->head.name_size);
    memset(rest, 0, name_room);
    if (call->head.name_size > 0) {
        memcpy(rest, call->name, call->head.name_size);
    }
    lode_args_encode(call->args, is_ready, db, rest + name_room);
}

static lode_err
append(struct lode_tasks *tasks, struct call *call)
{
    _Alignas(8) char on_stack[REST_ON_STACK];
    size_t size = lode_align8(call->head.name_size) + call->args_size;
    char *rest = size <= sizeof on_stack ? on_stack : malloc(size);
    if (rest == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no room for %zu bytes of arguments", size);
    }
    encode_rest(tasks->db, call, rest);
    lode_mutex_lock(&tasks->mu);
    lode_err err = append_locked(tasks, call, rest, (uint32_t)size);
    lode_mutex_unlock(&tasks->mu);
    if (rest != on_stack) {
        free(rest);
    }
    return err;
}

static lode_err
submit(struct lode_tasks *tasks, struct call *call, lode_id *results_out)
{
    LODE_TRY(take_refs(tasks, call));
    call->head.flags |= is_noted(call) ? 0 : LODE_SUBMIT_UNTOLD;
    lode_err err = append(tasks, call);
    if (err == LODE_OK) {
        hand_out_results(tasks, call, results_out);
        return LODE_OK;
    }
    lode_call_refs_drop(tasks->db, lode_refs_of(&call->refs, call->ref_count), call->arg_refs);
    lode_refs_free(&call->refs, call->ref_count);
    return err;
}

lode_err
lode_call(lode *db, const char *function, lode_args args, const lode_call_options *options,
          lode_id *results_out)
{
    struct call call = {.args = args};
    struct lode_tasks *tasks;
    struct lode_known_function known;
    LODE_TRY(lode_tasks_of(db, &tasks));
    LODE_TRY(read_options(options, &call));
    LODE_TRY(lode_args_measure(args, &call.args_size));
    LODE_TRY(lode_tasks_resolve(tasks, function, &known));
    LODE_TRY(check_cpus(tasks, call.head.cpus));
    if (results_out != NULL) {
        LODE_TRY(check_room(function, &known, &call));
    }
    call.head.parent = lode_tasks_parent(tasks);
    call.head.function = known.number;
    call.head.result_count = known.results;
    call.head.flags = results_out == NULL ? LODE_SUBMIT_UNATTENDED : 0;
    call.head.arg_count = (uint16_t)args.count;
    call.head.name_size = (uint16_t)(call.name != NULL ? strlen(call.name) : 0);
    return submit(tasks, &call, results_out);
}

lode_err
lode_cancel(lode *db, lode_id result, uint32_t flags)
{
    struct lode_tasks *tasks;
    struct lode_task_cancel cancel = {.flags = flags};
    LODE_TRY(lode_session_check(db));
    if ((flags & ~(uint32_t)(LODE_CANCEL_FORCE | LODE_CANCEL_RECURSIVE)) != 0) {
        return lode_fail_with(LODE_EINVAL, "lode_cancel: there are no flags 0x%x", (unsigned)flags);
    }
    if (lode_id_none(result) || lode_id_kind(result) != LODE_ID_RESULT) {
        return lode_fail_with(LODE_EGONE, "lode_cancel() of an id that no call gave out");
    }
    LODE_TRY(lode_tasks_of(db, &tasks));
    lode_mutex_lock(&tasks->mu);
    cancel.result = lode_submissions_first_result(&tasks->submissions, result);
    lode_err err =
        atomic_load_explicit(&tasks->state, memory_order_relaxed) == LODE_TASKS_UP
            ? lode_link_send(tasks->link, LODE_TASK_CANCEL, &cancel, sizeof cancel, NULL, 0, false)
            : lode_tasks_down();
    lode_mutex_unlock(&tasks->mu);
    return err;
}
