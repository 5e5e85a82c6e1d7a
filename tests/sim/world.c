/* world.c: see world.h. */
#include "tests/sim/state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- running -------------------------------------------------------------------------------- */

static void
mark_arrival(struct sim_world *w, const struct sim_event *event)
{
    const struct lode_task_submit *submit_record = (const void *)event->bytes;
    struct sim_object *object = object_of(w, submit_record->results);
    struct sim_task *task = &w->task[object->task];
    if (!task->arrived) {
        task->deadline = w->now + task->timeout_ms * INT64_C(1000000);
    }
    task->arrived = true;
}

/* False: it never gets there. */
static bool
prepare_core_event(struct sim_world *w, struct sim_event *event)
{
    if (event->core.type == CORE_TIMER && event->order != w->pending_timer) {
        return false;
    }
    if (event->core.type == CORE_EXITED) {
        struct sim_worker *worker = &w->worker[event->worker];
        worker->reaped = true;
        event->bytes = malloc(sizeof worker->page);
        memcpy(event->bytes, &worker->page, sizeof worker->page);
        event->core.u.exited.page = (const void *)event->bytes;
    }
    if (event->core.type != CORE_RECORD) {
        return true;
    }
    if (event->worker != NONE && !w->worker[event->worker].alive) {
        if (w->worker[event->worker].lose) {
            return false;
        }
        w->counts->late += w->worker[event->worker].reaped;
    }
    if (event->core.u.record.type == LODE_TASK_SUBMIT) {
        mark_arrival(w, event);
    }
    return true;
}

static void
happen(struct sim_world *w, struct sim_event *event)
{
    switch (event->kind) {
    case EV_CORE:
        if (prepare_core_event(w, event)) {
            event->core.now_ns = w->now;
            core_step(w->core, &event->core);
            core_check(w->core);
        }
        break;
    case EV_TO_WORKER:
        to_worker(w, event);
        break;
    case EV_FINISH:
        if (w->worker[event->worker].alive && w->worker[event->worker].epoch == event->epoch) {
            finish(w, event->worker);
        }
        break;
    case EV_DIE:
        if (w->worker[event->worker].alive && w->worker[event->worker].epoch == event->epoch) {
            w->counts->crashed++;
            die(w, event->worker, one_in(w, 2) ? SIGSEGV : 3 << 8);
        }
        break;
    case EV_PROGRAM:
        if (w->options.trees || w->options.ladders) {
            submit_all(w, event->session);
        } else {
            act(w, event->session);
        }
        break;
    case EV_SEAL:
        seal_foreign(w, event->id);
        break;
    case EV_START:
        start_worker(w, event->worker);
        break;
    }
    const struct core_action *action;
    while ((action = core_next_action(w->core)) != NULL) {
        carry_out(w, action);
    }
    free(event->bytes);
    free(event);
}

static void
begin(struct sim_world *w)
{
    uint32_t cpus = LODE_CPU_UNIT * (uint32_t)(1 + below(w, 4));
    w->cpus = cpus / LODE_CPU_UNIT;
    struct core_options options = {.cpus = cpus, .worker_max = one_in(w, 3) ? 8 : 0};
    if (w->options.ladders) {
        options.worker_max = LADDER_WORKERS;
    }
    w->core = core_create(&options, w->now);
    int world = new_session(w, false, NONE); /* number 0: makes what nobody here makes */
    LODE_ASSERT(world == 0);
    struct lode_task_load load = {.tag = 1};
    uint8_t bytes[sizeof load + 8];
    memcpy(bytes, &load, sizeof load);
    memcpy(bytes + sizeof load, "/lib.so", 8);
    record_to_core(w, world, LODE_TASK_LOAD, bytes, sizeof bytes);
    for (int i = 0; i < PROGRAMS; i++) {
        int session = new_session(w, false, NONE);
        schedule(w, EV_PROGRAM, w->now + 50000000 + delay(w))->session = session;
    }
    const struct core_action *action;
    while ((action = core_next_action(w->core)) != NULL) {
        carry_out(w, action);
    }
}

/* Nothing is under way any more: everything has ended, once, and nothing is left. */
static void
check_end(struct sim_world *w)
{
    lode_scheduler_stats stats;
    core_get_stats(w->core, w->now, &stats);
    for (int t = 0; t < w->task_count; t++) {
        const struct sim_task *task = &w->task[t];
        const struct sim_session *s = &w->session[task->session];
        if (s->ended || !task->arrived) {
            w->counts->abandoned += !task->sealed;
            continue;
        }
        if (!task->ended) {
            fprintf(stderr, "sim: submission %llu of session %llu has not ended\n",
                    (unsigned long long)task->submission, (unsigned long long)s->number);
        }
        LODE_ASSERT(task->ended && task->sealed);
    }
    LODE_ASSERT(stats.cpus_used == 0);
    LODE_ASSERT(stats.tasks_waiting == 0 && stats.tasks_ready == 0 && stats.tasks_running == 0);
    LODE_ASSERT(w->watch_count == 0);
}

static void
free_world(struct sim_world *w)
{
    for (int i = 0; i < w->session_count; i++) {
        free(w->session[i].object);
        free(w->session[i].task_of);
    }
    for (int i = 0; i < w->worker_count; i++) {
        free(w->worker[i].queue);
    }
    core_destroy(w->core);
    free(w->worker);
    free(w->task);
    free(w->watch);
    free(w->slot_task);
    free(w->heap);
    free(w);
}

void
sim_run(const struct sim_options *options, struct sim_counts *counts_io)
{
    struct sim_world *w = calloc(1, sizeof *w);
    w->options = *options;
    w->counts = counts_io;
    w->random = options->seed;
    w->now = 1000000000;
    begin(w);
    struct sim_event *event;
    while ((event = next_event(w)) != NULL) {
        w->now = event->time;
        w->closing = w->closing || ++w->steps > options->steps;
        LODE_ASSERT(++w->steps < 100 * options->steps + 1000000); /* it comes to an end */
        happen(w, event);
    }
    check_end(w);
    free_world(w);
}
