#include "api/client/waitset/set.h"

#include "api/base/fail.h"
#include "api/client/session/session.h"
#include "api/client/waitset/waitset_fd.h"

lode_err
lode_waitset_check(const char *call, const lode_waitset *set)
{
    LODE_NEED(call, set);
    if (set->dependent.db == NULL) {
        return lode_fail_with(LODE_ECLOSED, "%s: the session of the wait set is closed", call);
    }
    return lode_session_check(set->dependent.db);
}

void
lode_waitset_follow_locked(struct lode_waitset *set)
{
    lode_waitset_fd_show(set->dependent.fds, set->ids.ready_count > 0);
    lode_takers_wake_locked(set->takers, set->ids.count == 0 ? UINT32_MAX : set->ids.ready_count);
}

static struct lode_waitset *
set_of_watch(struct lode_watch *watch)
{
    return (struct lode_waitset *)((char *)watch - offsetof(struct lode_waitset, watch));
}

void
lode_waitset_notify(struct lode_watch *watch, const struct lode_msg_ready *ready, uint32_t count)
{
    struct lode_waitset *set = set_of_watch(watch);
    for (uint32_t i = 0; i < count; i++) {
        struct lode_msg_ready one;
        memcpy(&one, &ready[i], sizeof one);
        if (one.status != LODE_FOUND_REFUSED && one.status != LODE_FOUND_STARVED) {
            (void)lode_idset_ready(&set->ids, one.id);
        } else if (lode_idset_remove(&set->ids, one.id)) {
            set->refused = one.status == LODE_FOUND_REFUSED ? one : set->refused;
            set->starved += one.status == LODE_FOUND_STARVED;
        }
    }
    lode_waitset_follow_locked(set);
}
