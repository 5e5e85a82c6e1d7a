#include "scheduler/store/store.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/base/hash.h"
#include "api/base/log.h"
#include "scheduler/core/parts/pool.h"
#include "scheduler/store/store_async.h"
#include "api/layout/error_object.h"
#include "api/layout/id.h"
#include "scheduler/store/failures.h"

#include <lode/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>

/* A PUT_ERROR on its way. */
struct put {
    uint64_t cookie;
    uint32_t size; /* of the error object */
    uint64_t report_session;
    char name[LODE_TASK_NAME_MAX + 1];
    uint64_t bytes[]; /* the error object */
};

/* Something asked of the store under a tag. */
struct ask {
    uint32_t tag;
    uint64_t number; /* the how manieth it is; a tag comes round */
    uint64_t cookie; /* of SETTLE and RESULTS */
    struct put *put; /* NULL: one of those */
    UT_hash_handle hh;
};

/* An errand that waits for the answers to the asks up to a number; the action's bytes follow. */
struct deferred {
    STAILQ_ENTRY(deferred) entry;
    uint64_t last;   /* the number */
    uint32_t awaits; /* so many of these asks are not answered */
    uint16_t type;   /* of the errand */
    struct core_action action;
};

struct store_client {
    struct drive *drive;
    struct loop_source source;
    struct lode_store_async *async;
    void (*lost)(void *arg);
    void *arg;
    struct lode_mutex mu;
    struct ask *asks; /* mu */
    uint32_t last_tag;
    uint64_t asked;                   /* mu; how many there were */
    STAILQ_HEAD(, deferred) deferred; /* main thread */
};

/* ---- tags --------------------------------------------------------------------------------- */

static uint32_t
new_ask(struct store_client *store, uint64_t cookie, struct put *put)
{
    struct ask *ask = core_alloc(sizeof *ask);
    lode_mutex_lock(&store->mu);
    store->last_tag = store->last_tag % INT32_MAX + 1;
    *ask = (struct ask){
        .tag = store->last_tag, .number = ++store->asked, .cookie = cookie, .put = put};
    uint32_t tag = ask->tag;
    HASH_ADD(hh, store->asks, tag, sizeof ask->tag, ask);
    core_need(hash_has(hh, ask) ? ask : NULL);
    lode_mutex_unlock(&store->mu);
    return tag;
}

/* Takes the ask of that tag out; NULL: there is none. The caller frees it. */
static struct ask *
take_ask(struct store_client *store, uint32_t tag)
{
    struct ask *ask;
    lode_mutex_lock(&store->mu);
    HASH_FIND(hh, store->asks, &tag, sizeof tag, ask);
    if (ask != NULL) {
        HASH_DEL(store->asks, ask);
    }
    lode_mutex_unlock(&store->mu);
    return ask;
}

/* ---- asking ------------------------------------------------------------------------------- */

/*
 * After LODE_EDOWN nothing is answered any more: dispatch hears of it too, and the scheduler ends.
 * Anything else would be a bug of ours.
 */
static void
expect_asked(lode_err err)
{
    LODE_ASSERT(err == LODE_OK || err == LODE_EDOWN);
}

static lode_err
ask_settle_locked(struct store_client *store, const struct core_action *action)
{
    uint32_t tag = new_ask(store, action->cookie, NULL);
    const lode_id *ids = core_action_bytes(action);
    uint32_t count = action->size / (uint32_t)sizeof *ids;
    return action->type == CORE_SETTLE
               ? lode_store_async_settle(store->async, tag, action->target, ids, count)
               : lode_store_async_results(store->async, tag, action->target, ids, count);
}

void
store_action_locked(struct store_client *store, const struct core_action *action)
{
    switch (action->type) {
    case CORE_WATCH:
        expect_asked(lode_store_async_watch(store->async, action->cookie, core_action_bytes(action),
                                            action->size / sizeof(lode_id)));
        break;
    case CORE_UNWATCH:
        expect_asked(lode_store_async_unwatch(store->async, action->cookie,
                                              *(const lode_id *)core_action_bytes(action)));
        break;
    default:
        expect_asked(ask_settle_locked(store, action));
    }
}

static void
say_settled(struct store_client *store, uint64_t cookie, const uint8_t *status, uint32_t count)
{
    struct core_event event = {.type = CORE_SETTLED,
                               .u.settled = {.cookie = cookie, .status = status, .count = count}};
    drive_step(store->drive, &event);
}

/* ---- error objects ------------------------------------------------------------------------ */

static void
say_error_done(struct store_client *store, uint64_t cookie)
{
    struct core_event event = {.type = CORE_ERROR_DONE, .u.cookie = cookie};
    drive_step(store->drive, &event);
}

static void
finish_put(struct store_client *store, struct put *put)
{
    if (put->report_session != 0) {
        struct lode_error_parts parts = {.head.pid = 0};
        lode_err code = lode_error_object_read(put->bytes, put->size, &parts);
        if (code == LODE_OK) {
            code = lode_error_object_fail(put->bytes, put->size);
        }
        failures_send(store->drive, put->report_session, put->name, parts.head.pid,
                      code != LODE_OK ? lode_last_error() : "the task failed");
    }
    say_error_done(store, put->cookie);
    free(put);
}

