/*
 * crowd.h: sessions that do nothing. Each has attached to the store of the bench, and got an object
 * once.
 */
#ifndef LODE_TESTS_BENCH_CROWD_H
#define LODE_TESTS_BENCH_CROWD_H

#include "tests/bench/bench.h"

enum { CROWD_MAX = 1000, CROWD_OF_PEER = 950, CROWD_PEERS_MAX = 2 };

/* Lets the sessions in this process grow to so many. With views: each new one keeps what it got. */
void crowd_gather(const struct bench *bench, int count, bool views, lode_id id);
int crowd_count(void);
lode *crowd_session(int i);

/* CROWD_OF_PEER more sessions each, in other processes: one process may have 1,024. */
void crowd_gather_peers(const struct bench *bench, int peers);

/* Closes them all. */
void crowd_disperse(void);

#endif
