#include "store/sessions/connection.h"

#include "api/base/fail.h"
#include "api/system/socket.h"
#include "store/sessions/packets.h"
#include "store/sessions/session.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void
on_socket(struct store *store, struct source *source, uint32_t events)
{
    packets_ready(store, (struct session *)source, events);
}

static void
on_bell(struct store *store, struct source *source, uint32_t events)
{
    (void)events;
    packets_rung(store, (struct session *)((char *)source - offsetof(struct session, bell)));
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
