#include "scheduler/core/state/speaker.h"

#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/tasks.h"

struct core_task *
core_speaker_task(struct core *core, const struct core_session *session, uint64_t number)
{
    uint32_t host = session->worker != NULL ? session->worker->number : session->host;
    if (host == 0) {
        return core_task_find(core, session->inside);
    }
    struct core_task *task = core_task_find(core, number);
    return task != NULL && task->worker != NULL && task->worker->number == host ? task : NULL;
}

/* The program for which it has spoken last, if its root is there; else NULL. */
static struct core_program *
home_of(struct core *core, const struct core_session *session)
{
    const struct core_session *root =
        session->home != 0 ? core_session_find(core, session->home) : NULL;
    return root != NULL && !root->ended ? root->program : NULL;
}

struct core_program *
core_speaker_program(struct core *core, struct core_session *session, const struct core_task *task,
                     uint64_t number)
{
    if (task != NULL) {
        session->home = task->lane->program->number;
        return task->lane->program;
    }
    struct core_program *home = number != 0 ? home_of(core, session) : NULL;
    return home != NULL ? home : session->program;
}
