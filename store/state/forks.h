/*
 * forks.h: what a process had pinned when it forked stays pinned for its child (HAZARDS.md, H9).
 *
 * A child inherits its parent's views: addresses in the maps of segments and index. The pins of
 * these views are words in the parent's session file, and the parent clears them when it likes. So
 * the client says FORK before it forks. The store copies the session's pins into a `struct fork`.
 * It scans that as it scans the session files, until no heir is left: the child, its own children,
 * and so on, have all ended or called exec.
 *
 * The store's answer (KEPT) brings two descriptors, by which it learns of that:
 *
 *   the mark  an open file of the index with a lock on one byte. The client maps a page of it and
 *             closes the descriptor. The lock stays as long as any process has the map, so a child
 *             that closes every descriptor is still an heir. This is what decides.
 *   the pipe  its writing end goes to the heirs. Its end of file says when to look at the mark.
 *
 * All sessions of a process count together for its limits: a process that forks says FORK for each
 * session with pins. What a session forked counts on when it has ended. Where the store cannot see
 * the process (another pid namespace), each session counts alone.
 *
 * A fork whose pipe has ended while its mark is still held is looked at again when memory is
 * wanted, and when a new fork would be one too many.
 */
#ifndef LODE_STORE_STATE_FORKS_H
#define LODE_STORE_STATE_FORKS_H

#include "store/state/store.h"

enum {
    FORKS_MAX = 4096,            /* forks of all sessions whose heirs live: a descriptor each */
    FORK_PINS_MAX = 8 << 20,     /* pins of them all: 4 bytes each */
    FORKS_OF_PROCESS_MAX = 1024, /* of one process, so that it leaves others some */
    FORK_PINS_OF_PROCESS_MAX = 2 << 20,
    FORK_LOOKS = 64 /* marks that one part looks at: each takes longer the more are held */
};

/*
 * The session's process is about to fork: copies its pins, in parts. The store answers when all are
 * copied, and the process forks after the answer. A pin that the process clears before that is not
 * the child's, whether it was copied or not.
 *
 *   forks_begin() ─▶ forks_copy_part(), until it says true
 *                 ─▶ forks_must_wait(), until it says false ─▶ forks_keep()
 *                         '── the session ends ─▶ forks_forget()
 *
 *   fds_out  the mark, and the pipe's writing end: for the client, the caller closes them
 *
 * A fork that has ended counts for the limits until its pins were looked at and its memory is free,
 * which goes in parts. A fork that fits as soon as that is done waits for it. One that does not
 * fit waits until the marks of all others were looked at, in parts as well.
 *
 * forks_keep() takes the fork, also where it fails.
 *
 * Errors  LODE_ELIMIT there are too many, of this process or of all; LODE_ENOMEM; LODE_ESYS
 */
LODE_MUST_CHECK lode_err forks_begin(const struct session *session, struct fork **fork_out);
bool forks_copy_part(const struct store *store, const struct session *session, struct fork *fork);
bool forks_must_wait(struct store *store, const struct session *session, struct fork *fork);
LODE_MUST_CHECK lode_err forks_keep(struct store *store, const struct session *session,
                                    struct fork *fork, int fds_out[2]);
void forks_forget(struct fork *fork);

/* Calls `each` for every pin of every fork, by entry. */
void forks_each_pin(struct store *store,
                    void (*each)(struct store *store, uint32_t entry, void *arg), void *arg);

/* The forks' share of pins_walk_part(). */
bool forks_walk_part(struct store *store, struct session_walk *walk, uint32_t *most,
                     void (*each)(struct store *store, uint32_t entry, void *arg), void *arg);

/* Ends the forks whose pipe has ended, and whose mark no heir holds any more. */
void forks_reap(struct store *store);

/* Ends all forks, heirs or not: the store ends. */
void forks_destroy(struct store *store);

#endif
