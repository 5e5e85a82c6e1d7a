#include "store/objects/quota.h"

#include "api/base/fail.h"
#include "store/objects/own.h"
#include "store/table/expected.h"

lode_err
quota_check(const struct store *store, const struct session *session)
{
    uint64_t count = store->table.truth_rows[session->row].expected;
    if (count < STORE_EXPECTED_MAX) {
        return LODE_OK;
    }
    return lode_fail_with(
        LODE_ELIMIT,
        "the session refers to %llu ids of others that do not exist, and can refer "
        "to no more: drop some, or wait until they exist",
        (unsigned long long)count);
}

static lode_err
check_own(const struct store *store, const struct session *session)
{
    uint64_t count = store->table.truth_rows[session->row].expected_own;
    if (count < STORE_EXPECTED_OWN_MAX) {
        return LODE_OK;
    }
    return lode_fail_with(
        LODE_ELIMIT,
        "the session refers to %llu results and reserved ids of its own that do "
        "not exist, and can refer to no more: drop some, or wait until they exist",
        (unsigned long long)count);
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
