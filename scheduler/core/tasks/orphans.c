#include "scheduler/core/tasks/orphans.h"

#include "scheduler/core/state/questions.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/tasks/ends.h"

/* A question that is out: which task each id belongs to; all results of a task in a row. */
struct orphans_question {
    struct core_question question;
    uint32_t count;
    uint64_t task[CORE_STORE_IDS];
};

/* One that is being filled. */
struct asking {
    struct orphans_question *asked; /* NULL: it is empty */
    lode_id ids[CORE_STORE_IDS];
};

/* ---- what the store answers ------------------------------------------------------------------ */

/* A task whose results were made is about to end. */
static bool
is_wanted(const uint8_t *status, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (status[i] != LODE_FOUND_GONE) {
            return true;
        }
    }
    return false;
}

/* The one that was submitted last goes first: so a task goes before those it waits for. */
static void
orphans_answered(struct core *core, struct core_question *question, const uint8_t *status,
                 uint32_t count)
{
    const struct orphans_question *asked = (const void *)question;
    uint32_t first, end = count < asked->count ? 0 : asked->count;
    core->orphans_asked--;
    for (; end > 0; end = first) {
        first = end - 1;
        while (first > 0 && asked->task[first - 1] == asked->task[first]) {
            first--;
        }
        struct core_task *task = core_task_find(core, asked->task[first]);
        if (task != NULL && !is_wanted(status + first, end - first)) {
            core_task_cancel(core, task, CORE_ORPHAN);
        }
    }
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void
send(struct core *core, struct asking *asking)
{
    struct orphans_question *asked = asking->asked;
    if (asked != NULL) {
        asking->asked = NULL;
        core->orphans_asked++;
        core_ask(core, CORE_RESULTS, 0, &asked->question, asking->ids, asked->count);
    }
}

static void
ask_about(struct core *core, struct asking *asking, const struct core_task *task)
{
    if (asking->asked != NULL && asking->asked->count + task->result_count > CORE_STORE_IDS) {
        send(core, asking);
    }
    if (asking->asked == NULL) {
        asking->asked = core_alloc(sizeof *asking->asked);
        asking->asked->question.answered = orphans_answered;
        asking->asked->count = 0;
    }
    for (uint32_t i = 0; i < task->result_count; i++) {
        uint32_t at = asking->asked->count++;
        asking->ids[at] = lode_id_plus(task->results, i);
        asking->asked->task[at] = task->number;
    }
}

/*
 * Tasks of a parent that is there are the parent's to wait for, or are cancelled with it. One that
 * was cancelled without force may run on.
 */
static void
look_at(struct core *core, struct asking *asking, const struct core_program *program)
{
    const struct core_lane *lane;
    TAILQ_FOREACH(lane, &program->lanes, of_program)
    {
        if (core_task_find(core, lane->owner) != NULL) {
            continue;
        }
        const struct core_task *task;
        TAILQ_FOREACH(task, &lane->tasks, of_lane)
        {
            if (task->state != CORE_TASK_FAILING && !task->forced) {
                ask_about(core, asking, task);
            }
        }
    }
}

void
core_orphans_look(struct core *core)
{
    bool left = !TAILQ_EMPTY(&core->ended);
    core->orphans_at = left ? core->now + CORE_ORPHANS_NS : 0;
    if (core->orphans_asked > 0) {
        return; /* a slow store: it is not asked twice */
    }
    struct asking asking = {.asked = NULL};
    const struct core_program *program;
    TAILQ_FOREACH(program, &core->ended, ended_link)
    {
        look_at(core, &asking, program);
    }
    send(core, &asking);
}
