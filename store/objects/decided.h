/*
 * decided.h: the list of decisions about ids: an object was sealed, was aborted, or will never
 * come. The code that decides appends to the list, and knows nothing of the clients that wait.
 * waits_tell_decided() tells these clients and empties the list. The loop calls it before it wakes
 * clients or sleeps.
 *
 * A wait must not be told of an abort that came before the wait. So waits.h empties the list before
 * it arms or ends a wait.
 */
#ifndef LODE_STORE_OBJECTS_DECIDED_H
#define LODE_STORE_OBJECTS_DECIDED_H

#include "api/wire/store_msg.h"

struct store;

/*
 * One decision about one id. With status PENDING it is about all ids of a session that has ended,
 * or that the scheduler has settled: what each of its ids has become must be asked anew for every
 * wait.
 */
struct decision {
    lode_id id;
    uint8_t status; /* enum lode_found */
    bool is_error;  /* SEALED, and of kind error */
};

struct decided {
    struct decision *list;
    uint32_t count, room;
    bool lost; /* there was no memory for a decision: all waits must be asked about anew */
};

void decided_add(struct store *store, lode_id id, enum lode_found status, bool is_error);
void decided_add_session(struct store *store, uint64_t session);

/* Empties the list, once it was read. Frees its memory if that has become very large. */
void decided_clear(struct decided *decided);

#endif
