/*
 * supervisor_msg.h: the packets between the supervisor and the scheduler, on an inherited
 * SOCK_SEQPACKET pair (descriptor number in --supervisor-fd). The supervisor is the workers' only
 * parent.
 */
#ifndef LODE_WIRE_SUPERVISOR_MSG_H
#define LODE_WIRE_SUPERVISOR_MSG_H

#include <stdint.h>

enum lode_supervisor_msg {
    LODE_SUPERVISOR_SPAWN = 1,   /* scheduler: start worker `worker`; fd: its shared page */
    LODE_SUPERVISOR_SPAWNED = 2, /* supervisor: pid, or err; fds: pidfd, output pipe */
    LODE_SUPERVISOR_KILL = 3,    /* scheduler: send `signal` to `worker` */
    LODE_SUPERVISOR_EXITED = 4   /* supervisor: it was reaped, with `status` as of waitpid() */
};

struct lode_supervisor_packet {
    uint32_t type;
    uint32_t worker; /* the scheduler's number, never reused */
    int64_t pid;
    int32_t status;
    int32_t signal;
    uint32_t err;
    uint32_t pad;
};

#endif
