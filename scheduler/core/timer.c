#include "scheduler/core/timer.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/state/objects.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/tasks/ends.h"

void
core_timer_fired(struct core *core)
{
    core->timer = 0;
    core->pool_changed = true;
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

static void
sooner(int64_t *deadline_io, int64_t when)
{
    if (when != 0 && (*deadline_io == 0 || when < *deadline_io)) {
        *deadline_io = when;
    }
}

/* A timer that fires too early does no harm: it is never set back, only forward. */
void
core_timer_arm(struct core *core)
{
    int64_t deadline = core->pool_deadline;
    const struct core_session *session = TAILQ_FIRST(&core->notices);
    if (session != NULL) {
        sooner(&deadline, session->notice_since + CORE_ENDED_NS);
    }
    sooner(&deadline, core->recall_at);
    sooner(&deadline, core->objects.ask_at);
    sooner(&deadline, core->deadlines.count > 0 ? core_deadlines_first(core) : 0);
    if (deadline == 0 || (core->timer != 0 && core->timer <= deadline)) {
        return;
    }
    core->timer = deadline;
    core_emit(core, CORE_ARM_TIMER, 0, 0, deadline, 0);
}
