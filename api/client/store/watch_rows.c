#include "api/client/store/checks.h"
#include "api/client/store/many.h"

lode_err
lode_many_watch_rows(const struct lode_many *m)
{
    for (size_t i = 0; i < m->row_count; i++) {
        const struct lode_row *row = &m->rows[i];
        struct lode_msg_watch_row msg = {.head.type = LODE_MSG_WATCH_ROW,
                                         .cookie = m->watch.cookie,
                                         .first = m->ids[row->at],
                                         .count = row->count,
                                         .step = row->step};
        LODE_TRY(lode_store_ask_exactly(&m->db->calls, &msg.head, sizeof msg, LODE_MSG_OK, NULL, 0,
                                        m->patience->answer_by));
    }
    return LODE_OK;
}

/* Another thread may read the socket, and hand notices to this wait meanwhile. */
void
lode_many_found(struct lode_many *m, size_t at)
{
    lode_mutex_lock(&m->db->calls.mu);
    lode_many_mark(m, at);
    m->watch.done |= m->ready_count >= m->want;
    lode_mutex_unlock(&m->db->calls.mu);
}

void
lode_many_found_id(struct lode_many *m, lode_id id)
{
    lode_mutex_lock(&m->db->calls.mu);
    lode_many_mark_all(m, id);
    m->watch.done |= m->ready_count >= m->want;
    lode_mutex_unlock(&m->db->calls.mu);
}

static void
found_in_row(void *arg, size_t at)
{
    lode_many_found(arg, at);
}

lode_err
lode_many_check_rows(struct lode_many *m)
{
    struct lode_checks *checks;
    lode_err err = LODE_OK;
    if (m->row_count == 0) {
        return LODE_OK;
    }
    LODE_TRY(
        lode_checks_begin(m->db, m->ids, true, m->patience->answer_by, found_in_row, m, &checks));
    for (size_t i = 0; i < m->row_count && err == LODE_OK; i++) {
        err = lode_checks_row(checks, &m->rows[i]);
    }
    lode_checks_end(checks);
    return err;
}