void
store_put_error(struct store_client *store, const struct core_action *action)
{
    const struct core_put_error *wanted = core_action_bytes(action);
    struct put *put = core_alloc(sizeof *put + wanted->error_size);
    *put = (struct put){.cookie = action->cookie,
                        .size = wanted->error_size,
                        .report_session = wanted->report_session};
    memcpy(put->name, wanted->name, sizeof put->name);
    memcpy(put->bytes, wanted + 1, wanted->error_size);
    uint32_t tag = new_ask(store, 0, put);
    expect_asked(lode_store_async_fail(store->async, tag, wanted->results, wanted->result_count,
                                       put->bytes, put->size));
}

/* ---- errands that wait -------------------------------------------------------------------- */

void
store_add_errand_after(struct store_client *store, const struct core_action *action, uint16_t type)
{
    lode_mutex_lock(&store->mu);
    uint64_t last = store->asked;
    uint32_t awaits = HASH_COUNT(store->asks);
    lode_mutex_unlock(&store->mu);
    if (awaits == 0) {
        drive_add_errand_as(store->drive, action, type);
        return;
    }
    struct deferred *deferred = core_alloc(sizeof *deferred + action->size);
    deferred->last = last;
    deferred->awaits = awaits;
    deferred->type = type;
    memcpy(&deferred->action, action, sizeof *action + action->size);
    STAILQ_INSERT_TAIL(&store->deferred, deferred, entry);
}

/* The ask of that number is answered, and the core has heard of it. */
static void
note_answered(struct store_client *store, uint64_t number)
{
    struct deferred *deferred = STAILQ_FIRST(&store->deferred), *next;
    for (; deferred != NULL; deferred = next) {
        next = STAILQ_NEXT(deferred, entry);
        if (number <= deferred->last && --deferred->awaits == 0) {
            STAILQ_REMOVE(&store->deferred, deferred, deferred, entry);
            drive_add_errand_as(store->drive, &deferred->action, deferred->type);
            free(deferred);
        }
    }
}

/* ---- answers: main thread, from dispatch -------------------------------------------------- */

static void
on_ready(void *arg, uint64_t cookie, const struct lode_msg_ready *ready, uint32_t count)
{
    struct store_client *store = arg;
    struct core_event event = {.type = CORE_NOTIFY,
                               .u.notify = {.cookie = cookie, .ready = ready, .count = count}};
    drive_step(store->drive, &event);
}

static void
on_settled(void *arg, uint32_t tag, uint64_t session, const uint8_t *status, uint32_t count)
{
    struct store_client *store = arg;
    struct ask *ask = take_ask(store, tag);
    (void)session;
    if (ask != NULL && ask->put == NULL) {
        say_settled(store, ask->cookie, status, count);
        note_answered(store, ask->number);
    }
    free(ask);
}

static void
on_failed(void *arg, uint32_t tag, lode_err err, const char *why)
{
    struct store_client *store = arg;
    struct ask *ask = take_ask(store, tag);
    if (ask == NULL) {
        return;
    }
    if (err != LODE_OK) {
        lode_log(ask->put != NULL ? "ERROR-NOT-PUT" : "STORE-REFUSED", "%s: %s", lode_err_text(err),
                 why);
    }
    if (ask->put != NULL) {
        finish_put(store, ask->put);
        note_answered(store, ask->number);
    } else {
        (void)lode_fail_with(LODE_EPROTO, "the store does not answer the scheduler: %s", why);
        store->lost(store->arg);
    }
    free(ask);
}

static void
store_ready(struct loop_source *source, uint32_t events)
{
    struct store_client *store = CONTAINER_OF(source, struct store_client, source);
    (void)events;
    if (lode_store_async_dispatch(store->async) != LODE_OK) {
        store->lost(store->arg);
    }
}

lode_err
store_open(const struct lode_paths *paths, struct loop *loop, void (*lost)(void *arg), void *arg,
           struct store_client **store_out)
{
    static struct lode_store_async_events events = {
        .ready = on_ready, .settled = on_settled, .failed = on_failed};
    struct store_client *store = calloc(1, sizeof *store);
    lode_err err;
    if (store == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory");
    }
    store->lost = lost;
    store->arg = arg;
    store->source.ready = store_ready;
    lode_mutex_init(&store->mu, LODE_LOCK_STORE_ASKS);
    STAILQ_INIT(&store->deferred);
    events.arg = store;
    err = lode_store_async_open(paths, &events, &store->async);
    if (err != LODE_OK) {
        goto free_store;
    }
    store->source.fd = lode_store_async_fd(store->async);
    err = loop_add(loop, &store->source, EPOLLIN);
    if (err != LODE_OK) {
        goto close_session;
    }
    *store_out = store;
    return LODE_OK;

close_session:
    lode_store_async_close(store->async);
free_store:
    lode_mutex_fini(&store->mu);
    free(store);
    return err;
}

void
store_serve(struct store_client *store, struct drive *drive)
{
    store->drive = drive;
}
