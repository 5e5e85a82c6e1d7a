/* chance.c: chance from the seed, the order of what is to happen, and the links to the core. */
#include "tests/sim/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- chance, time --------------------------------------------------------------------------- */

static uint64_t
chance(struct sim_world *w)
{
    uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t
below(struct sim_world *w, uint64_t limit)
{
    return chance(w) % limit;
}

bool
one_in(struct sim_world *w, uint64_t n)
{
    bool calm = w->options.trees || w->options.ladders;
    return below(w, n) == 0 && !calm; /* as a rule a fault, or something special */
}

/* Mostly microseconds; now and then a pipe is lost, and all comes later, at once. */
int64_t
delay(struct sim_world *w)
{
    return one_in(w, 200) ? (int64_t)below(w, 20000000) : 1000 + (int64_t)below(w, 60000);
}

static bool
before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time < b->time || (a->time == b->time && a->order < b->order);
}

struct sim_event *
schedule(struct sim_world *w, enum event_kind kind, int64_t time)
{
    if (w->heap_count == w->heap_room) {
        w->heap_room = w->heap_room ? 2 * w->heap_room : 1024;
        w->heap = realloc(w->heap, w->heap_room * sizeof *w->heap);
    }
    struct sim_event *event = calloc(1, sizeof *event);
    event->time = time;
    event->order = ++w->order;
    event->kind = kind;
    event->worker = event->session = NONE;
    size_t i = w->heap_count++;
    for (; i > 0 && before(event, w->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        w->heap[i] = w->heap[(i - 1) / 2];
    }
    w->heap[i] = event;
    return event;
}

struct sim_event *
next_event(struct sim_world *w)
{
    if (w->heap_count == 0) {
        return NULL;
    }
    struct sim_event *first = w->heap[0], *last = w->heap[--w->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= w->heap_count) {
            break;
        }
        child += child + 1 < w->heap_count && before(w->heap[child + 1], w->heap[child]);
        if (!before(w->heap[child], last)) {
            break;
        }
        w->heap[i] = w->heap[child];
        i = child;
    }
    if (w->heap_count > 0) {
        w->heap[i] = last;
    }
    return first;
}

/* ---- the core and its links ----------------------------------------------------------------- */

struct sim_event *
to_core(struct sim_world *w, enum core_event_type type, int64_t time)
{
    struct sim_event *event = schedule(w, EV_CORE, time);
    event->core.type = type;
    return event;
}

/* A record of a session: in order, however long it takes. */
struct sim_event *
record_to_core(struct sim_world *w, int session, uint16_t type, const void *bytes, uint32_t size)
{
    struct sim_session *s = &w->session[session];
    int64_t time = w->now + delay(w);
    s->link_time = time > s->link_time ? time : s->link_time + 1;
    struct sim_event *event = to_core(w, CORE_RECORD, s->link_time);
    event->session = session;
    event->worker = s->worker;
    event->bytes = malloc(size ? size : 1);
    memcpy(event->bytes, bytes, size);
    event->core.u.record.session = s->number;
    event->core.u.record.type = type;
    event->core.u.record.bytes = event->bytes;
    event->core.u.record.size = size;
    return event;
}
