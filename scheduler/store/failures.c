#include "scheduler/store/failures.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/system/limit.h"
#include "api/base/log.h"
#include "api/client/session/session.h"
#include "api/client/store/look.h"
#include "scheduler/core/parts/pool.h"

#include <lode/task.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct failures {
    const struct lode_paths *paths;
    struct drive *drive;
    bool started;  /* main thread */
    lode *session; /* its own thread; opened by the first object that is to be read */
    struct lode_mutex mu;
    struct lode_cond changed;
    struct errand_list jobs; /* mu */
};

/* ---- reading ------------------------------------------------------------------------------ */

/*
 * The three that ask the store. They wait for its answers as long as it lives, although it may be
 * stopped: an error is told late rather than not at all, and nobody else waits for this thread.
 */
static lode_err
attach(struct failures *failures)
{
    lode_err err = LODE_OK;
    while (failures->session == NULL && (err == LODE_OK || err == LODE_ETIMEDOUT)) {
        err = lode_session_attach(failures->paths, 0, LODE_OPEN_STORE_ONLY, &failures->session);
    }
    return err;
}

static bool
is_there(lode *db, lode_id id)
{
    bool there = false;
    lode_err err;
    do {
        err = lode_contains(db, id, &there);
    } while (err == LODE_ETIMEDOUT);
    return err == LODE_OK && there;
}

/* Of an object that is sealed: so the store's answer is all that can take its time. */
static lode_err
read_failure(lode *db, lode_id id, lode_failure_info *info_out)
{
    lode_err err;
    do {
        err = lode_failure(db, id, info_out);
    } while (err == LODE_ETIMEDOUT);
    return err;
}

/*
 * True if an error object is there to be read. The scheduler may hear from the worker that a task
 * failed before the store has looked into the worker's ring. Then the store is asked, and looks.
 */
static bool
sees_error(struct failures *failures, lode_id id)
{
    bool is_error = false;
    if (attach(failures) != LODE_OK) {
        lode_log("STORE-SESSION", "%s", lode_last_error());
        return false;
    }
    return (lode_session_sees(failures->session, id, &is_error) ||
            (is_there(failures->session, id) &&
             lode_session_sees(failures->session, id, &is_error))) &&
           is_error;
}

/* The error that an argument stands for, as this task's own. 0: it cannot be read. */
static uint32_t
copy_error(struct failures *failures, lode_id from, uint64_t task, char *bytes, size_t room)
{
    lode_failure_info info;
    struct lode_error_parts parts;
    if (!sees_error(failures, from) || read_failure(failures->session, from, &info) != LODE_OK) {
        return 0;
    }
    lode_error_parts_of_info(&info, task, &parts);
    return (uint32_t)lode_error_object_write(&parts, bytes, room);
}

/* ---- what is asked for -------------------------------------------------------------------- */

/* Passes the action on to the main thread, with the object's bytes in place of its id. */
static void
give_bytes(struct failures *failures, const struct core_action *action, bool read)
{
    const struct core_put_error *wanted = core_action_bytes(action);
    size_t room = sizeof(struct lode_error_object) + sizeof(lode_failure_info);
    room = wanted->error_size > room ? wanted->error_size : room;
    struct core_action *again = core_alloc(sizeof *again + sizeof *wanted + room);
    struct core_put_error *put = (struct core_put_error *)(again + 1);
    *again = *action;
    *put = *wanted;
    put->copy_from = (lode_id){{0}};
    put->error_size =
        read ? copy_error(failures, wanted->copy_from, action->cookie, (char *)(put + 1), room) : 0;
    if (put->error_size == 0) { /* then the bytes that came along */
        put->error_size = wanted->error_size;
        memcpy(put + 1, wanted + 1, wanted->error_size);
    }
    again->size = (uint32_t)sizeof *put + put->error_size;
    drive_add_errand(failures->drive, again);
    free(again);
}

/* The sentence of the failed task's error object, if it is there. */
static void
describe(struct failures *failures, lode_id failed, char *text_out, size_t room, int64_t *pid_out)
{
    lode_failure_info info = {.pid = 0};
    lode_view view;
    if (!sees_error(failures, failed)) {
        return;
    }
    if (read_failure(failures->session, failed, &info) == LODE_OK) {
        *pid_out = info.pid;
    }
    if (lode_get(failures->session, failed, 0, &view) != LODE_OK) {
        snprintf(text_out, room, "%s", lode_last_error());
    } else {
        lode_release(&view);
    }
}

