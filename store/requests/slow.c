#include "store/requests/slow.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct session *
slow_session(struct chore *chore)
{
    return (struct session *)((char *)chore - offsetof(struct session, slow.chore));
}

bool
slow_is_under_way(const struct session *session)
{
    return session->slow.chore.is_given;
}

bool
slow_put_off(struct store *store, struct session *session, const void *ids, uint32_t count,
             chore_fn *part)
{
    lode_id *copy =
        slow_is_under_way(session) ? NULL : malloc((count + 1) * sizeof *session->slow.ids);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, ids, count * sizeof *copy);
    session->slow.ids = copy;
    chores_give(store, &session->slow.chore, part);
    return true;
}

bool
slow_end(struct session *session)
{
    free(session->slow.ids);
    free(session->slow.bits);
    session->slow.ids = NULL;
    session->slow.bits = NULL;
    return true;
}

bool
slow_is_over(const struct session *session)
{
    return session->ended || session->left || session->cut;
}

void
slow_end_session(struct store *store, struct session *session)
{
    chores_do_now(store, &session->slow.chore);
}
