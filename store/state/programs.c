#include "store/state/programs.h"

#include "api/base/fail.h"

static bool
is_program(const struct session *session)
{
    return (session->flags & (LODE_HELLO_MAKER | LODE_HELLO_SCHEDULER)) == 0;
}

static uint32_t
place_of(const struct session *session)
{
    return (uint32_t)((uint64_t)session->pid % LODE_SESSION_ROWS);
}

/* How many sessions that count are of the session's process. */
static uint32_t
count_same(const struct store *store, const struct session *session)
{
    uint32_t same = 0;
    for (uint32_t i = 0; i < store->session_count; i++) {
        const struct session *other = store->sessions[i];
        same += other->is_counted && store_same_process(other, session);
    }
    return same;
}

lode_err
programs_check(const struct store *store, const struct session *session)
{
    if (!is_program(session)) {
        return LODE_OK;
    }
    uint32_t same = session->pid > 0 ? store->programs_by_pid[place_of(session)] : 0;
    if (same >= STORE_SESSIONS_OF_PROCESS_MAX) { /* others may be among them */
        same = count_same(store, session);
    }
    if (same >= STORE_SESSIONS_OF_PROCESS_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "this process has %u sessions, and can have no more: "
                              "close some first",
                              same);
    }
    return store->program_count >= STORE_PROGRAMS_MAX
               ? lode_fail_with(LODE_ELIMIT,
                                "programs have %u sessions, and can have no more: the rest is "
                                "kept for workers. Close some first",
                                store->program_count)
               : LODE_OK;
}

void
programs_add(struct store *store, struct session *session)
{
    if (is_program(session)) {
        session->is_counted = true;
        session->counted_at = place_of(session);
        store->programs_by_pid[session->counted_at]++;
        store->program_count++;
    }
}

void
programs_remove(struct store *store, struct session *session)
{
    if (session->is_counted) {
        session->is_counted = false;
        store->programs_by_pid[session->counted_at]--;
        store->program_count--;
    }
}
