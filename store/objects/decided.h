/*
 * decided.h: the list of what was decided of ids: their objects were sealed, aborted, or will never
 * come. Whoever decides appends here, and knows nothing of those who wait. waits_tell_decided()
 * empties the list and tells them; the loop calls it before it wakes anybody or sleeps.
 *
 * A wait that is armed later must not be told of an abort that was before it, so waits.h empties the
 * list before it arms or ends a wait.
 */
#ifndef LODE_STORE_OBJECTS_DECIDED_H
#define LODE_STORE_OBJECTS_DECIDED_H

#include "api/wire/store_msg.h"

struct store;

/* PENDING: a session has ended, or was settled: each wait for an id of it is to be looked at anew. */
struct decision {
    lode_id id;
    uint8_t status; /* enum lode_found */
    bool is_error;  /* SEALED, and of kind error */
};

struct decided {
    struct decision *list;
    uint32_t count, room;
    bool lost; /* there was no memory for some: every wait is to be looked at anew */
};

void decided_add(struct store *store, lode_id id, enum lode_found status, bool is_error);
void decided_add_session(struct store *store, uint64_t session);

/* The list was read: it is empty now. Gives back the memory that only a great many decisions take. */
void decided_clear(struct decided *decided);

#endif