void
failures_send(struct drive *drive, uint64_t session, const char *name, int64_t pid,
              const char *text)
{
    struct {
        struct core_action action;
        struct lode_task_output output;
        char text[LODE_TASK_NAME_MAX + LODE_FAIL_MAX];
    } send = {.output = {.pid = pid,
                         .flags = LODE_OUTPUT_FAILURE,
                         .name_size = (uint32_t)strnlen(name, LODE_TASK_NAME_MAX),
                         .text_size = (uint32_t)strnlen(text, LODE_FAIL_MAX)}};
    send.action = (struct core_action){.type = CORE_SEND,
                                       .message = LODE_TASK_OUTPUT,
                                       .size = (uint32_t)sizeof send.output +
                                               send.output.name_size + send.output.text_size,
                                       .target = session};
    memcpy(send.text, name, send.output.name_size);
    memcpy(send.text + send.output.name_size, text, send.output.text_size);
    drive_send(drive, &send.action);
}

static void
report(struct failures *failures, const struct core_action *action, bool read)
{
    const struct core_report *wanted = core_action_bytes(action);
    char text[LODE_FAIL_MAX] = "the task failed";
    int64_t pid = 0;
    if (read) {
        describe(failures, wanted->failed, text, sizeof text, &pid);
    }
    failures_send(failures->drive, action->target, wanted->name, pid, text);
    struct core_event event = {.type = CORE_ERROR_DONE, .u.cookie = action->cookie};
    drive_step(failures->drive, &event);
}

static void
carry_out(struct failures *failures, const struct core_action *action, bool read)
{
    if (action->type == CORE_PUT_ERROR) {
        give_bytes(failures, action, read);
    } else if (action->type == CORE_REPORT) {
        report(failures, action, read);
    } else {
        drive_add_errand_as(failures->drive, action, ERRAND_RECORD_AFTER_FAILURES);
    }
}

/* ---- the thread --------------------------------------------------------------------------- */

static void *
run(void *arg)
{
    struct failures *failures = arg;
    for (;;) {
        lode_mutex_lock(&failures->mu);
        struct errand *job;
        while ((job = STAILQ_FIRST(&failures->jobs)) == NULL) {
            lode_cond_wait(&failures->changed, &failures->mu, LODE_NEVER);
        }
        STAILQ_REMOVE_HEAD(&failures->jobs, entry);
        lode_mutex_unlock(&failures->mu);
        carry_out(failures, &job->action, true);
        free(job);
    }
    return NULL;
}

lode_err
failures_create(const struct lode_paths *paths, struct drive *drive, struct failures **failures_out)
{
    struct failures *failures = calloc(1, sizeof *failures);
    if (failures == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for reading failures");
    }
    failures->paths = paths;
    failures->drive = drive;
    lode_mutex_init(&failures->mu, LODE_LOCK_FAILURE_JOBS);
    lode_cond_init(&failures->changed);
    STAILQ_INIT(&failures->jobs);
    *failures_out = failures;
    return LODE_OK;
}

/* Starts the thread. Signals are blocked in this one, and so in the new one. */
static bool
start(struct failures *failures)
{
    pthread_t thread;
    if (!failures->started) {
        int code = pthread_create(&thread, NULL, run, failures);
        if (code != 0) {
            (void)lode_fail_start(code, "the thread that reads error objects");
            lode_log("FAILURE-NOT-READ", "%s", lode_last_error());
            return false;
        }
        pthread_detach(thread);
        failures->started = true;
    }
    return true;
}

void
failures_read(struct failures *failures, const struct core_action *action)
{
    bool is_read = action->type == CORE_PUT_ERROR || action->type == CORE_REPORT;
    if (is_read ? !start(failures) : !failures->started) {
        carry_out(failures, action, false);
        return;
    }
    struct errand *job = core_alloc(sizeof *job + action->size);
    memcpy(&job->action, action, sizeof *action + action->size);
    lode_mutex_lock(&failures->mu);
    STAILQ_INSERT_TAIL(&failures->jobs, job, entry);
    lode_cond_signal(&failures->changed);
    lode_mutex_unlock(&failures->mu);
}
