#include "store/waits/notices.h"

#include "api/base/fail.h"
#include "store/state/answers.h"

#include <stdlib.h>

enum { READY_MAX = LODE_STORE_IDS_MAX };

struct key {
    uint64_t cookie;
    uint32_t at;
};

/* As the notices came: the i-th is keys[i] and ready[i]. */
struct notices {
    uint32_t count;
    bool is_mixed; /* they are of more than one cookie */
    struct key keys[READY_MAX];
    struct lode_msg_ready ready[READY_MAX];
    struct lode_msg_ready sorted[READY_MAX];
};

static void
send_some(struct session *session, uint64_t cookie, const struct lode_msg_ready *ready,
          uint32_t count)
{
    struct lode_msg_watch head = {
        .head = {.type = LODE_MSG_NOTIFY}, .cookie = cookie, .count = count};
    session_send(session, &head, sizeof head, ready, count * sizeof *ready);
}

static int
compare(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    return a->cookie != b->cookie ? (a->cookie < b->cookie ? -1 : 1)
                                  : (a->at > b->at) - (a->at < b->at);
}

/* The smallest cookie first: it has waited longest. */
static void
send_mixed(struct session *session, struct notices *notices, uint32_t count)
{
    qsort(notices->keys, count, sizeof notices->keys[0], compare);
    for (uint32_t i = 0; i < count; i++) {
        notices->sorted[i] = notices->ready[notices->keys[i].at];
    }
    for (uint32_t first = 0, end = 0; first < count; first = end) {
        while (end < count && notices->keys[end].cookie == notices->keys[first].cookie) {
            end++;
        }
        send_some(session, notices->keys[first].cookie, &notices->sorted[first], end - first);
    }
}

void
notices_send(struct session *session)
{
    struct notices *notices = session->notices;
    uint32_t count = notices != NULL ? notices->count : 0;
    if (count == 0) {
        return;
    }
    notices->count = 0;
    if (notices->is_mixed) {
        send_mixed(session, notices, count);
    } else {
        send_some(session, notices->keys[0].cookie, notices->ready, count);
    }
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
    if (session->notices == NULL) {
        session->notices = malloc(sizeof *session->notices);
        if (session->notices == NULL) {
            return lode_fail_with(LODE_ENOMEM, "no memory for notices");
        }
        session->notices->count = 0;
    }
    return LODE_OK;
}

void
notices_add(struct store *store, struct session *session, lode_id id, uint64_t cookie,
            enum lode_found status, bool is_error)
{
    if (notices_reserve(session) != LODE_OK) {
        session_cut(session, "%s", lode_last_error());
        return;
    }
    struct notices *notices = session->notices;
    if (notices->count == READY_MAX) {
        notices_send(session);
    }
    uint32_t at = notices->count++;
    notices->is_mixed = at > 0 && (notices->is_mixed || notices->keys[0].cookie != cookie);
    notices->keys[at] = (struct key){.cookie = cookie, .at = at};
    notices->ready[at] = (struct lode_msg_ready){.id = id, .status = status, .is_error = is_error};
    if (at == 0) {
        enlist(store, session);
    }
}

void
notices_end_session(struct store *store, struct session *session)
{
    free(session->notices);
    session->notices = NULL;
    for (uint32_t i = 0; i < store->notify_count; i++) {
        if (store->notify[i] == session) {
            store->notify[i--] = store->notify[--store->notify_count];
        }
    }
}
