#include "tests/support/handoff.h"

#include <string.h>

/* One by one: neither side fills the pipe. */
void
handoff_exchange(struct child *other, const lode_id *own, lode_id *others_out, long count)
{
    for (long i = 0; i < count; i++) {
        child_say(other, &own[i], sizeof own[i]);
        child_hear(other, &others_out[i], sizeof others_out[i]);
    }
}

int64_t
handoff_take(lode *db, lode_id id)
{
    lode_view view;
    int64_t number;
    must(lode_get(db, id, LODE_FOREVER, &view));
    expect_eq(view.size, sizeof number);
    memcpy(&number, view.data, sizeof number);
    lode_release(&view);
    return number;
}
