/*
 * Questions to the scheduler that have an answer: which function is that, load this library, how
 * are you. The asking thread sleeps until a thread of nng's brings the answer, or the session goes
 * down, or time runs out.
 */
#include "api/client/tasks/task_client.h"

#include "api/base/clock.h"
#include "api/base/fail.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESOLVE_TIMEOUT_MS = 35000, /* longer than a worker may take to open a library */
    LOAD_TIMEOUT_MS = 30000,
    STATS_TIMEOUT_MS = 5000
};

/* RESOLVE, LOAD and STATS all begin with the tag. */
struct tagged {
    uint32_t tag;
    uint32_t pad;
};
_Static_assert(sizeof(struct tagged) == sizeof(struct lode_task_resolve), "task_msg.h");
_Static_assert(sizeof(struct tagged) == sizeof(struct lode_task_load), "task_msg.h");
_Static_assert(offsetof(struct lode_task_stats, tag) == 0, "task_msg.h");

static uint32_t
next_tag_locked(struct lode_tasks *tasks)
{
    lode_mutex_assert_held(&tasks->mu);
    tasks->last_tag = tasks->last_tag == UINT32_MAX ? 1 : tasks->last_tag + 1;
    return tasks->last_tag;
}

static lode_err
send_question_locked(struct lode_tasks *tasks, uint16_t type, uint32_t tag, const void *rest,
                     uint32_t rest_size)
{
    struct tagged short_head = {.tag = tag};
    struct lode_task_stats stats = {.tag = tag, .err = type == LODE_TASK_STATS ? rest_size : 0};
    lode_mutex_assert_held(&tasks->mu);
    return type == LODE_TASK_STATS
               ? lode_link_send(tasks->link, type, &stats, sizeof stats, NULL, 0, false)
               : lode_link_send(tasks->link, type, &short_head, sizeof short_head, rest, rest_size,
                                false);
}

static bool
up(const struct lode_tasks *tasks)
{
    return atomic_load_explicit(&tasks->state, memory_order_relaxed) == LODE_TASKS_UP;
}

static lode_err
wait_answer_locked(struct lode_tasks *tasks, const struct lode_request *request, int64_t deadline)
{
    lode_mutex_assert_held(&tasks->mu);
    while (!request->done) {
        if (!up(tasks)) {
            return lode_tasks_down();
        }
        if (!lode_cond_wait(&tasks->changed, &tasks->mu, deadline) && !request->done) {
            return lode_fail_with(LODE_ETIMEDOUT, "the scheduler has not answered in time");
        }
    }
    return LODE_OK;
}

static void
forget_locked(struct lode_tasks *tasks, const struct lode_request *request)
{
    struct lode_request **at = &tasks->requests;
    lode_mutex_assert_held(&tasks->mu);
    while (*at != NULL && *at != request) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = request->next;
    }
}

lode_err
lode_tasks_ask(struct lode_tasks *tasks, uint16_t type, uint16_t answer, const void *rest,
               uint32_t rest_size, int64_t timeout_ms, struct lode_request *request_out)
{
    int64_t deadline = lode_deadline(timeout_ms);
    *request_out = (struct lode_request){.answer = answer};
    lode_mutex_lock(&tasks->mu);
    request_out->tag = next_tag_locked(tasks);
    request_out->next = tasks->requests;
    tasks->requests = request_out;
    lode_err err = up(tasks) ? send_question_locked(tasks, type, request_out->tag, rest, rest_size)
                             : lode_tasks_down();
    if (err == LODE_OK) {
        err = wait_answer_locked(tasks, request_out, deadline);
    }
    forget_locked(tasks, request_out);
    lode_mutex_unlock(&tasks->mu);
    if (err == LODE_OK && request_out->err != LODE_OK) {
        err = lode_fail_with(request_out->err, "%s",
                             request_out->text != NULL ? request_out->text
                                                       : lode_err_text(request_out->err));
    }
    return err;
}

void
lode_tasks_answer(struct lode_tasks *tasks, const struct lode_request *answer, const void *text,
                  size_t text_size)
{
    lode_mutex_lock(&tasks->mu);
    struct lode_request *request = tasks->requests;
    while (request != NULL && (request->tag != answer->tag || request->answer != answer->answer)) {
        request = request->next;
    }
    if (request != NULL && !request->done) {
        request->err = answer->err;
        request->function = answer->function;
        request->results = answer->results;
        request->stats = answer->stats;
        request->text = text_size > 0 ? strndup(text, text_size) : NULL;
        request->done = true;
        lode_cond_broadcast(&tasks->changed);
    }
    lode_mutex_unlock(&tasks->mu);
}

/* ---- functions ----------------------------------------------------------------------------- */

