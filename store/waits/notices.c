#include "store/waits/notices.h"

#include "api/base/fail.h"
#include "store/state/answers.h"

#include <stdlib.h>

enum { READY_MAX = LODE_STORE_IDS_MAX };

void
notices_send(struct session *session)
{
    if (session->ready_count == 0) {
        return;
    }
    struct lode_msg_watch head = {.head = {.type = LODE_MSG_NOTIFY},
                                  .cookie = session->ready_cookie,
                                  .count = session->ready_count};
    session_send(session, &head, sizeof head, session->ready,
                 session->ready_count * sizeof *session->ready);
    session->ready_count = 0;
}

static void
enlist(struct store *store, struct session *session)
{
    for (uint32_t i = 0; i < store->notify_count; i++) {
        if (store->notify[i] == session) {
            return;
        }
    }
    if (store->notify_count == sizeof store->notify / sizeof store->notify[0]) {
        notices_send(session);
        return;
    }
    store->notify[store->notify_count++] = session;
}

lode_err
notices_reserve(struct session *session)
{
    if (session->ready == NULL) {
        session->ready = malloc(READY_MAX * sizeof *session->ready);
    }
    return session->ready != NULL ? LODE_OK : lode_fail_with(LODE_ENOMEM, "no memory for notices");
}

void
notices_add(struct store *store, struct session *session, lode_id id, uint64_t cookie,
            enum lode_found status, bool is_error)
{
    if (notices_reserve(session) != LODE_OK) {
        session_cut(session, "%s", lode_last_error());
        return;
    }
    if (session->ready_count == READY_MAX ||
        (session->ready_count > 0 && session->ready_cookie != cookie)) {
        notices_send(session);
    }
    bool was_empty = session->ready_count == 0;
    session->ready_cookie = cookie;
    session->ready[session->ready_count++] =
        (struct lode_msg_ready){.id = id, .status = status, .is_error = is_error};
    if (was_empty) {
        enlist(store, session);
    }
}

void
notices_end_session(struct store *store, struct session *session)
{
    free(session->ready);
    session->ready = NULL;
    session->ready_count = 0;
    for (uint32_t i = 0; i < store->notify_count; i++) {
        if (store->notify[i] == session) {
            store->notify[i--] = store->notify[--store->notify_count];
        }
    }
}
