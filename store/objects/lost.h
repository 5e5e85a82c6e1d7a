/*
 * lost.h: references that a session took by ring, and for which the store had no memory. The
 * program counts such a reference like any other, and drops it some day. That drop must end the
 * lost reference, and none that the store has recorded, nor the one from birth. Else the object
 * would be freed while the program still refers to it.
 */
#ifndef LODE_STORE_OBJECTS_LOST_H
#define LODE_STORE_OBJECTS_LOST_H

#include "store/state/store.h"

/*
 * Notes one lost reference. Errors: LODE_ENOMEM; LODE_ELIMIT the session has lost references to
 * more ids than its ring can hold LOST_RINGS times: it goes on although the store has said that
 * memory is scarce.
 */
enum { LOST_RINGS = 4 };
LODE_MUST_CHECK lode_err lost_note(struct session *session, lode_id id);

/* The session drops a reference to the id. True: that was a lost one, which is forgotten now. */
bool lost_drop(struct session *session, lode_id id);

void lost_clear(struct session *session);

#endif
