/*
 * refs.h: who refers to an entry: sessions (counted per session and entry), the session in the id
 * from birth, names, and containers. An entry whose last reference goes becomes a candidate: it is
 * freed by store/freeing/freeing.h, unless it is pinned or referred to again by then.
 *
 * Threads: the loop thread. Blocking: never. Time: a call walks the sessions that refer to one
 * entry, the latest first.
 */
#ifndef LODE_STORE_TABLE_REFS_H
#define LODE_STORE_TABLE_REFS_H

#include "store/table/table.h"

/* One more reference of the session in `row`. Errors: LODE_ELIMIT, LODE_EFULL: no more records. */
LODE_MUST_CHECK lode_err ref_take(struct table *table, uint32_t entry, uint32_t row);

/*
 * One reference less. `is_birth_session`: the session is the one in the id, so that the reference
 * from birth is its last one. False: it had none, and nothing changed.
 */
bool ref_drop(struct table *table, uint32_t entry, uint32_t row, bool is_birth_session);

/* The number of references, without those of the session in `row` and the one from birth. */
uint32_t ref_others(struct table *table, uint32_t entry, uint32_t row);

/* Sets, or ends, the reference that the session in the id has from birth. */
void ref_birth(struct table *table, uint32_t entry);
void ref_end_birth(struct table *table, uint32_t entry);

/* A name is bound to the entry, or no longer. */
LODE_MUST_CHECK lode_err ref_name(struct table *table, uint32_t entry); /* LODE_ELIMIT */
void ref_unname(struct table *table, uint32_t entry);

/* `container` holds `held` from now on. Errors: LODE_ELIMIT, LODE_EFULL. */
LODE_MUST_CHECK lode_err hold_add(struct table *table, uint32_t container, uint32_t held);

/* The container is gone, or was never sealed: it holds nothing any more. */
void holds_drop(struct table *table, uint32_t container);

/* Every container that holds the entry forgets it: it was deleted, or will never come. */
void holds_forget(struct table *table, uint32_t held);

/* Ends every session's reference to an entry, that of birth too; names and containers stay. */
void refs_forget(struct table *table, uint32_t entry);

/*
 * Ends the references that the session in `row` took, to `most` entries. True: there are no more.
 * Those of birth: objects/settled.h.
 */
bool refs_end_session(struct table *table, uint32_t row, uint32_t most);

/* Hands all references of `from` on to `to`, which has none: one id, another entry. */
void refs_move(struct table *table, uint32_t from, uint32_t to);

/* Puts a sealed or expected entry without references among the candidates; leaves others alone. */
void candidate_add(struct table *table, uint32_t entry);

/*
 * Somebody asks for the object, who will look at it: if it is DOOMED, it is not judged now, but is
 * a candidate again. The batch may take several turns, and the client would ask again and again.
 */
void candidate_spare(struct table *table, uint32_t entry);

/* Takes the first candidate out. Its entry may be in any state by now. False: there is none. */
bool candidate_pop(struct table *table, uint32_t *entry_out);

/*
 * While `on`, new candidates go in front of all others. So an object that only a freed object held
 * is freed before older candidates. Otherwise a mark could be reached while that object is still
 * there.
 */
void candidates_to_front(struct table *table, bool on);

/* All that were taken out so far are freed, or spared, or wait for their pins. */
void candidates_decide(struct table *table);

/* A point in the list of candidates: reached when all that are in it now are decided. */
uint64_t candidates_mark(const struct table *table);
bool candidates_reached(const struct table *table, uint64_t mark);

#endif
