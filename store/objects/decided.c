#include "store/objects/decided.h"

#include "store/state/store.h"

#include <stdlib.h>

enum { ROOM_FIRST = 256, ROOM_KEPT = 1 << 14 };

static bool
has_room(struct decided *decided)
{
    if (decided->count < decided->room) {
        return true;
    }
    uint32_t room = decided->room == 0 ? ROOM_FIRST : decided->room * 2;
    struct decision *list = realloc(decided->list, room * sizeof *list);
    if (list == NULL) {
        return false;
    }
    decided->list = list;
    decided->room = room;
    return true;
}

void
decided_add(struct store *store, lode_id id, enum lode_found status, bool is_error)
{
    struct decided *decided = &store->decided;
    if (!has_room(decided)) {
        decided->lost = true;
        return;
    }
    decided->list[decided->count++] =
        (struct decision){.id = id, .status = (uint8_t)status, .is_error = is_error};
}

void
decided_add_session(struct store *store, uint64_t session)
{
    decided_add(store, lode_id_make(LODE_ID_RESULT, session, 0), LODE_FOUND_PENDING, false);
}

void
decided_clear(struct decided *decided)
{
    decided->count = 0;
    decided->lost = false;
    if (decided->room > ROOM_KEPT) {
        free(decided->list);
        *decided = (struct decided){0};
    }
}
