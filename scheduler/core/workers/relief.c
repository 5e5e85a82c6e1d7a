#include "scheduler/core/workers/relief.h"

#include "scheduler/core/libraries/loads.h"
#include "scheduler/core/programs/turns.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/tasks/ends.h"
#include "scheduler/core/tasks/states.h"
#include "scheduler/core/workers/starts.h"

#include <stdio.h>

/* ---- one program ----------------------------------------------------------------------------- */

static bool
may_have_no_more(const struct core *core, const struct core_program *program)
{
    return program->workers > 0 &&
           (program->workers >= program->worker_max ||
            (TAILQ_EMPTY(&core->idle) &&
             (core->processes >= CORE_WORKER_MAX || core->starts.is_hopeless)));
}

/*
 * True if each worker of the program has slept within the last second. A task that polls is awake
 * now and then, and waits all the same.
 */
static bool
all_sleep(const struct core *core, const struct core_program *program)
{
    const struct core_worker *worker;
    if (program->blocked == program->workers) {
        return true;
    }
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        if (worker->program == program && !worker->blocked &&
            core->now - worker->unblocked_at >= CORE_STUCK_NS) {
            return false;
        }
    }
    return true;
}

static void
describe(const struct core *core, const struct core_program *program, char *text_out, size_t room)
{
    if (program->workers >= program->worker_max) {
        snprintf(text_out, room,
                 "all %u workers that the program may have wait for something: nest tasks less "
                 "deeply, or allow more",
                 program->workers);
    } else if (core->processes >= CORE_WORKER_MAX) {
        snprintf(text_out, room, "all %u workers of the program wait, and %u of all programs run",
                 program->workers, core->processes);
    } else {
        snprintf(text_out, room,
                 "all %u workers of the program wait, and no more can be started: %s",
                 program->workers, core->starts.why);
    }
}

/* The worker of the program that was the last to block, and that was not told to give up yet. */
static struct core_worker *
last_blocked(const struct core *core, const struct core_program *program)
{
    struct core_worker *worker, *last = NULL;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        if (worker->program == program && worker->blocked && !worker->gives_up &&
            (last == NULL || worker->blocked_number > last->blocked_number)) {
            last = worker;
        }
    }
    return last;
}

/* Gives how long to wait for what comes of it. */
static int64_t
relieve(struct core *core, struct core_program *program)
{
    char why[256];
    describe(core, program, why, sizeof why);
    struct core_task *task = program->ready > 0 ? core_turns_first(program) : NULL;
    if (task != NULL && task->lane->depth > 0) {
        core_task_unlink(core, task);
        core_task_fail(core, task, LODE_ELIMIT, NULL, "not run: %s", why);
        return CORE_STUCK_AGAIN_NS;
    }
    struct core_worker *worker = last_blocked(core, program);
    struct lode_task_give_up *give_up =
        worker != NULL ? core_send(core, worker->session, LODE_TASK_GIVE_UP, sizeof *give_up)
                       : NULL;
    if (give_up != NULL) {
        *give_up =
            (struct lode_task_give_up){.call = worker->blocked_call, .workers = program->workers};
        worker->gives_up = true;
    }
    return CORE_GIVE_UP_NS;
}

/* Gives the time at which to look again; 0: it is not stuck. */
static int64_t
look_at(struct core *core, struct core_program *program)
{
    if (!may_have_no_more(core, program)) {
        program->stuck_since = 0;
        return 0;
    }
    if (program->stuck_since == 0 || program->moved_at > program->stuck_since) {
        program->stuck_since = core->now;
    }
    if (core->now - program->stuck_since >= CORE_STUCK_NS && !all_sleep(core, program)) {
        program->stuck_since = core->now;
    } else if (core->now - program->stuck_since >= CORE_STUCK_NS) {
        int64_t since = core->now - CORE_STUCK_NS;
        int64_t wait = relieve(core, program); /* it may have no ready task any more */
        program->stuck_since = program->ready > 0 ? since + wait : 0;
        return core->now + wait;
    }
    return program->stuck_since + CORE_STUCK_NS;
}

/* ---- all programs ---------------------------------------------------------------------------- */

static void
fail_everything(struct core *core)
{
    struct core_program *program;
    while ((program = TAILQ_FIRST(&core->programs)) != NULL) {
        struct core_task *task = core_turns_first(program);
        core_task_unlink(core, task);
        core_task_fail(core, task, core_start_error(core), NULL,
                       "not run: no worker can be started: %s", core->starts.why);
    }
    char why[256];
    snprintf(why, sizeof why, "no worker can be started: %s", core->starts.why);
    core_describe_fail_all(core, core_start_error(core), why);
}

/*
 * Where ready tasks or loads have no worker, and none is to be had: the program most of whose
 * workers wait. NULL: some worker works, or will; or that program has ready tasks itself, and was
 * looked at.
 */
static struct core_program *
hoarder(const struct core *core)
{
    struct core_program *most = NULL;
    const struct core_worker *worker;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        struct core_program *program = worker->program;
        if (worker->state == CORE_WORKER_UP && !worker->blocked) {
            return NULL;
        }
        if (program != NULL && (most == NULL || program->blocked > most->blocked)) {
            most = program;
        }
    }
    return most != NULL && most->ready == 0 ? most : NULL;
}

static int64_t
look_at_hoarder(struct core *core)
{
    bool wanted = core->ready_count > 0 || core_describe_waits(core);
    struct core_program *program = wanted ? hoarder(core) : NULL;
    return program != NULL ? look_at(core, program) : 0;
}

static int64_t
sooner(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static int64_t
look_at_all(struct core *core, struct core_program_list *programs)
{
    int64_t again = 0;
    struct core_program *program, *next;
    for (program = TAILQ_FIRST(programs); program != NULL; program = next) {
        next = TAILQ_NEXT(program, link);
        again = sooner(again, look_at(core, program));
    }
    return again;
}

int64_t
core_relieve(struct core *core)
{
    bool hopeless = core->starts.is_hopeless;
    if (hopeless && core->processes == core->starting) {
        fail_everything(core);
        return 0;
    }
    int64_t again = 0;
    struct core_program *program, *next;
    if (core->processes >= CORE_WORKER_MAX || hopeless) {
        again = sooner(look_at_all(core, &core->programs), look_at_all(core, &core->parked));
        return sooner(again, look_at_hoarder(core));
    }
    for (program = TAILQ_FIRST(&core->capped); program != NULL; program = next) {
        next = TAILQ_NEXT(program, capped_link);
        again = program->ready > 0 ? sooner(again, look_at(core, program)) : again;
    }
    return again;
}
