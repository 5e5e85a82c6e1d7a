#include "api/client/tasks/functions.h"

#include "api/base/fail.h"
#include "api/client/tasks/requests.h"
#include "api/client/tasks/task_client.h"

#include <errno.h>
#include <limits.h>
#include <lode/task.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESOLVE_TIMES = 4,          /* that a name is asked for, if libraries are loaded meanwhile */
    RESOLVE_TIMEOUT_MS = 35000, /* longer than a worker may take to open a library */
    LOAD_TIMEOUT_MS = 30000,
    STATS_TIMEOUT_MS = 5000
};

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

/*
 * Notes the answer. False: what names stand for has changed since it came, and it may be of an
 * older version.
 */
static bool
note_answer(struct lode_tasks *tasks, const char *name, const struct lode_request *answer,
            struct lode_known_function *function_out, lode_err *err_out)
{
    /* A task without results has one all the same: an empty object that says done. */
    uint32_t results = answer->results > 0 ? answer->results : 1;
    lode_mutex_lock(&tasks->mu);
    bool is_new = tasks->functions.times_forgotten == answer->times_forgotten;
    *err_out = lode_function_cache_add(&tasks->functions, name, answer->function, results);
    if (*err_out == LODE_OK) {
        *function_out = *lode_function_cache_find(&tasks->functions, name);
        if (!is_new) {
            lode_function_cache_forget(&tasks->functions);
        }
    }
    lode_mutex_unlock(&tasks->mu);
    return is_new || *err_out != LODE_OK;
}

/* The scheduler binds a submission anew, so it matters little if the last answer is old, too. */
static lode_err
ask_for_function(struct lode_tasks *tasks, const char *name,
                 struct lode_known_function *function_out)
{
    struct lode_request request;
    bool is_new = false;
    lode_err noted = LODE_OK;
    LODE_TRY(check_function_name(name));
    for (int i = 0; i < RESOLVE_TIMES && !is_new; i++) {
        lode_err err = lode_tasks_ask(tasks, LODE_TASK_RESOLVE, LODE_TASK_RESOLVED, 0, name,
                                      (uint32_t)strlen(name), RESOLVE_TIMEOUT_MS, &request);
        free(request.text);
        LODE_TRY(err);
        if (request.results > LODE_TASK_RESULTS_MAX) {
            return lode_fail_with(LODE_EPROTO,
                                  "%s has %u results, says the scheduler; %d are possible", name,
                                  request.results, LODE_TASK_RESULTS_MAX);
        }
        is_new = note_answer(tasks, name, &request, function_out, &noted);
    }
    return noted;
}

lode_err
lode_tasks_look_up(struct lode_tasks *tasks, const char *name,
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
lode_tasks_resolve(struct lode_tasks *tasks, const char *name,
                   struct lode_known_function *function_out)
{
    lode_err err = lode_tasks_look_up(tasks, name, function_out);
    return err == LODE_ENOTFOUND ? LODE_ELIBRARY : err; /* the sentence is the same */
}

lode_err
lode_result_count(lode *db, const char *function, size_t *count_out)
{
    struct lode_tasks *tasks;
    struct lode_known_function known;
    LODE_NEED("lode_result_count", count_out);
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
        return lode_fail_with(LODE_EINVAL,
                              "lode_load() needs the path of a task library, and was given %s",
                              path == NULL ? "NULL" : "an empty one");
    }
    if (realpath(path, absolute_out) == NULL) {
        return lode_fail_with(LODE_ELIBRARY, "no task library at %.600s: %s", path,
                              strerror(errno));
    }
    return LODE_OK;
}

/* The answer's text becomes the caller's. It may be empty, and is never NULL. */
static lode_err
take_text(struct lode_request *answer, char **text_out)
{
    *text_out = answer->text != NULL ? answer->text : strdup("");
    answer->text = NULL;
    return *text_out != NULL ? LODE_OK : lode_fail_with(LODE_ENOMEM, "no memory for an answer");
}

/* If names have changed by it, the scheduler has said FORGET before LOADED. */
lode_err
lode_tasks_load(lode *db, const char *path, uint32_t flags, char **name_out)
{
    char absolute[PATH_MAX];
    struct lode_tasks *tasks;
    struct lode_request request;
    LODE_TRY(lode_tasks_of(db, &tasks));
    LODE_TRY(absolute_path(path, absolute));
    lode_err err = lode_tasks_ask(tasks, LODE_TASK_LOAD, LODE_TASK_LOADED, flags, absolute,
                                  (uint32_t)strlen(absolute), LOAD_TIMEOUT_MS, &request);
    if (err != LODE_OK) {
        free(request.text);
        return err;
    }
    if (name_out != NULL) {
        return take_text(&request, name_out);
    }
    free(request.text);
    return LODE_OK;
}

lode_err
lode_load(lode *db, const char *path)
{
    return lode_tasks_load(db, path, 0, NULL);
}

/* ---- figures ------------------------------------------------------------------------------- */

/* stats_out, json_out: NULL: not wanted. */
static lode_err
ask_for_stats(lode *db, uint32_t flags, lode_scheduler_stats *stats_out, char **json_out)
{
    struct lode_tasks *tasks;
    struct lode_request request;
    LODE_TRY(lode_tasks_of(db, &tasks));
    lode_err err = lode_tasks_ask(tasks, LODE_TASK_STATS, LODE_TASK_STATS_ARE, flags, NULL, 0,
                                  STATS_TIMEOUT_MS, &request);
    if (err == LODE_OK && stats_out != NULL) {
        *stats_out = request.stats;
    }
    if (err == LODE_OK && json_out != NULL) {
        err = take_text(&request, json_out);
    }
    free(request.text);
    return err;
}

lode_err
lode_tasks_status(lode *db, lode_scheduler_stats *stats_out, char **json_out)
{
    return ask_for_stats(db, 0, stats_out, json_out);
}

lode_err
lode_tasks_workers(lode *db, char **json_out)
{
    return ask_for_stats(db, LODE_STATS_ALL_WORKERS, NULL, json_out);
}

lode_err
lode_tasks_list(lode *db, uint64_t *at, char **json_out)
{
    struct lode_tasks *tasks;
    struct lode_request request;
    LODE_TRY(lode_tasks_of(db, &tasks));
    lode_err err = lode_tasks_ask(tasks, LODE_TASK_LIST, LODE_TASK_LISTED, 0, at, sizeof *at,
                                  STATS_TIMEOUT_MS, &request);
    if (err != LODE_OK) {
        free(request.text);
        return err;
    }
    *at = request.at;
    return take_text(&request, json_out);
}

lode_err
lode_get_scheduler_stats(lode *db, lode_scheduler_stats *stats_out)
{
    LODE_NEED("lode_get_scheduler_stats", stats_out);
    return lode_tasks_status(db, stats_out, NULL);
}
