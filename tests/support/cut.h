/*
 * cut.h: sessions that the store ends because their ring is broken, while their processes live.
 */
#ifndef TESTS_SUPPORT_CUT_H
#define TESTS_SUPPORT_CUT_H

#include <lode/lode.h>
#include <sys/types.h>

/* Breaks the ring of the session of that number, by its file, and makes the store look at it. When
 * this returns it has ended. `db` is another session. */
void cut_session(lode *db, uint64_t session);

/* The number of the only session that a process has. */
uint64_t cut_session_of(pid_t pid);

#endif
