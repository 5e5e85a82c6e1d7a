/* objects.c: the store, as far as the scheduler sees it. */
#include "tests/sim/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- objects -------------------------------------------------------------------------------- */

int
session_of_store(struct sim_world *w, uint64_t store_session)
{
    LODE_ASSERT(store_session >= 1 && store_session <= (uint64_t)w->session_count);
    return (int)store_session - 1;
}

struct sim_object *
object_of(struct sim_world *w, lode_id id)
{
    struct sim_session *s = &w->session[session_of_store(w, lode_id_session(id))];
    LODE_ASSERT(lode_id_low(id) < s->objects);
    return &s->object[lode_id_low(id)];
}

lode_id
new_objects(struct sim_world *w, int session, enum lode_id_kind kind, uint32_t count, int task)
{
    struct sim_session *s = &w->session[session];
    while (s->objects + count > s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->object = realloc(s->object, s->room * sizeof *s->object);
    }
    lode_id id = lode_id_make(kind, s->store_session, s->objects);
    for (uint32_t i = 0; i < count; i++) {
        s->object[s->objects++] = (struct sim_object){.task = task, .user = NONE};
    }
    return id;
}

uint32_t
found(const struct sim_object *object)
{
    return object->state == OBJECT_TO_COME ? LODE_FOUND_PENDING
           : object->state == OBJECT_GONE  ? LODE_FOUND_GONE
                                           : LODE_FOUND_SEALED;
}

static void
say_ready(struct sim_world *w, uint64_t cookie, struct lode_msg_ready ready)
{
    struct sim_event *event = to_core(w, CORE_NOTIFY, w->now + delay(w));
    event->bytes = malloc(sizeof ready);
    memcpy(event->bytes, &ready, sizeof ready);
    event->core.u.notify.cookie = cookie;
    event->core.u.notify.ready = (const void *)event->bytes;
    event->core.u.notify.count = 1;
    w->counts->notified++;
}

void
notify(struct sim_world *w, uint64_t cookie, lode_id id)
{
    struct sim_object *object = object_of(w, id);
    say_ready(w, cookie,
              (struct lode_msg_ready){
                  .id = id, .status = found(object), .is_error = object->state == OBJECT_ERROR});
}

void
notify_starved(struct sim_world *w, uint64_t cookie, lode_id id)
{
    say_ready(w, cookie, (struct lode_msg_ready){.id = id, .status = LODE_FOUND_STARVED});
}

/* An object comes to its end state: who watches or waits is told. */
void
decide(struct sim_world *w, lode_id id, enum object_state state)
{
    struct sim_object *object = object_of(w, id);
    LODE_ASSERT(object->state == OBJECT_TO_COME); /* first wins, and there is no second */
    object->state = state;
    for (size_t i = 0; i < w->watch_count;) {
        if (lode_id_same(w->watch[i].id, id)) {
            notify(w, w->watch[i].cookie, id);
            w->watch[i] = w->watch[--w->watch_count];
        } else {
            i++;
        }
    }
    unblock_waiters(w, id);
}

bool
all_forgotten(struct sim_world *w, const struct sim_task *task)
{
    for (uint32_t i = 0; i < task->result_count; i++) {
        if (object_of(w, lode_id_plus(task->results, i))->state != OBJECT_GONE) {
            return false;
        }
    }
    return true;
}

void
seal_results(struct sim_world *w, struct sim_task *task, bool error)
{
    /* Sealed once; but a result that nobody wanted is forgotten, and its task may run again. */
    LODE_ASSERT(!task->sealed || all_forgotten(w, task));
    LODE_ASSERT(!task->arrived || task->timeout_ms == 0 || w->now < task->deadline + OVERTIME_NS);
    w->counts->timed_out +=
        error && task->arrived && task->timeout_ms > 0 && w->now >= task->deadline;
    task->sealed = true;
    task->failed = error;
    for (uint32_t i = 0; i < task->result_count; i++) {
        lode_id id = lode_id_plus(task->results, i);
        if (object_of(w, id)->state != OBJECT_GONE) { /* else nobody asks for it any more */
            decide(w, id, error ? OBJECT_ERROR : OBJECT_SEALED);
        }
    }
}
