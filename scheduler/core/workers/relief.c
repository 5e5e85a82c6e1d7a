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

/* Whether it waits for workers that it may not have; from then on the time of patience runs. */
static bool
is_stuck(const struct core *core, struct core_program *program)
{
    if (!may_have_no_more(core, program)) {
        program->stuck_since = 0;
        return false;
    }
    if (program->stuck_since == 0 || program->moved_at > program->stuck_since) {
        program->stuck_since = core->now;
    }
    if (core->now - program->stuck_since >= CORE_STUCK_NS && !all_sleep(core, program)) {
        program->stuck_since = core->now;
    }
    return true;
}

/* Of one that is stuck. Gives the time at which to look again. */
static int64_t
relieve_if_due(struct core *core, struct core_program *program)
{
    int64_t since = core->now - CORE_STUCK_NS;
    if (since < program->stuck_since) {
        return program->stuck_since + CORE_STUCK_NS;
    }
    int64_t wait = relieve(core, program); /* it may have no ready task any more */
    program->stuck_since = program->ready > 0 ? since + wait : 0;
    return core->now + wait;
}

/* Gives the time at which to look again; 0: it is not stuck. */
static int64_t
look_at(struct core *core, struct core_program *program)
{
    return is_stuck(core, program) ? relieve_if_due(core, program) : 0;
}

/*
 * Of one that may have no more only because so many wait for room: its ready task may be the one
 * that makes some. Gives the time at which to look again.
 */
static int64_t
let_one_more_wait_for_room(struct core *core, struct core_program *program)
{
    if (program->room_since < program->moved_at || program->room_since == 0) {
        program->room_since = core->now;
    }
    if (core->now - program->room_since < CORE_STUCK_NS) {
        return program->room_since + CORE_STUCK_NS;
    }
    core_program_let_wait_for_room(core, program);
    return core->now; /* what is ready is given to a worker in the next step */
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
 * workers wait. NULL: some worker works, or will; or that program has ready tasks itself.
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
sooner(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/*
 * Looks at programs with ready tasks where the system allows no more workers. One that has all that
 * it may have is stuck by itself. Of the others, all of whose workers sleep, the one with the most
 * workers is noted.
 */
static void
look_at_all(struct core *core, struct core_program_list *programs, struct core_program **most_io,
            int64_t *again_io)
{
    struct core_program *program, *next;
    for (program = TAILQ_FIRST(programs); program != NULL; program = next) {
        next = TAILQ_NEXT(program, link);
        if (!is_stuck(core, program)) {
            continue;
        }
        if (program->workers >= program->worker_max) {
            *again_io = sooner(*again_io, relieve_if_due(core, program));
        } else if (!all_sleep(core, program)) {
            *again_io = sooner(*again_io, program->stuck_since + CORE_STUCK_NS);
        } else if (*most_io == NULL || program->workers > (*most_io)->workers) {
            *most_io = program;
        }
    }
}

/* Those that might have paid wait anew: a worker may become free for them. */
static void
let_wait(struct core *core, struct core_program_list *programs, const struct core_program *paid)
{
    struct core_program *program;
    TAILQ_FOREACH(program, programs, link)
    {
        if (program != paid && program->workers < program->worker_max &&
            program->stuck_since != 0) {
            program->stuck_since = core->now;
        }
    }
}

/* The system allows no more workers. Who has the most of them pays, so that the others go on. */
static int64_t
relieve_system(struct core *core)
{
    int64_t again = 0;
    bool wanted = core->ready_count > 0 || core_describe_waits(core);
    struct core_program *most = NULL, *hoards = wanted ? hoarder(core) : NULL;
    look_at_all(core, &core->programs, &most, &again);
    look_at_all(core, &core->parked, &most, &again);
    if (most == NULL || (hoards != NULL && hoards->workers > most->workers)) {
        return hoards != NULL ? sooner(again, look_at(core, hoards)) : again;
    }
    if (core->now - most->stuck_since >= CORE_STUCK_NS) {
        let_wait(core, &core->programs, most);
        let_wait(core, &core->parked, most);
        again = sooner(again, core->now + CORE_STUCK_NS);
    }
    return sooner(again, relieve_if_due(core, most));
}

/*
 * Looks at each program that has ready tasks, and has all workers that it may have. `by_itself`:
 * the system allows more, so those at their own limit are stuck by themselves.
 */
static int64_t
relieve_capped(struct core *core, bool by_itself)
{
    int64_t again = 0;
    struct core_program *program, *next;
    for (program = TAILQ_FIRST(&core->capped); program != NULL; program = next) {
        next = TAILQ_NEXT(program, capped_link);
        if (program->ready == 0) {
            continue;
        }
        if (program->workers < program->worker_max) {
            again = sooner(again, let_one_more_wait_for_room(core, program));
        } else if (by_itself) {
            again = sooner(again, look_at(core, program));
        }
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
    bool has_all = core->processes >= CORE_WORKER_MAX || hopeless;
    int64_t again = relieve_capped(core, !has_all);
    return has_all ? sooner(again, relieve_system(core)) : again;
}
