#include "scheduler/core/tasks/states.h"

#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/programs/turns.h"
#include "scheduler/core/state/objects.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/workers.h"

void
core_task_wait(struct core *core, struct core_task *task)
{
    task->state = CORE_TASK_WAITING;
    task->function->waiting++;
    core->waiting_count++;
}

static void
stop_waiting(struct core *core, struct core_task *task)
{
    task->function->waiting--;
    core->waiting_count--;
}

void
core_task_ready(struct core *core, struct core_task *task)
{
    task->state = CORE_TASK_READY;
    task->function->ready++;
    core->ready_count++;
    core->weightless += core_resources_none(task->needs);
    core_turns_add(core, task);
}

static void
stop_being_ready(struct core *core, struct core_task *task)
{
    core_turns_remove(core, task);
    task->function->ready--;
    core->ready_count--;
    core->weightless -= core_resources_none(task->needs);
}

static void
send_run(struct core *core, struct core_worker *worker, struct core_task *task)
{
    uint32_t skip = core_align8(task->name_size);
    uint32_t args_size = task->bytes_size - skip;
    struct lode_task_run *run =
        core_send(core, worker->session, LODE_TASK_RUN, (uint32_t)sizeof *run + args_size);
    if (run == NULL) {
        return; /* its end is on the way, and brings the task back */
    }
    const struct core_program *program = worker->program;
    *run = (struct lode_task_run){.task = task->number,
                                  .program = program->number,
                                  .program_pid = program->ended ? 0 : program->pid,
                                  .program_key = program->key,
                                  .results = task->results,
                                  .function = task->function->number,
                                  .result_count = task->result_count,
                                  .cpus = (uint32_t)task->needs.cpus,
                                  .attempt = task->attempts + 1,
                                  .arg_count = task->arg_count};
    memcpy(run + 1, task->bytes + skip, args_size);
}

/* What names stand for is another thing for another program. */
static void
change_program(struct core *core, struct core_worker *worker, const struct core_task *task)
{
    if (worker->count == 0 && worker->last_program != task->lane->program->number) {
        core_session_forget_names(core, worker->session, LODE_FORGET_PROGRAM);
    }
}

/* A task that still waits, and is put into a queue, is chained: it waits there. */
void
core_task_put(struct core *core, struct core_task *task, struct core_worker *worker)
{
    if (task->state == CORE_TASK_WAITING) {
        stop_waiting(core, task);
    } else if (task->state == CORE_TASK_READY) {
        stop_being_ready(core, task);
    }
    if (worker->session->knows_names) {
        change_program(core, worker, task);
    }
    if (!core_worker_knows(worker, task->function)) {
        core_worker_teach(core, worker, task->function);
    }
    task->state = CORE_TASK_PLACED;
    task->recalling = false;
    core_worker_take(core, worker, task);
    send_run(core, worker, task);
}

void
core_task_settle(struct core_task *task)
{
    LODE_ASSERT(task->state == CORE_TASK_PLACED);
    task->state = CORE_TASK_SETTLING;
}

void
core_task_start_failing(struct core_task *task)
{
    LODE_ASSERT(task->deps == NULL && task->worker == NULL);
    task->state = CORE_TASK_FAILING;
}

void
core_task_unlink(struct core *core, struct core_task *task)
{
    switch (task->state) {
    case CORE_TASK_WAITING:
        core_deps_remove(core, task);
        stop_waiting(core, task);
        break;
    case CORE_TASK_READY:
        stop_being_ready(core, task);
        break;
    case CORE_TASK_PLACED:
    case CORE_TASK_SETTLING:
        core_worker_lose(core, task->worker, task);
        if (task->deps != NULL) {
            core_deps_remove(core, task);
        }
        break;
    default:
        break;
    }
}
