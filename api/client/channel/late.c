#include "api/client/channel/late.h"

#include <stdlib.h>
#include <string.h>

void
lode_lates_note(struct lode_lates *lates, uint32_t tag, enum lode_late_kind kind, lode_id id)
{
    struct lode_late *late = kind != LODE_LATE_NOTHING ? malloc(sizeof *late) : NULL;
    if (late != NULL) {
        *late = (struct lode_late){.next = lates->asked, .tag = tag, .kind = kind, .id = id};
        lates->asked = late;
    }
}

/* Reads what the answer brought. False: nothing, the store refused for example. */
static bool
read_answer(struct lode_late *late, const void *packet, size_t size)
{
    struct lode_msg_head head;
    struct lode_msg_created created;
    struct lode_msg_found found;
    memcpy(&head, packet, sizeof head);
    switch (late->kind) {
    case LODE_LATE_DRAFT:
        if (head.type != LODE_MSG_CREATED || size != sizeof created) {
            return false;
        }
        memcpy(&created, packet, sizeof created);
        late->entry = created.entry;
        late->generation = created.generation;
        return true;
    case LODE_LATE_NAME:
        if (head.type != LODE_MSG_FOUND || size != sizeof found) {
            return false;
        }
        memcpy(&found, packet, sizeof found);
        late->id = found.id;
        return found.status == LODE_FOUND_SEALED;
    default:
        return head.type == LODE_MSG_OK || head.type == LODE_MSG_CREATED;
    }
}

void
lode_lates_answer(struct lode_lates *lates, const void *packet, size_t size)
{
    struct lode_msg_head head;
    memcpy(&head, packet, sizeof head);
    struct lode_late **at = &lates->asked;
    while (*at != NULL && (*at)->tag != head.tag) {
        at = &(*at)->next;
    }
    struct lode_late *late = *at;
    if (late == NULL) {
        return;
    }
    *at = late->next;
    if (read_answer(late, packet, size)) {
        late->next = lates->answered;
        lates->answered = late;
    } else {
        free(late);
    }
}

struct lode_late *
lode_lates_take(struct lode_lates *lates)
{
    struct lode_late *first = lates->answered;
    lates->answered = NULL;
    return first;
}

static void
clear(struct lode_late *first)
{
    while (first != NULL) {
        struct lode_late *late = first;
        first = late->next;
        free(late);
    }
}

void
lode_lates_clear(struct lode_lates *lates)
{
    clear(lates->asked);
    clear(lates->answered);
    *lates = (struct lode_lates){0};
}
