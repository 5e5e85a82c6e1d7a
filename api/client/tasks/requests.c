#include "api/client/tasks/requests.h"

#include "api/base/clock.h"
#include "api/base/fail.h"

#include <string.h>

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
