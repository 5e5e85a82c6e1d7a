/*
 * look.h: looking at an object without waiting for it and without keeping it: what the index says
 * at this moment. No message; no lock. The answer may be old when it arrives.
 */
#ifndef LODE_CLIENT_LOOK_H
#define LODE_CLIENT_LOOK_H

#include <lode/object.h>

/*
 * True if the object is sealed and in the index at this moment; false says nothing.
 *
 *   is_error_out  whether it is of kind error; may be NULL
 */
bool lode_session_sees(lode *db, lode_id id, bool *is_error_out);

/* Bytes of an object that is in the index at this moment; 0: it is not. A hint, and no more. */
uint64_t lode_session_size_hint(const lode *db, lode_id id);

/* An object of this session's is about to be made that has so many bytes. */
void lode_session_note_size(lode *db, lode_id id, uint64_t size_bytes);

/*
 * True if the object is large enough that its memory should not wait until the store looks by
 * itself: for a drop. A hint, and no more.
 */
bool lode_session_is_large(lode *db, lode_id id);

/* Maps and populates the bytes of an object that this process will soon read, if it is there. */
void lode_prefetch(lode *db, lode_id id);

#endif
