/*
 * late.h: what is to be done with answers of the store that come when their callers have given up. A
 * question whose time was up has been asked all the same, and the store will do what it says: a draft
 * is made that nobody seals, an object that nobody knows, a reference that nobody drops. Such a
 * question leaves a note, and when its answer comes, what it brought is undone.
 *
 * Threads: under the lock of the calls.
 */
#ifndef LODE_CLIENT_LATE_H
#define LODE_CLIENT_LATE_H

#include "api/layout/id.h"
#include "api/wire/store_msg.h"

#include <stdbool.h>
#include <stddef.h>

enum lode_late_kind {
    LODE_LATE_NOTHING = 0, /* it changes nothing, or its caller can undo it himself */
    LODE_LATE_DRAFT,       /* CREATE: the draft is aborted */
    LODE_LATE_OBJECT,      /* PUT, SEAL: the reference to `id` is dropped */
    LODE_LATE_NAME         /* NAME_LOOKUP: the reference to the id in the answer is dropped */
};

/* A question that was given up; once answered, what is to be undone. */
struct lode_late {
    struct lode_late *next;
    uint32_t tag;
    enum lode_late_kind kind;
    lode_id id;
    uint32_t entry; /* of a draft */
    uint64_t generation;
};

struct lode_lates {
    struct lode_late *asked;    /* the answer has not come yet */
    struct lode_late *answered; /* something is to be undone */
};

/* For a put or a seal. A reserved id stays its session's to drop, whatever becomes of it. */
static inline enum lode_late_kind
lode_late_object(lode_id id)
{
    return lode_id_is_reserved(id) ? LODE_LATE_NOTHING : LODE_LATE_OBJECT;
}

/* A question with that tag was given up. Without memory for the note, nothing will be undone. */
void lode_lates_note(struct lode_lates *lates, uint32_t tag, enum lode_late_kind kind, lode_id id);

/* A packet came for which nobody waits. */
void lode_lates_answer(struct lode_lates *lates, const void *packet, size_t size);

/* Takes out something that is to be undone; NULL: nothing is. It is the caller's: free(). */
struct lode_late *lode_lates_take(struct lode_lates *lates);

/* Puts it back: it could not be undone at this moment. */
void lode_lates_put_back(struct lode_lates *lates, struct lode_late *late);

void lode_lates_clear(struct lode_lates *lates);

#endif
