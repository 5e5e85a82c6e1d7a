/*
 * store_socket.h: the sending end of the session's socket to the store, for any number of threads.
 *
 * A store that does not read fills the socket. A packet whose sender can give up then fails at the
 * sender's deadline. But the end of a draft, of a wait or of a pin must reach the store sooner or
 * later. Such a packet is owed: it is kept, and goes ahead of the next packet that can be sent.
 */
#ifndef LODE_CLIENT_STORE_SOCKET_H
#define LODE_CLIENT_STORE_SOCKET_H

#include "api/base/lock.h"
#include "api/system/socket.h"

#include <stddef.h>

struct lode_owed_packet;

struct lode_store_socket {
    int fd;    /* blocking, with timeouts of a second; -1 in a child after fork */
    pid_t pid; /* the store's; 0: it is in another pid namespace */
    _Atomic bool down;
    _Atomic bool owes; /* the list is not empty */
    struct lode_mutex mu;
    struct lode_owed_packet *first, **end; /* mu: in the order in which they are to be sent */
};

/* The caller sets fd and pid once it is connected. fini closes fd. */
void lode_store_socket_init(struct lode_store_socket *at);
void lode_store_socket_fini(struct lode_store_socket *at);

/*
 * Sends a packet of two parts.
 * Errors  LODE_EDOWN; LODE_ETIMEDOUT the store has not read until the deadline: nothing was sent
 */
LODE_MUST_CHECK lode_err lode_store_send(struct lode_store_socket *at, const void *head,
                                         size_t head_size, const void *rest, size_t rest_size,
                                         int64_t deadline);

/*
 * Sends a packet without an answer (tag 0) that the store must have. It waits until the deadline at
 * most, and not at all where other packets are owed. Then the packet is owed. If the store is dead,
 * there is nothing to tell.
 */
void lode_store_owe(struct lode_store_socket *at, const void *packet, size_t size,
                    int64_t deadline);

/* Tells the store that a draft ends unsealed; lode_store_owe(). */
void lode_store_tell_abort(struct lode_store_socket *at, uint32_t entry, uint64_t generation,
                           int64_t deadline);

/* True once the store has closed its end. One system call; never blocks. */
bool lode_store_is_dead(struct lode_store_socket *at);

/* LODE_EDOWN with the sentence for it. */
lode_err lode_store_down(void);

/* LODE_ETIMEDOUT, with the sentence for a store that has not answered in time. */
lode_err lode_store_late(const struct lode_store_socket *at);

#endif
