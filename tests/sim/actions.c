/* actions.c: what the core asks for is done, later, and checked on the way. */
#include "tests/sim/state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- actions -------------------------------------------------------------------------------- */

static void
got_ended(struct sim_world *w, int session, const struct lode_task_ended *ended)
{
    const uint64_t *submission = (const uint64_t *)(ended + 1);
    for (uint32_t i = 0; i < ended->count; i++) {
        LODE_ASSERT(submission[i] >= 1 && submission[i] <= w->session[session].submissions);
        int at = w->session[session].task_of[submission[i]];
        LODE_ASSERT(!w->task[at].ended); /* once */
        LODE_ASSERT((w->task[at].sealed || w->task[at].lost) && w->task[at].running_at == NONE);
        w->task[at].ended = true;
    }
}

static void
do_send(struct sim_world *w, const struct core_action *a)
{
    int session = session_numbered(w, a->target);
    struct sim_session *s = &w->session[session];
    LODE_ASSERT(a->message != LODE_TASK_ENDED || a->size >= sizeof(struct lode_task_ended) + 8);
    if (a->message == LODE_TASK_ENDED) {
        got_ended(w, session, core_action_bytes(a));
        return;
    }
    if (!s->is_worker) {
        return;
    }
    struct sim_worker *worker = &w->worker[s->worker];
    int64_t time = w->now + delay(w);
    worker->in_time = time > worker->in_time ? time : worker->in_time + 1;
    struct sim_event *event = schedule(w, EV_TO_WORKER, worker->in_time);
    event->worker = s->worker;
    event->type = a->message;
    event->size = a->size;
    event->bytes = malloc(a->size ? a->size : 1);
    memcpy(event->bytes, core_action_bytes(a), a->size);
}

static bool
is_watched(const struct sim_world *w, lode_id id)
{
    for (size_t i = 0; i < w->watch_count; i++) {
        if (lode_id_same(w->watch[i].id, id)) {
            return true;
        }
    }
    return false;
}

static void
do_watch(struct sim_world *w, const struct core_action *a)
{
    const lode_id *ids = core_action_bytes(a);
    for (uint32_t i = 0; i < a->size / sizeof *ids; i++) {
        LODE_ASSERT(!is_watched(w, ids[i])); /* one WATCH for an id, however many wait for it */
        if (object_of(w, ids[i])->state != OBJECT_TO_COME) {
            notify(w, a->cookie, ids[i]);
            continue;
        }
        if (one_in(w, 20)) {
            notify_starved(w, a->cookie, ids[i]);
            continue;
        }
        if (w->watch_count == w->watch_room) {
            w->watch_room = w->watch_room ? 2 * w->watch_room : 64;
            w->watch = realloc(w->watch, w->watch_room * sizeof *w->watch);
        }
        w->watch[w->watch_count++] = (struct sim_watch){a->cookie, ids[i]};
    }
}

static void
do_unwatch(struct sim_world *w, const struct core_action *a)
{
    const lode_id *id = core_action_bytes(a);
    LODE_ASSERT(a->size == sizeof *id);
    for (size_t i = 0; i < w->watch_count; i++) {
        if (w->watch[i].cookie == a->cookie && lode_id_same(w->watch[i].id, *id)) {
            w->watch[i] = w->watch[--w->watch_count];
            return;
        }
    }
}

/* True if somebody else needs this result of an ended session. */
static bool
is_wanted(struct sim_world *w, lode_id id)
{
    int user = object_of(w, id)->user;
    return (user != NONE && !w->session[user].ended) ||
           (lode_id_low(id) * 2654435761u >> 8) % 5 == 0;
}

/* What an ended session was to make and nobody has named, or nobody wants, will not come. */
static void
bury_results(struct sim_world *w, int session)
{
    struct sim_session *s = &w->session[session];
    for (uint64_t i = 0; i < s->objects; i++) {
        if (s->object[i].task != NONE && s->object[i].state == OBJECT_TO_COME &&
            !s->object[i].asked) {
            decide(w, lode_id_make(LODE_ID_RESULT, s->store_session, i), OBJECT_GONE);
        }
    }
}

static uint8_t
wanted(struct sim_world *w, lode_id id)
{
    uint32_t status = found(object_of(w, id));
    bool unwanted = status == LODE_FOUND_PENDING && !is_wanted(w, id);
    return unwanted ? LODE_FOUND_GONE : (uint8_t)status;
}

