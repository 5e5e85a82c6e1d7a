#include "store/objects/quota.h"

#include "api/base/fail.h"
#include "store/objects/own.h"
#include "store/objects/status.h"
#include "store/table/expected.h"

static bool
is_used_up(const struct store *store, const struct session *session)
{
    return store->table.truth_rows[session->row].expected >= LODE_SESSION_EXPECTED_MAX &&
           (session->flags & LODE_HELLO_SCHEDULER) == 0;
}

static bool
own_is_used_up(const struct store *store, const struct session *session)
{
    return store->table.truth_rows[session->row].expected_own >= LODE_SESSION_EXPECTED_OWN_MAX;
}

lode_err
quota_check(const struct store *store, const struct session *session)
{
    if (!is_used_up(store, session)) {
        return LODE_OK;
    }
    return lode_fail_with(
        LODE_ELIMIT,
        "the session refers to %llu ids of others that do not exist, and can refer "
        "to no more: drop some, or wait until they exist",
        (unsigned long long)store->table.truth_rows[session->row].expected);
}

static lode_err
check_own(const struct store *store, const struct session *session)
{
    if (!own_is_used_up(store, session)) {
        return LODE_OK;
    }
    return lode_fail_with(
        LODE_ELIMIT,
        "the session refers to %llu results and reserved ids of its own that do "
        "not exist, and can refer to no more: drop some, or wait until they exist",
        (unsigned long long)store->table.truth_rows[session->row].expected_own);
}

/*
 * The quota is asked before an entry is made. So if the id has an entry, it was not refused for
 * that.
 */
bool
quota_refuses(const struct store *store, const struct session *session, lode_id id)
{
    uint32_t entry;
    bool own = lode_id_session(id) == session->number;
    return !table_find(&store->table, id, &entry) &&
           (own ? own_is_used_up(store, session) : is_used_up(store, session));
}

lode_err
quota_expect(struct store *store, struct session *session, lode_id id, uint32_t *entry_out)
{
    LODE_TRY(lode_id_session(id) == session->number ? check_own(store, session)
                                                    : quota_check(store, session));
    LODE_TRY(own_expect(store, id, entry_out));
    expected_charge(&store->table, *entry_out, session->row);
    return LODE_OK;
}

/* Whether an id that has no entry can be referred to at all. */
static bool
may_be_taken(const struct store *store, lode_id id)
{
    bool may_come =
        lode_id_kind(id) == LODE_ID_USER || store_session(store, lode_id_session(id)) != NULL;
    return lode_id_kind(id) != LODE_ID_NAME &&
           !(lode_id_is_promised(id) && status_was_made(store, id)) &&
           (may_come || status_of(store, id, NULL) != LODE_FOUND_GONE);
}

lode_err
quota_take(struct store *store, struct session *session, lode_id id)
{
    uint32_t entry;
    if (!table_find(&store->table, id, &entry)) {
        if (!may_be_taken(store, id)) {
            return LODE_OK;
        }
        LODE_TRY(quota_expect(store, session, id, &entry));
    }
    if (lode_id_kind(id) == LODE_ID_NAME) {
        return LODE_OK;
    }
    lode_err err = ref_take(&store->table, entry, session->row);
    if (err != LODE_OK) {
        candidate_add(&store->table, entry); /* made just now, it says nothing, and goes */
    }
    return err;
}
