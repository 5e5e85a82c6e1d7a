#include "scheduler/core/timer.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/state/objects.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/tasks/ends.h"

/* True if there is memory that may go back once it has not been needed for a while. */
static inline bool
is_roomy(const struct core *core)
{
    size_t empty = core->task_pool.empty_chunks | core->objects.pool.empty_chunks |
                   core->objects.deps.empty_chunks | core->objects.starving.empty_chunks;
    _Static_assert((CORE_CHUNKS_FEW & (CORE_CHUNKS_FEW + 1)) == 0, "timer.c: the largest of them");
    return empty > CORE_CHUNKS_FEW || core->objects.count < core->objects.few;
}

/*
 * What a burst took is given back when nobody has needed it for two to four seconds: the pools one
 * after the other, in parts, so that nobody waits for it; at last the tables.
 */
static void
tidy(struct core *core)
{
    struct core_pool *const pools[] = {&core->task_pool, &core->objects.pool, &core->objects.deps,
                                       &core->objects.starving};
    while (core->tidied < sizeof pools / sizeof pools[0]) {
        if (!core_pool_tidy(pools[core->tidied])) {
            core->tidy_at = core->now + CORE_TIDY_PART_NS;
            return;
        }
        core->tidied++;
    }
    core_tasks_tidy(core);
    core_objects_tidy(&core->objects);
    core->tidied = 0;
    core->tidy_at = 0;
}

void
core_timer_fired(struct core *core)
{
    core->timer = 0;
    core->pool_changed = true;
    if (core->tidy_at != 0 && core->now >= core->tidy_at) {
        tidy(core);
    }
    core_objects_ask_again(core);
    struct core_task *late;
    for (int i = 0; i < CORE_LATE_MOST && (late = core_deadlines_take(core)) != NULL; i++) {
        core_task_cancel(core, late, CORE_TIME_OUT); /* the next ones: the timer is due at once */
    }
    struct core_session *session;
    while ((session = TAILQ_FIRST(&core->notices)) != NULL &&
           core->now - session->notice_since >= CORE_ENDED_NS) {
        core_session_flush(core, session);
    }
}

/* The sooner of two times, less one: so 0, which is never, is later than all. Nothing branches. */
static inline uint64_t
sooner(uint64_t less_one, int64_t when)
{
    uint64_t other = (uint64_t)when - 1;
    return other < less_one ? other : less_one;
}

static __attribute__((noinline)) void
arm(struct core *core, uint64_t less_one)
{
    less_one = sooner(less_one, core->deadlines.count > 0 ? core_deadlines_first(core) : 0);
    if (less_one < (uint64_t)core->timer - 1) {
        core->timer = (int64_t)(less_one + 1);
        core_emit(core, CORE_ARM_TIMER, 0, 0, core->timer, 0);
    }
}

/* A timer that fires too early does no harm: it is never set back, only forward. */
void
core_timer_arm(struct core *core)
{
    const struct core_session *session = TAILQ_FIRST(&core->notices);
    if (core->tidy_at == 0 && is_roomy(core)) {
        core->tidy_at = core->now + CORE_TIDY_NS;
    }
    uint64_t less_one = sooner((uint64_t)core->pool_deadline - 1, core->recall_at);
    less_one = sooner(less_one, core->objects.ask_at);
    less_one = sooner(less_one, core->tidy_at);
    less_one = sooner(less_one, session != NULL ? session->notice_since + CORE_ENDED_NS : 0);
    if (core->deadlines.count > 0 || less_one < (uint64_t)core->timer - 1) {
        arm(core, less_one);
    }
}
