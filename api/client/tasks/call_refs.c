#include "api/client/tasks/call_refs.h"

static _Thread_local bool busy;

bool
lode_call_refs_busy(void)
{
    return busy;
}

void
lode_call_refs_drop(lode *db, const lode_id *ids, size_t count)
{
    busy = true;
    for (size_t i = 0; i < count; i++) {
        lode_drop(db, ids[i]);
    }
    busy = false;
}

lode_err
lode_call_refs_take(lode *db, const lode_id *ids, size_t count)
{
    lode_err err = LODE_OK;
    size_t taken = 0;
    busy = true;
    while (err == LODE_OK && taken < count) {
        err = lode_keep(db, ids[taken]);
        taken += err == LODE_OK;
    }
    busy = false;
    if (err != LODE_OK) {
        lode_call_refs_drop(db, ids, taken);
    }
    return err;
}
