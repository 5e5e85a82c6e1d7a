/* lode_get_many(): one wait for all, and then a get of each. */
#include "api/base/fail.h"
#include "api/client/session/process.h"
#include "api/client/session/session.h"
#include "api/client/store/get.h"
#include "api/client/store/wait.h"

/* Waits for all that are missing together. Then it gets each, or returns the first error. */
lode_err
lode_get_many(lode *db, const lode_id *ids, size_t count, int64_t timeout_ms, lode_view *views_out)
{
    struct lode_patience patience = lode_patience_of(timeout_ms);
    LODE_TRY(lode_session_check(db));
    if (count > 0) {
        LODE_NEED("lode_get_many", ids);
        LODE_NEED("lode_get_many", views_out);
    }
    if (count > 1) {
        lode_err err = lode_wait_within(db, ids, count, count, &patience, NULL, NULL);
        if (err != LODE_OK && err != LODE_ETIMEDOUT) {
            return err;
        }
    }
    for (size_t i = 0; i < count; i++) {
        lode_err err = lode_get_within(db, ids[i], &patience, &views_out[i]);
        if (err != LODE_OK) {
            while (i > 0) {
                lode_release(&views_out[--i]);
            }
            return err;
        }
    }
    return LODE_OK;
}
