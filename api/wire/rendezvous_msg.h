/*
 * rendezvous_msg.h: the packets on the scheduler's rendezvous socket, LODE_FILE_SCHEDULER_SOCKET
 * (SOCK_SEQPACKET). The scheduler learns the peer's pid and user from SO_PEERCRED. It answers with
 * the session's private endpoint. The socket then stays open: its end is the session's end, for
 * both sides. A program sends nothing more on it. A worker sends the reading end of a new pipe each
 * time that it changes over to another program.
 */
#ifndef LODE_WIRE_RENDEZVOUS_MSG_H
#define LODE_WIRE_RENDEZVOUS_MSG_H

#include <lode/error.h>

#define LODE_RENDEZVOUS_MAGIC UINT32_C(0x317a6472)
enum { LODE_RENDEZVOUS_MAJOR = 1, LODE_RENDEZVOUS_MINOR = 0, LODE_ENDPOINT_MAX = 104 };

enum lode_role { LODE_ROLE_PROGRAM = 1, LODE_ROLE_WORKER = 2 };

struct lode_rendezvous_hello {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t role;
    uint32_t worker;        /* its number; role program: of the one in which it is opened, or 0 */
    uint64_t store_session; /* the peer's session at the store */
    uint64_t task;          /* role program: that has started its process, in that worker; or 0 */
    uint64_t key;           /* of that task's program, as in RUN: nobody else knows it */
};

struct lode_rendezvous_welcome {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t err; /* LODE_OK, or why the session is refused */
    uint32_t pad;
    uint64_t session;
    char endpoint[LODE_ENDPOINT_MAX]; /* a path, closed by a zero */
};

/* A worker's stdout and stderr are a new pipe from now on; it comes with the packet. */
struct lode_rendezvous_pipe {
    uint32_t magic;
    uint32_t pad;
    uint64_t program; /* whose tasks write to it: as in RUN; 0: a library that is described */
};

#endif
