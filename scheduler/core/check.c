#include "scheduler/core/check.h"

#include "scheduler/core/programs/turns.h"
#include "scheduler/core/state/state.h"
#include "scheduler/core/state/tasks.h"

static uint32_t
check_queue(const struct core_worker *worker)
{
    uint32_t count = 0, chained = 0;
    uint64_t queued_ns = 0, queued_bytes = 0;
    const struct core_task *task;
    TAILQ_FOREACH(task, &worker->queue, link)
    {
        LODE_ASSERT(task->worker == worker);
        LODE_ASSERT(task->state ==
                    (worker->state == CORE_WORKER_DEAD ? CORE_TASK_SETTLING : CORE_TASK_PLACED));
        LODE_ASSERT(core_resources_equal(task->needs, worker->lease));
        LODE_ASSERT(task->attempts <= task->max_retries);
        chained += task->waiting > 0;
        queued_ns += task->estimate_ns;
        queued_bytes += task->bytes_size;
        count++;
    }
    LODE_ASSERT(queued_ns == worker->queued_ns);
    LODE_ASSERT(queued_bytes == worker->queued_bytes);
    LODE_ASSERT(chained == worker->chained);
    return count;
}

static void
check_place(const struct core_worker *worker)
{
    bool gets_tasks = worker->state == CORE_WORKER_UP && !worker->blocked && !worker->stale &&
                      worker->describing == NULL;
    if (worker->list == CORE_LIST_IDLE) {
        LODE_ASSERT(gets_tasks && worker->count == 0 && worker->session != NULL);
    } else if (worker->list == CORE_LIST_OPEN) {
        LODE_ASSERT(gets_tasks && worker->count > 0 && worker->session != NULL);
    } else {
        LODE_ASSERT(!gets_tasks || worker->count > 0);
    }
    LODE_ASSERT(!worker->blocked || worker->count > 0);
    LODE_ASSERT(worker->session == NULL || worker->session->worker == worker);
}

/* Of its program, if this is the first worker whose queue has room: all of them. */
static uint32_t
count_open(const struct core_worker *first)
{
    uint32_t count = 0;
    const struct core_worker *worker;
    if (first->list != CORE_LIST_OPEN || TAILQ_FIRST(&first->program->open) != first) {
        return 0;
    }
    TAILQ_FOREACH(worker, &first->program->open, link)
    {
        LODE_ASSERT(worker->program == first->program && worker->list == CORE_LIST_OPEN);
        count++;
    }
    return count;
}

static uint64_t
check_workers(const struct core *core)
{
    struct core_resources used = {0};
    uint64_t placed = 0;
    uint32_t processes = 0, starting = 0, stacked = 0, open = 0, listed = 0;
    const struct core_worker *worker;
    TAILQ_FOREACH(worker, &core->all, all_link)
    {
        LODE_ASSERT(check_queue(worker) == worker->count);
        check_place(worker);
        placed += worker->count;
        open += worker->list == CORE_LIST_OPEN;
        listed += count_open(worker);
        bool alive = worker->state != CORE_WORKER_DEAD;
        processes += alive;
        starting += worker->state == CORE_WORKER_STARTING;
        stacked += alive && worker->count > 1;
        if (alive && worker->count > 0 && !worker->blocked) {
            used = core_resources_add(used, worker->lease);
        }
    }
    LODE_ASSERT(core_resources_equal(used, core->used));
    LODE_ASSERT(processes == core->processes && processes <= CORE_WORKER_MAX);
    LODE_ASSERT(starting == core->starting);
    LODE_ASSERT(stacked == core->stacked);
    LODE_ASSERT(open == listed);
    return placed;
}

static uint32_t
check_task(const struct core *core, const struct core_task *task)
{
    LODE_ASSERT(core_task_find(core, task->number) == task);
    uint32_t deps = 0;
    for (const struct core_dep *dep = task->deps; dep != NULL; dep = dep->next) {
        const struct core_object *object = dep->object;
        LODE_ASSERT(dep->task == task && object->task != task);
        LODE_ASSERT((object->task != NULL) == (object->watch == 0));
        LODE_ASSERT(object->task != NULL || task->worker == NULL); /* nobody is chained to others */
        deps++;
    }
    LODE_ASSERT(deps == 0 || task->state == CORE_TASK_WAITING || task->worker != NULL);
    LODE_ASSERT(deps == task->waiting || task->state == CORE_TASK_FAILING);
    LODE_ASSERT((task->worker != NULL) ==
                (task->state == CORE_TASK_PLACED || task->state == CORE_TASK_SETTLING));
    uint32_t results = 0;
    for (const struct core_object *r = task->made; r != NULL; r = r->sibling) {
        LODE_ASSERT(r->task == task);
        results++;
    }
    LODE_ASSERT(results == task->result_count);
    return results;
}

struct tally {
    uint64_t tasks, ready, waiting, placed, results;
};

static uint32_t
check_lane(const struct core *core, const struct core_lane *lane, struct tally *tally)
{
    uint32_t tasks = 0;
    const struct core_task *task;
    TAILQ_FOREACH(task, &lane->tasks, of_lane)
    {
        LODE_ASSERT(task->lane == lane && task->has_nested == (task->nested != NULL));
        tally->results += check_task(core, task);
        tasks++;
        tally->ready += task->state == CORE_TASK_READY;
        tally->waiting += task->state == CORE_TASK_WAITING;
        tally->placed += task->worker != NULL;
    }
    LODE_ASSERT(lane->users >= tasks && lane->count <= tasks);
    return tasks;
}

static void
check_session(const struct core *core, const struct core_session *session, struct tally *tally)
{
    uint32_t tasks = 0;
    const struct core_lane *lane;
    TAILQ_FOREACH(lane, &session->lanes, of_session)
    {
        LODE_ASSERT(lane->session == session);
        tasks += check_lane(core, lane, tally);
    }
    LODE_ASSERT(tasks == session->task_count);
    LODE_ASSERT(!session->ended || session->ended_count == 0);
    LODE_ASSERT(!session->ended || tasks > 0 || session->questions > 0);
    tally->tasks += tasks;
}

bool
core_check(const struct core *core)
{
    uint64_t placed = check_workers(core);
    struct tally tally = {0};
    const struct core_session *session, *next;
    HASH_ITER(by_number, core->sessions, session, next)
    {
        check_session(core, session, &tally);
    }
    LODE_ASSERT(tally.tasks == core->task_pool.count);
    LODE_ASSERT(tally.ready == core->ready_count && core_turns_check(core) == tally.ready);
    LODE_ASSERT(tally.waiting == core->waiting_count);
    LODE_ASSERT(tally.placed == placed);
    LODE_ASSERT(tally.results + core->objects.watched == core->objects.count);
    LODE_ASSERT(core->objects.count == core->objects.pool.count);
    return true;
}
