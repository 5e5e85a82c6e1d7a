#include "store/sessions/connection.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/system/socket.h"
#include "store/requests/slow.h"
#include "store/rings/credit.h"
#include "store/rings/ring.h"
#include "store/sessions/packets.h"
#include "store/sessions/session.h"
#include "store/state/answers.h"
#include "store/state/doze.h"
#include "store/waits/waits.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Receives and handles one packet. False: no other one can be handled now. */
static bool
receive_one(struct store *store, struct session *session)
{
    ssize_t got = recv(session->fd, store->packet, LODE_STORE_PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC);
    doze_may_have_rung(store);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            session_end(store, session);
        }
        return false;
    }
    if (got == 0) {
        session_end(store, session);
        return false;
    }
    lode_err err = got > LODE_STORE_PACKET_MAX
                       ? lode_fail_with(LODE_EPROTO, "a packet of %zd bytes", got)
                       : packets_handle(store, session, store->packet, (size_t)got);
    if (err == LODE_EPROTO) {
        store->counts.bad_messages++;
        session_cut(session, "%s", lode_last_error());
    }
    waits_tell_decided(store);
    wakes_send(store);
    return !session->cut && !session->ended && !slow_is_under_way(session);
}

void
connection_want_output(struct store *store, struct session *session)
{
    bool wants = !outbox_is_empty(&session->out);
    if (wants != session->wants_output && session->fd >= 0) {
        struct epoll_event event = {.events = EPOLLIN | (wants ? EPOLLOUT : 0),
                                    .data.ptr = &session->socket};
        if (epoll_ctl(store->epoll_fd, EPOLL_CTL_MOD, session->fd, &event) == 0) {
            session->wants_output = wants;
        }
    }
}

/* The session's doorbell was rung. */
static void
on_bell(struct store *store, struct source *source, uint32_t events)
{
    struct session *session = (struct session *)((char *)source - offsetof(struct session, bell));
    (void)events;
    if (session->ended || session->left) {
        return; /* the bell rang while the session ended: it has no ring and no credit any more */
    }
    store->counts.doorbells++;
    doze_may_have_rung(store);
    doze_wake(store, session);
    ring_drain(store, session);
    waits_tell_decided(store);
    wakes_send(store); /* first of all: most bells ring for a handoff, and its receiver waits */
    if (session->cut) {
        session_end(store, session);
    } else {
        credit_rang(store, session, ring_meet_need(store, session));
    }
}

/* The session's socket has something to read, or room to write, or has ended. */
static void
on_socket(struct store *store, struct source *source, uint32_t events)
{
    enum { PACKETS_AT_ONCE = 64 };
    struct session *session = (struct session *)source;
    if (session->ended) {
        return;
    }
    if ((events & EPOLLOUT) && outbox_flush(&session->out, session->fd) != LODE_OK) {
        session->cut = true;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !slow_is_under_way(session)) {
        int64_t end = store_turn_end(store);
        for (int i = 0; i < PACKETS_AT_ONCE && receive_one(store, session); i++) {
            if (store->table.now_ns >= end) { /* set by each packet: what is left is told again */
                break;
            }
        }
    }
    if (session->cut) {
        session_end(store, session);
    } else {
        connection_want_output(store, session);
    }
}

bool
connection_end_silent(struct store *store)
{
    struct session *oldest = store->oldest_newcomer;
    char byte;
    if (oldest == NULL || recv(oldest->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
        errno != EAGAIN) {
        return false;
    }
    session_end(store, oldest);
    return true;
}

lode_err
connection_accept(struct store *store, int fd)
{
    pid_t pid;
    uid_t uid;
    lode_err err = lode_socket_peer(fd, &pid, &uid);
    if (err == LODE_OK && uid != geteuid() && uid != 0) {
        err = lode_fail_with(LODE_EDENIED, "a process of user %u", (unsigned)uid);
    }
    struct session *session = err == LODE_OK ? session_create(store, fd, pid) : NULL;
    if (session == NULL) {
        close(fd);
        return err != LODE_OK ? err : lode_fail_with(LODE_ENOMEM, "no memory for a session");
    }
    session->socket.ready = on_socket;
    session->bell.ready = on_bell;
    err = store_watch_fd(store, fd, EPOLLIN, &session->socket);
    if (err != LODE_OK) {
        session_end(store, session); /* closes it */
    }
    return err;
}
