/*
 * late.h: what is to be undone when the store answers a question that was given up. The store does
 * what such a question asks all the same: it makes a draft that nobody seals, or counts a reference
 * that nobody drops. So the question leaves a note with its tag. When the answer comes, the note
 * becomes something to undo.
 *
 * Threads  under the lock of the calls (store_calls.h)
 */
#ifndef LODE_CLIENT_LATE_H
#define LODE_CLIENT_LATE_H

#include "api/layout/id.h"
#include "api/wire/store_msg.h"

#include <stddef.h>

enum lode_late_kind {
    LODE_LATE_NOTHING = 0, /* the answer changes nothing */
    LODE_LATE_DRAFT,       /* of CREATE: the draft is aborted */
    LODE_LATE_OBJECT,      /* of PUT, SEAL, TAKE: the reference to `id` is dropped */
    LODE_LATE_NAME         /* of NAME_LOOKUP: the reference to the id in the answer is dropped */
};

struct lode_late {
    struct lode_late *next;
    uint32_t tag;
    enum lode_late_kind kind;
    lode_id id;
    uint32_t entry; /* of a draft */
    uint64_t generation;
};

/* Of a put or seal. A reserved id stays its session's to drop, whatever becomes of it. */
static inline enum lode_late_kind
lode_late_object(lode_id id)
{
    return lode_id_is_reserved(id) ? LODE_LATE_NOTHING : LODE_LATE_OBJECT;
}

/* Zeroed: empty. */
struct lode_lates {
    struct lode_late *asked;    /* the answer has not come yet */
    struct lode_late *answered; /* to be undone */
};

/* A question with that tag was given up. Without memory for the note nothing will be undone. */
void lode_lates_note(struct lode_lates *lates, uint32_t tag, enum lode_late_kind kind, lode_id id);

/* An answer came for which nobody waits. */
void lode_lates_answer(struct lode_lates *lates, const void *packet, size_t size);

/* Takes out what is to be undone, as a list that the caller frees. NULL: nothing. */
struct lode_late *lode_lates_take(struct lode_lates *lates);

void lode_lates_clear(struct lode_lates *lates);

#endif
