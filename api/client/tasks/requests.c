#include "api/client/tasks/requests.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/client/channel/patience.h"
#include "api/client/session/session.h"

#include <stdlib.h>
#include <string.h>

/* When a task that waits looks whether it is to end. */
enum { FIRST_LOOK_NS = 20000000, LOOK_NS = 1000000000 };

/* RESOLVE, LOAD, LIST and STATS all begin with the tag. */
struct tagged {
    uint32_t tag;
    uint32_t flags;  /* of a LOAD; the others have padding here */
    uint64_t parent; /* of a RESOLVE and a LOAD */
};
_Static_assert(sizeof(struct tagged) == sizeof(struct lode_task_resolve), "task_msg.h");
_Static_assert(sizeof(struct tagged) == sizeof(struct lode_task_load), "task_msg.h");
_Static_assert(offsetof(struct lode_task_stats, tag) == 0, "task_msg.h");
_Static_assert(offsetof(struct tagged, parent) == offsetof(struct lode_task_list, at),
               "task_msg.h");

static uint32_t
next_tag_locked(struct lode_tasks *tasks)
{
    lode_mutex_assert_held(&tasks->mu);
    tasks->last_tag = tasks->last_tag == UINT32_MAX ? 1 : tasks->last_tag + 1;
    return tasks->last_tag;
}

static lode_err
send_question_locked(struct lode_tasks *tasks, uint16_t type, uint32_t tag, uint32_t flags,
                     const void *rest, uint32_t rest_size)
{
    struct tagged short_head = {.tag = tag, .flags = flags, .parent = lode_tasks_parent(tasks)};
    uint32_t short_size =
        type == LODE_TASK_LIST ? offsetof(struct tagged, parent) : sizeof short_head;
    struct lode_task_stats stats = {.tag = tag, .err = flags};
    lode_mutex_assert_held(&tasks->mu);
    return type == LODE_TASK_STATS
               ? lode_link_send(tasks->link, type, &stats, sizeof stats, NULL, 0, false)
               : lode_link_send(tasks->link, type, &short_head, short_size, rest, rest_size, false);
}

static bool
up(const struct lode_tasks *tasks)
{
    return atomic_load_explicit(&tasks->state, memory_order_relaxed) == LODE_TASKS_UP;
}

static lode_err
ask_locked(struct lode_tasks *tasks, uint16_t type, uint32_t flags, const void *rest,
           uint32_t rest_size, struct lode_request *request)
{
    lode_mutex_assert_held(&tasks->mu);
    request->tag = next_tag_locked(tasks);
    request->next = tasks->requests;
    tasks->requests = request;
    return up(tasks) ? send_question_locked(tasks, type, request->tag, flags, rest, rest_size)
                     : lode_tasks_down();
}

static int64_t
sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/*
 * A task that waits for an answer for longer than most take sleeps like one in a get: its CPU is
 * lent to others, and it hears when it is to end.
 */
static lode_err
fall_asleep_locked(const struct lode_tasks *tasks, bool *is_asleep_io)
{
    const struct lode_hooks *hooks = lode_session_all_hooks(tasks->db);
    LODE_TRY(lode_hooks_stopped(hooks));
    if (!*is_asleep_io) {
        *is_asleep_io = true;
        lode_hooks_blocked(hooks, LODE_SLEEPS);
    }
    return LODE_OK;
}

/* Until one of the two is answered, or the task that asks is to end; `other` may be NULL. */
static lode_err
wait_answer_locked(struct lode_tasks *tasks, const struct lode_request *request,
                   const struct lode_request *other, int64_t deadline, bool *is_asleep_io)
{
    int64_t look = lode_now_ns() + FIRST_LOOK_NS;
    lode_mutex_assert_held(&tasks->mu);
    while (!request->done && (other == NULL || !other->done)) {
        int64_t now = lode_now_ns();
        if (!up(tasks)) {
            return lode_tasks_down();
        }
        if (now >= deadline) {
            return lode_rendezvous_late(tasks->rendezvous);
        }
        if (now >= look) {
            LODE_TRY(fall_asleep_locked(tasks, is_asleep_io));
            look = now + LOOK_NS;
        }
        (void)lode_cond_wait(&tasks->changed, &tasks->mu, sooner(deadline, look));
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

/*
 * An answer may take long, for a load for example, and says nothing until then of whether the
 * scheduler runs. So the session asks a second question, which a scheduler that runs answers at
 * once, and again after each of its answers. A scheduler that is stopped is found so within
 * LODE_ANSWER_MS, not when the first question's time is up.
 */
static lode_err
wait_long_locked(struct lode_tasks *tasks, const struct lode_request *request, int64_t deadline,
                 bool *is_asleep_io)
{
    enum { HALF_MS = LODE_ANSWER_MS / 2 };
    for (;;) {
        struct lode_request ping = {.answer = LODE_TASK_STATS_ARE};
        lode_err err = wait_answer_locked(tasks, request, NULL,
                                          sooner(deadline, lode_deadline(HALF_MS)), is_asleep_io);
        if (err != LODE_ETIMEDOUT || lode_remaining_ms(deadline) == 0) {
            return err;
        }
        err = ask_locked(tasks, LODE_TASK_STATS, 0, NULL, 0, &ping);
        if (err == LODE_OK) {
            err = wait_answer_locked(tasks, request, &ping,
                                     sooner(deadline, lode_deadline(HALF_MS)), is_asleep_io);
        }
        forget_locked(tasks, &ping);
        free(ping.text);
        LODE_TRY(err);
    }
}

lode_err
lode_tasks_ask(struct lode_tasks *tasks, uint16_t type, uint16_t answer, uint32_t flags,
               const void *rest, uint32_t rest_size, int64_t timeout_ms,
               struct lode_request *request_out)
{
    int64_t deadline = lode_deadline(timeout_ms);
    bool is_asleep = false;
    *request_out = (struct lode_request){.answer = answer};
    lode_mutex_lock(&tasks->mu);
    lode_err err = ask_locked(tasks, type, flags, rest, rest_size, request_out);
    if (err == LODE_OK) {
        err = timeout_ms > LODE_ANSWER_MS
                  ? wait_long_locked(tasks, request_out, deadline, &is_asleep)
                  : wait_answer_locked(tasks, request_out, NULL, deadline, &is_asleep);
    }
    if (is_asleep) {
        lode_hooks_blocked(lode_session_all_hooks(tasks->db), LODE_AWAKE);
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
        request->times_forgotten = tasks->functions.times_forgotten;
        request->at = answer->at;
        request->text = text_size > 0 ? strndup(text, text_size) : NULL;
        if (text_size > 0 && request->text == NULL && request->err == LODE_OK) {
            request->err = LODE_ENOMEM;
        }
        request->done = true;
        lode_cond_broadcast(&tasks->changed);
    }
    lode_mutex_unlock(&tasks->mu);
}
