/*
 * peer.h: another process of a case, `lode-bench --peer DIR MS KIND`. The case and the peer speak
 * over a socket, which is the peer's stdin and stdout: the peer says when it is ready, the case
 * says go, and the peer says what it measured.
 */
#ifndef LODE_TESTS_BENCH_PEER_H
#define LODE_TESTS_BENCH_PEER_H

#include "tests/bench/bench.h"

struct peer {
    pid_t pid;
    int fd;
};

/* A session of the cluster in `dir`, without a scheduler. */
lode *peer_attach(const char *dir);

/* In the case. peer_end() waits until the peer has ended, which ends when it is called. */
void peer_start(const struct bench *bench, int ms, const char *kind, struct peer *peer_out);
void peer_await_ready(const struct peer *peer);
void peer_go(const struct peer *peer);
void peer_hear(const struct peer *peer, void *said_out, size_t size_bytes);
void peer_end(const struct peer *peer);

/* In the peer. peer_say() waits until the case calls peer_end(). */
void peer_say_ready_and_wait(void);
void peer_say(const void *said, size_t size_bytes);

#endif
