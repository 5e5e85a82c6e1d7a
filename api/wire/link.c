#include "api/wire/link.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/wire/link_connect.h"
#include "api/wire/link_retire.h"
#include "api/wire/link_send.h"
#include "api/wire/start.h"
#include "api/wire/task_msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- sending ------------------------------------------------------------------------------ */

static lode_err
check_size(uint32_t head_size, uint32_t rest_size)
{
    if (head_size > LODE_TASK_RECORD_MAX || rest_size > LODE_TASK_RECORD_MAX - head_size) {
        return lode_fail_with(LODE_ETOOBIG, "a message of %u + %u bytes; at most %d can be sent",
                              head_size, rest_size, LODE_TASK_RECORD_MAX);
    }
    return LODE_OK;
}

lode_err
lode_link_send(struct lode_link *link, uint16_t type, const void *head, uint32_t head_size,
               const void *rest, uint32_t rest_size, bool hold)
{
    struct lode_link_pipe *pipe = NULL;
    lode_err err;
    LODE_TRY(check_size(head_size, rest_size));
    lode_mutex_lock(&link->mu);
    if (link->closing || link->broken) {
        err = lode_fail_with(LODE_ECLOSED, "the link is closed");
    } else {
        err = hold ? LODE_OK : lode_link_room_to_send_locked(link, head_size + rest_size);
        if (err == LODE_OK) {
            err = lode_link_queue_append(&link->queue, type, head, head_size, rest, rest_size);
        }
        if (err == LODE_OK && !hold) {
            pipe = lode_link_ready_pipe_locked(link);
        }
    }
    lode_mutex_unlock(&link->mu);
    if (pipe != NULL) {
        lode_link_start(pipe);
    }
    return err;
}

void
lode_link_flush(struct lode_link *link)
{
    lode_link_pump(link);
}

void
lode_link_lock(struct lode_link *link)
{
    lode_mutex_lock(&link->mu);
}

lode_err
lode_link_append_locked(struct lode_link *link, uint16_t type, const void *head, uint32_t head_size,
                        const void *rest, uint32_t rest_size)
{
    lode_mutex_assert_held(&link->mu);
    LODE_TRY(check_size(head_size, rest_size));
    if (link->closing || link->broken) {
        return lode_fail_with(LODE_ECLOSED, "the link is closed");
    }
    return lode_link_queue_append(&link->queue, type, head, head_size, rest, rest_size);
}

void
lode_link_unlock(struct lode_link *link)
{
    lode_mutex_unlock(&link->mu);
}

lode_err
lode_link_drain(struct lode_link *link, int64_t timeout_ms)
{
    int64_t deadline = lode_deadline(timeout_ms);
    bool woken = true, over, done;
    lode_mutex_lock(&link->mu);
    uint64_t last = link->queue.last;
    link->asks++;
    link->say_ack = true;
    lode_mutex_unlock(&link->mu);
    lode_link_pump(link);
    lode_mutex_lock(&link->mu);
    for (;;) {
        done = link->queue.acked >= last;
        over = link->closing || link->broken;
        if (done || over || !woken) {
            break;
        }
        woken = lode_cond_wait(&link->changed, &link->mu, deadline);
    }
    uint64_t missing = last - link->queue.acked;
    link->asks--;
    lode_mutex_unlock(&link->mu);
    if (done) {
        return LODE_OK;
    }
    return over ? lode_fail_with(LODE_ECLOSED, "the link is closed")
                : lode_fail_with(LODE_ETIMEDOUT, "%llu messages are not acknowledged",
                                 (unsigned long long)missing);
}

void
lode_link_dial_no_more(struct lode_link *link)
{
    lode_mutex_lock(&link->mu);
    link->dials_no_more = true;
    lode_mutex_unlock(&link->mu);
}

lode_err
lode_link_try_failed(struct lode_link *link)
{
    char what[sizeof link->url + 64];
    lode_mutex_lock(&link->mu);
    int code = link->listens ? 0 : link->last_try;
    lode_mutex_unlock(&link->mu);
    if (!lode_wire_lacks(code)) {
        return LODE_OK;
    }
    snprintf(what, sizeof what, "cannot dial '%s'", link->url);
    return lode_wire_fail(code, what);
}

/* ---- life --------------------------------------------------------------------------------- */

/*
 * nng aborts a process that uses it after a fork, if the parent had used it before. The first link
 * notes whose nng it is.
 */
static lode_err
check_process(void)
{
    static _Atomic pid_t owner;
    pid_t first = 0;
    pid_t me = getpid();
    if (atomic_compare_exchange_strong(&owner, &first, me) || first == me) {
        return LODE_OK;
    }
    return lode_fail_with(LODE_EFORKED,
                          "this process is a fork of process %d, which has called tasks: only "
                          "objects can be used here; to call tasks, exec a program, or fork before "
                          "the first call",
                          (int)first);
}

static lode_err
open_link(const char *path, bool listens, const struct lode_link_events *events,
          struct lode_link **link_out)
{
    LODE_TRY(check_process());
    struct lode_link *link = calloc(1, sizeof *link);
    lode_err err;
    if (link == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a link");
    }
    if (strlen(path) >= 108 - 1 || path[0] != '/') {
        err = lode_fail_with(LODE_EINVAL,
                             "'%s' cannot be an endpoint: give an absolute path of at most 106 "
                             "bytes",
                             path);
        goto free_link;
    }
    snprintf(link->url, sizeof link->url, "ipc://%s", path);
    link->events = *events;
    link->listens = listens;
    lode_mutex_init(&link->delivery, LODE_LOCK_LINK_DELIVERY);
    lode_mutex_init(&link->mu, LODE_LOCK_LINK);
    lode_cond_init(&link->changed);
    lode_link_queue_init(&link->queue);
    err = lode_link_open_pipes(link);
    if (err == LODE_OK) {
        err = lode_link_try_failed(link);
    }
    if (err != LODE_OK) {
        lode_link_close(link);
        return err;
    }
    *link_out = link;
    return LODE_OK;

free_link:
    free(link);
    return err;
}

lode_err
lode_link_listen(const char *path, const struct lode_link_events *events,
                 struct lode_link **link_out)
{
    return open_link(path, true, events, link_out);
}

lode_err
lode_link_dial(const char *path, const struct lode_link_events *events, struct lode_link **link_out)
{
    return open_link(path, false, events, link_out);
}

void
lode_link_close(struct lode_link *link)
{
    if (link == NULL) {
        return;
    }
    lode_link_close_pipes(link);
    lode_link_queue_fini(&link->queue);
    lode_cond_fini(&link->changed);
    lode_mutex_fini(&link->mu);
    lode_mutex_fini(&link->delivery);
    free(link);
}

static void
run_close(struct lode_reaper_job *job)
{
    struct lode_link *link =
        (struct lode_link *)((char *)job - offsetof(struct lode_link, close_job));
    void (*closed)(void *arg) = link->closed;
    void *arg = link->closed_arg;
    lode_link_close(link);
    if (closed != NULL) {
        closed(arg);
    }
}

void
lode_link_reap(struct lode_link *link, void (*done)(void *arg), void *arg)
{
    link->closed = done;
    link->closed_arg = arg;
    link->close_job.run = run_close;
    lode_reaper_add(&link->close_job);
}

void
lode_link_count(struct lode_link *link, struct lode_link_counters *counters_out)
{
    lode_mutex_lock(&link->mu);
    *counters_out = link->counters;
    counters_out->records_acked = link->queue.acked;
    counters_out->backlog_bytes = link->queue.backlog_bytes;
    lode_mutex_unlock(&link->mu);
}
