#include "store/objects/lost.h"

#include "api/base/fail.h"
#include "api/base/hash.h"

#include <stdlib.h>

struct lost {
    lode_id id;
    uint32_t count;
    UT_hash_handle hh;
};

static struct lost *
find(const struct session *session, lode_id id)
{
    struct lost *lost = NULL;
    if (session->lost != NULL) {
        HASH_FIND(hh, session->lost, &id, sizeof id, lost);
    }
    return lost;
}

static void
forget(struct session *session, struct lost *lost)
{
    HASH_DELETE(hh, session->lost, lost);
    free(lost);
}

static lode_err
add(struct session *session, lode_id id)
{
    uint32_t most = LOST_RINGS * session->ring_bytes / (sizeof(struct lode_record) + sizeof id);
    if (HASH_COUNT(session->lost) >= most) {
        return lode_fail_with(
            LODE_ELIMIT, "references to %u ids were lost for want of memory, and it takes more",
            most);
    }
    struct lost *lost = calloc(1, sizeof *lost);
    if (lost != NULL) {
        lost->id = id;
        lost->count = 1;
        HASH_ADD(hh, session->lost, id, sizeof lost->id, lost);
    }
    if (lost == NULL || !hash_has(hh, lost)) {
        free(lost);
        return lode_fail_with(LODE_ENOMEM, "no memory to remember a reference that was lost");
    }
    return LODE_OK;
}

lode_err
lost_note(struct session *session, lode_id id)
{
    struct lost *lost = find(session, id);
    if (lost == NULL) {
        return add(session, id);
    }
    lost->count += lost->count < UINT32_MAX;
    return LODE_OK;
}

bool
lost_drop(struct session *session, lode_id id)
{
    struct lost *lost = find(session, id);
    if (lost == NULL) {
        return false;
    }
    if (--lost->count == 0) {
        forget(session, lost);
    }
    return true;
}

void
lost_clear(struct session *session)
{
    struct lost *lost, *next;
    HASH_ITER(hh, session->lost, lost, next)
    {
        forget(session, lost);
    }
}