static lode_err
check_function_name(const char *name)
{
    const char *dot = name != NULL ? strchr(name, '.') : NULL;
    if (dot == NULL || dot == name || dot[1] == '\0' || strlen(name) > LODE_TASK_NAME_MAX) {
        return lode_fail_with(LODE_EINVAL, "'%.160s' is no \"library.function\" of up to %d bytes",
                              name != NULL ? name : "(NULL)", LODE_TASK_NAME_MAX);
    }
    return LODE_OK;
}

static lode_err
ask_for_function(struct lode_tasks *tasks, const char *name,
                 struct lode_known_function *function_out)
{
    struct lode_request request;
    LODE_TRY(check_function_name(name));
    lode_err err = lode_tasks_ask(tasks, LODE_TASK_RESOLVE, LODE_TASK_RESOLVED, name,
                                  (uint32_t)strlen(name), RESOLVE_TIMEOUT_MS, &request);
    free(request.text);
    LODE_TRY(err);
    if (request.results > LODE_TASK_RESULTS_MAX) {
        return lode_fail_with(LODE_EPROTO, "%s has %u results, says the scheduler; %d are possible",
                              name, request.results, LODE_TASK_RESULTS_MAX);
    }
    /* A task without results has one all the same: an empty object that says done. */
    uint32_t results = request.results > 0 ? request.results : 1;
    lode_mutex_lock(&tasks->mu);
    err = lode_function_cache_add(&tasks->functions, name, request.function, results);
    lode_mutex_unlock(&tasks->mu);
    *function_out = (struct lode_known_function){.number = request.function, .results = results};
    return err;
}

lode_err
lode_tasks_resolve(struct lode_tasks *tasks, const char *name,
                   struct lode_known_function *function_out)
{
    if (name != NULL) {
        lode_mutex_lock(&tasks->mu);
        const struct lode_known_function *known = lode_function_cache_find(&tasks->functions, name);
        if (known != NULL) {
            *function_out = *known;
        }
        lode_mutex_unlock(&tasks->mu);
        if (known != NULL) {
            return LODE_OK;
        }
    }
    return ask_for_function(tasks, name, function_out);
}

lode_err
lode_result_count(lode *db, const char *function, size_t *count_out)
{
    struct lode_tasks *tasks;
    struct lode_known_function known;
    LODE_TRY(lode_tasks_of(db, &tasks));
    LODE_TRY(lode_tasks_resolve(tasks, function, &known));
    *count_out = known.results;
    return LODE_OK;
}

/* ---- libraries ----------------------------------------------------------------------------- */

static lode_err
absolute_path(const char *path, char absolute_out[PATH_MAX])
{
    if (path == NULL || path[0] == '\0') {
        return lode_fail_with(LODE_EINVAL, "lode_load() without a path");
    }
    if (realpath(path, absolute_out) == NULL) {
        return lode_fail_with(LODE_ELIBRARY, "no task library at %.600s: %s", path,
                              strerror(errno));
    }
    return LODE_OK;
}

/* What names stood for may have changed: all are asked for again. */
lode_err
lode_tasks_load(lode *db, const char *path, char **name_out)
{
    char absolute[PATH_MAX];
    struct lode_tasks *tasks;
    struct lode_request request;
    LODE_TRY(lode_tasks_of(db, &tasks));
    LODE_TRY(absolute_path(path, absolute));
    lode_err err = lode_tasks_ask(tasks, LODE_TASK_LOAD, LODE_TASK_LOADED, absolute,
                                  (uint32_t)strlen(absolute), LOAD_TIMEOUT_MS, &request);
    if (err != LODE_OK) {
        free(request.text);
        return err;
    }
    lode_mutex_lock(&tasks->mu);
    lode_function_cache_clear(&tasks->functions);
    lode_mutex_unlock(&tasks->mu);
    if (name_out != NULL) {
        *name_out = request.text;
    } else {
        free(request.text);
    }
    return LODE_OK;
}

lode_err
lode_load(lode *db, const char *path)
{
    return lode_tasks_load(db, path, NULL);
}

/* ---- figures ------------------------------------------------------------------------------- */

lode_err
lode_tasks_status(lode *db, lode_scheduler_stats *stats_out, char **json_out)
{
    struct lode_tasks *tasks;
    struct lode_request request;
    LODE_TRY(lode_tasks_of(db, &tasks));
    lode_err err = lode_tasks_ask(tasks, LODE_TASK_STATS, LODE_TASK_STATS_ARE, NULL, 0,
                                  STATS_TIMEOUT_MS, &request);
    if (err == LODE_OK) {
        *stats_out = request.stats;
        if (json_out != NULL) {
            *json_out = request.text;
            request.text = NULL;
        }
    }
    free(request.text);
    return err;
}

lode_err
lode_get_scheduler_stats(lode *db, lode_scheduler_stats *stats_out)
{
    LODE_NEED("lode_get_scheduler_stats", stats_out);
    return lode_tasks_status(db, stats_out, NULL);
}
