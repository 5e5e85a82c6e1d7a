/*
 * process.h: the sessions of this process, and what fork() does to them.
 *
 * Before a fork the list is locked, so that the child finds it whole, and the store takes note of
 * what is pinned (fork.h). In the child every session becomes FORKED. Its socket, its file and the
 * hooks' descriptors are closed: an open copy of the socket would hide the parent's death from the
 * store. Its session file was never mapped there.
 */
#ifndef LODE_CLIENT_PROCESS_H
#define LODE_CLIENT_PROCESS_H

#include "api/client/session/handle.h"

/*
 * From now on every fork() is seen. Comes before a process has anything that a child must not have;
 * without it a child would read what its parent writes.
 */
LODE_MUST_CHECK lode_err lode_process_watch_forks(void);

/* No fork() of this process runs between the two. */
void lode_process_lock(void);
void lode_process_unlock(void);

/* Puts a session into the list and gives it its serial number. */
void lode_process_add(lode *db);

/* Takes a session out of the list. True: it was there, and the caller must free it. */
bool lode_process_remove(lode *db, uint64_t serial);

/* The session with that serial number; NULL: it has ended. */
lode *lode_process_find(uint64_t serial);

/*
 * Calls `run` in each child after fork, once its sessions are FORKED and before anything else of
 * ours can run there. For a part of liblode that keeps state of the whole process: at its first
 * use.
 */
void lode_process_in_child(void (*run)(void));

/* True if this process is a child of fork() of one that had sessions. */
bool lode_process_is_child(void);

/* Gives pin slots that an ended thread had back to the session, if it lives. */
void lode_process_give_slots(uint64_t serial, const uint32_t *slots, uint32_t count);

#endif