static uint8_t
promise(struct sim_world *w, lode_id id)
{
    struct sim_object *object = object_of(w, id);
    uint8_t status = wanted(w, id);
    object->asked = object->asked || status != LODE_FOUND_GONE || found(object) == LODE_FOUND_GONE;
    return status;
}

/* Also what was made and is freed, as long as its submitter lives. */
static uint8_t
was_made(struct sim_world *w, lode_id id)
{
    struct sim_object *object = object_of(w, id);
    const struct sim_task *task = object->task != NONE ? &w->task[object->task] : NULL;
    bool made = task != NULL && task->sealed && !w->session[task->session].ended;
    return made ? LODE_FOUND_SEALED : (uint8_t)found(object);
}

static void
do_settle(struct sim_world *w, const struct core_action *a)
{
    const lode_id *ids = core_action_bytes(a);
    uint32_t count = a->size / (uint32_t)sizeof *ids;
    bool results = a->type == CORE_RESULTS;
    LODE_ASSERT((results || count >= 1) && count <= CORE_STORE_IDS);
    struct sim_event *event = to_core(w, CORE_SETTLED, w->now + delay(w));
    event->bytes = malloc(count + 1);
    bool only_asks = results && a->target == 0;
    for (uint32_t i = 0; i < count; i++) {
        event->bytes[i] = only_asks ? wanted(w, ids[i])
                          : results ? promise(w, ids[i])
                                    : was_made(w, ids[i]);
    }
    event->core.u.settled.cookie = a->cookie;
    event->core.u.settled.status = event->bytes;
    event->core.u.settled.count = count;
    w->counts->settled++;
    if (results && !only_asks && count < CORE_STORE_IDS) {
        bury_results(w, session_of_store(w, a->target));
    }
}

static void
do_put_error(struct sim_world *w, const struct core_action *a)
{
    const struct core_put_error *put = core_action_bytes(a);
    const struct lode_error_object *error = (const void *)(put + 1);
    struct sim_object *object = object_of(w, put->results);
    struct sim_task *task = &w->task[object->task];
    LODE_ASSERT(error->magic == LODE_ERROR_MAGIC && put->error_size > sizeof *error);
    LODE_ASSERT(task->running_at == NONE);
    LODE_ASSERT((uint32_t)error->attempt >= task->executions); /* each that began is charged */
    if (!lode_id_same(put->copy_from, (lode_id){{0}})) {
        enum object_state cause = object_of(w, put->copy_from)->state;
        LODE_ASSERT(cause == OBJECT_ERROR || cause == OBJECT_GONE);
    }
    w->counts->errors++;
    seal_results(w, task, true);
    to_core(w, CORE_ERROR_DONE, w->now + delay(w))->core.u.cookie = a->cookie;
}

static void
do_copy(struct sim_world *w, const struct core_action *a)
{
    struct sim_event *event = to_core(w, CORE_LIBRARY_COPIED, w->now + delay(w));
    event->core.u.copied.cookie = a->cookie;
    event->core.u.copied.path = "/state/lib/1.so";
}

void
carry_out(struct sim_world *w, const struct core_action *a)
{
    switch (a->type) {
    case CORE_SEND:
        do_send(w, a);
        break;
    case CORE_CUT:
        fprintf(stderr, "sim: cut: %s\n", (const char *)core_action_bytes(a));
        LODE_ASSERT(!"no session here breaks a rule");
        break;
    case CORE_SPAWN:
        spawn(w, a->target);
        break;
    case CORE_KILL:
        got_signal(w, worker_numbered(w, a->target), (int32_t)a->value);
        break;
    case CORE_WATCH:
        do_watch(w, a);
        break;
    case CORE_UNWATCH:
        do_unwatch(w, a);
        break;
    case CORE_SETTLE:
    case CORE_RESULTS:
        do_settle(w, a);
        break;
    case CORE_PUT_ERROR:
        do_put_error(w, a);
        break;
    case CORE_REPORT:
        to_core(w, CORE_ERROR_DONE, w->now + delay(w))->core.u.cookie = a->cookie;
        break;
    case CORE_COPY_LIBRARY:
        do_copy(w, a);
        break;
    case CORE_REMOVE_COPY:
        break;
    case CORE_ARM_TIMER:
        w->pending_timer = to_core(w, CORE_TIMER, a->value > w->now ? a->value : w->now)->order;
        break;
    default:
        if (w->options.verbose) {
            const char *id = core_action_bytes(a);
            fprintf(stderr, "%12lld %s %s\n", (long long)w->now, id, id + strlen(id) + 1);
        }
        break;
    }
}
