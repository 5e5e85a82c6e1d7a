/*
 * file.h: the store's view of a session's file. The client may do to that file what it likes. If it
 * truncates the file, the store's next access is SIGBUS. The store catches that, puts zero pages in
 * the place of the mapping, and marks the session as broken (HAZARDS.md, H12 and H18).
 */
#ifndef LODE_STORE_STATE_FILE_H
#define LODE_STORE_STATE_FILE_H

#include "store/state/store.h"

/*
 * Makes the file of `session` (number, flags, ring_bytes are set), warms its memory, maps it. Only
 * the beginning of a lean session's ring gets memory (api/layout/session.h [5]).
 *
 *   client_fd_out  read-write, an open file of its own: for the client
 *
 * Errors  LODE_EFULL no shared memory; LODE_ESYS, LODE_ENOMEM
 */
LODE_MUST_CHECK lode_err file_open(struct store *store, struct session *session,
                                   int *client_fd_out);

/* Unmaps, closes and unlinks it. */
void file_close(struct store *store, struct session *session);

/*
 * Gives memory to the whole ring, and says so in the session's row. False: it had some, or there is
 * none. If there is none, nothing is tried for the next 10 ms, for any session: clients may ask as
 * often as they like, and a refusal by the system costs as much as a grant.
 */
bool file_grow_ring(struct store *store, struct session *session);

/*
 * Bytes of the ring that have memory and lie in one piece, from that position on. Nobody reads more
 * than these: there is none behind them, and a read would take some.
 */
static inline uint64_t
file_ring_left(const struct session *session, uint64_t position)
{
    uint64_t at = position & (session->ring_bytes - 1);
    return at < session->ring_backed ? session->ring_backed - at : 0;
}

/* More pin slots may be used: warms their memory. Errors: LODE_ELIMIT, LODE_EFULL. */
LODE_MUST_CHECK lode_err file_grow_pins(struct session *session, uint32_t slots);

/* How many pin slots the client says it uses, but no more than have memory. */
uint32_t file_pin_high(const struct session *session);

/* The pin in a slot below file_pin_high(): an entry + 1, not to be believed; 0: none. */
static inline uint32_t
file_pin(const struct session *session, uint32_t slot)
{
    const _Atomic uint32_t *pins =
        (const _Atomic uint32_t *)(session->file + lode_pins_offset(session->ring_bytes));
    return atomic_load_explicit(&pins[slot], memory_order_acquire);
}

/* Catches SIGBUS in the mappings of session files, from now on. Errors: LODE_ESYS. */
LODE_MUST_CHECK lode_err file_guard_install(void);

#endif
