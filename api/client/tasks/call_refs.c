#include "api/client/tasks/call_refs.h"

#include "api/client/session/session.h"
#include "api/client/session/threads.h"
#include "api/client/tasks/tasks.h"

/*
 * lode_drop_many() of more than this rings the bell: here nobody waits for the room, and the store
 * would wake up for it.
 */
enum { SHARE = 32 };

bool
lode_call_refs_busy(void)
{
    const struct lode_thread *self = lode_thread_self;
    return self != NULL && self->in_call_refs;
}

/*
 * If there is no memory for the thread's record, the reference is booked on the running task, too.
 */
static void
be_busy(bool busy)
{
    struct lode_thread *self = lode_thread_get();
    if (self != NULL) {
        self->in_call_refs = busy;
    }
}

void
lode_call_refs_drop(lode *db, const lode_id *ids, size_t count)
{
    be_busy(true);
    for (size_t i = 0; i < count; i += SHARE) {
        lode_drop_many(db, ids + i, count - i < SHARE ? count - i : SHARE);
    }
    be_busy(false);
}

/* What is counted here does not go through lode_keep(), whose hooks hear of it all the same. */
static lode_err
take(struct lode_tasks *tasks, lode_id id)
{
    if (!lode_result_refs_take(&tasks->result_refs, id)) {
        return lode_keep(tasks->db, id);
    }
    lode_hooks_referenced(lode_session_all_hooks(tasks->db), id, 1);
    return LODE_OK;
}

lode_err
lode_call_refs_take(struct lode_tasks *tasks, const lode_id *ids, size_t count)
{
    lode_err err = LODE_OK;
    size_t taken = 0;
    be_busy(true);
    while (err == LODE_OK && taken < count) {
        err = take(tasks, ids[taken]);
        taken += err == LODE_OK;
    }
    be_busy(false);
    if (err != LODE_OK) {
        lode_call_refs_drop(tasks->db, ids, taken);
    }
    return err;
}
