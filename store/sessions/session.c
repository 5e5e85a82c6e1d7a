#include "store/sessions/session.h"

#include "api/base/fail.h"
#include "store/objects/settled.h"
#include "store/requests/creates.h"
#include "store/requests/held.h"
#include "store/requests/later.h"
#include "store/requests/slow.h"
#include "store/rings/credit.h"
#include "store/state/doze.h"
#include "store/state/file.h"
#include "store/freeing/ending.h"
#include "store/freeing/lingering.h"
#include "store/rings/ring.h"
#include "store/waits/notices.h"
#include "store/waits/stream.h"
#include "store/state/answers.h"
#include "store/state/pins.h"
#include "store/state/programs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* ---- the beginning ---- */

static int
open_pidfd(int fd, pid_t pid)
{
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) {
        return pidfd;
    }
    return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

/* The process of an ended session is gone: its pins and drafts can go, too. */
static void
on_exit_of_process(struct store *store, struct source *source, uint32_t events)
{
    struct session *session = (struct session *)((char *)source - offsetof(struct session, exit));
    (void)events;
    if (session->ended && !session->listed_dead) {
        close(session->pidfd);
        session->pidfd = -1;
        lingering_look(store, session);
    }
}

static void
newcomer_add(struct store *store, struct session *session)
{
    session->older = store->newcomers;
    if (session->older != NULL) {
        session->older->newer = session;
    } else {
        store->oldest_newcomer = session;
    }
    store->newcomers = session;
    store->newcomer_count++;
}

static void
newcomer_remove(struct store *store, struct session *session)
{
    if (session->newer != NULL) {
        session->newer->older = session->older;
    } else {
        store->newcomers = session->older;
    }
    if (session->older != NULL) {
        session->older->newer = session->newer;
    } else {
        store->oldest_newcomer = session->newer;
    }
    session->newer = session->older = NULL;
    store->newcomer_count--;
}

struct session *
session_create(struct store *store, int fd, int64_t pid)
{
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    session->exit.ready = on_exit_of_process;
    session->store = store;
    session->fd = fd;
    session->pidfd = session->file_fd = session->bell_fd = -1;
    session->pid = pid;
    newcomer_add(store, session);
    return session;
}

/*
 * Numbers rise. A number whose row is taken is left out: the row of a session is its number modulo
 * the rows.
 */
static lode_err
take_number(struct store *store, struct session *session)
{
    _Atomic uint64_t *next = &store->table.header->next_session;
    uint64_t number = atomic_load_explicit(next, memory_order_relaxed);
    for (uint32_t i = 0; i < LODE_SESSION_ROWS; i++, number++) {
        if (store->by_row[number % LODE_SESSION_ROWS] == NULL) {
            atomic_store_explicit(next, number + 1, memory_order_relaxed);
            session->number = number;
            session->row = (uint32_t)(number % LODE_SESSION_ROWS);
            return LODE_OK;
        }
    }
    return lode_fail_with(LODE_ELIMIT,
                          "there are %d sessions, and there can be no more: close some first",
                          LODE_SESSION_ROWS);
}

/* A session that has ended does not keep a newcomer out because the end goes in parts. */
static lode_err
draw_number(struct store *store, struct session *session)
{
    if (store->session_count == LODE_SESSION_ROWS) {
        for (uint32_t i = store->session_count; i-- > 0;) {
            struct session *other = store->sessions[i];
            if (other->ended && !other->lingers) {
                ending_do_now(store, other);
            }
        }
    }
    return take_number(store, session);
}

static lode_err
check_hello(const struct lode_msg_hello *hello, uint32_t *ring_bytes_out)
{
    uint32_t bytes = hello->ring_bytes == 0 ? LODE_RING_BYTES_DEFAULT : hello->ring_bytes;
    if (hello->magic != LODE_STORE_MAGIC) {
        return lode_fail_with(LODE_EPROTO, "this is the store's socket; what came is no HELLO");
    }
    if (hello->major != LODE_STORE_WIRE_MAJOR) {
        return lode_fail_with(LODE_EVERSION,
                              "the store speaks version %d.%d, the client %u.%u: use one version "
                              "of lode on both sides",
                              LODE_STORE_WIRE_MAJOR, LODE_STORE_WIRE_MINOR, hello->major,
                              hello->minor);
    }
    if (bytes < LODE_RING_BYTES_MIN || bytes > LODE_RING_BYTES_MAX || (bytes & (bytes - 1)) != 0) {
        return lode_fail_with(LODE_EINVAL, "a ring of %u bytes: a power of two from %u to %u",
                              bytes, LODE_RING_BYTES_MIN, LODE_RING_BYTES_MAX);
    }
    *ring_bytes_out = bytes;
    return LODE_OK;
}

static void
enlist(struct store *store, struct session *session)
{
    struct lode_session_row *row = &store->table.rows[session->row];
    struct truth_row *truth = &store->table.truth_rows[session->row];
    newcomer_remove(store, session);
    store->by_row[session->row] = session;
    session->slot = store->session_count;
    store->sessions[store->session_count++] = session;
    doze_begin(store, session);
    programs_add(store, session);
    if (session->flags & LODE_HELLO_SCHEDULER) {
        settled_new_scheduler(store);
        store->scheduler_count++;
    }
    *truth = (struct truth_row){
        .session = session->number, .flags = session->flags, .pid = session->pid};
    atomic_store_explicit(&row->ring_head, 0, memory_order_relaxed);
    atomic_store_explicit(&row->ring_backed, session->ring_backed, memory_order_relaxed);
    bool is_plain = store->fences_releases && (session->flags & LODE_HELLO_FENCED) != 0;
    row->flags = session->flags | (is_plain ? LODE_ROW_PLAIN_RELEASE : 0);
    atomic_store_explicit(&row->awaited, 0, memory_order_relaxed);
    atomic_store_explicit(&row->expected, 0, memory_order_relaxed);
    atomic_store_explicit(&row->expected_own, 0, memory_order_relaxed);
    atomic_store_explicit(&row->refused, 0, memory_order_relaxed);
    credit_start(store, session);
    atomic_store_explicit(&row->session, session->number, memory_order_release);
}

/* Each ring of the bell is an event of its own (EPOLLET), so the counter is never read. */
static lode_err
hang_bell(struct store *store, struct session *session)
{
    session->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (session->bell_fd < 0) {
        return lode_fail_errno("cannot make a session's doorbell");
    }
    return store_watch_fd(store, session->bell_fd, EPOLLIN | EPOLLET, &session->bell);
}

/* Takes the bell out of the epoll. To close it is not enough: the client has it open, too. */
static void
take_bell(struct store *store, struct session *session)
{
    if (session->bell_fd >= 0) {
        (void)epoll_ctl(store->epoll_fd, EPOLL_CTL_DEL, session->bell_fd, NULL);
        close(session->bell_fd);
        session->bell_fd = -1;
    }
}

lode_err
session_hello(struct store *store, struct session *session, const struct lode_msg_hello *hello)
{
    int client_fd = -1;
    LODE_TRY(check_hello(hello, &session->ring_bytes));
    session->flags = hello->flags & (LODE_HELLO_MAKER | LODE_HELLO_SCHEDULER | LODE_HELLO_FENCED |
                                     LODE_HELLO_RINGS | LODE_HELLO_LEAN);
    LODE_TRY(programs_check(store, session));
    if (session->flags & LODE_HELLO_SCHEDULER) {
        LODE_TRY(notices_reserve(session));
    }
    LODE_TRY(hang_bell(store, session));
    LODE_TRY(draw_number(store, session));
    lode_err err = file_open(store, session, &client_fd);
    if (err != LODE_OK) {
        session->number = 0;
        return err;
    }
    session->out.unbounded = (session->flags & LODE_HELLO_SCHEDULER) != 0;
    session->pidfd = open_pidfd(session->fd, (pid_t)session->pid);
    enlist(store, session);
    struct lode_msg_welcome welcome = {
        .head = {.type = LODE_MSG_WELCOME, .tag = hello->head.tag},
        .major = LODE_STORE_WIRE_MAJOR,
        .minor = LODE_STORE_WIRE_MINOR,
        .row = session->row,
        .session = session->number,
        .generation = store->table.header->generation,
    };
    int fds[3] = {store->table.index_read_fd, client_fd, session->bell_fd};
    session_send_fds(session, &welcome, sizeof welcome, fds, 3);
    if (!outbox_is_empty(&session->out)) {
        session_cut(session, "it does not read its WELCOME");
    }
    close(client_fd);
    return LODE_OK;
}

/* ---- the end ---- */

static bool
still_runs(struct session *session)
{
    struct pollfd exit = {.fd = session->pidfd, .events = POLLIN};
    return session->pidfd >= 0 && poll(&exit, 1, 0) == 0;
}

/*
 * The client process may still be running gets. Clearing the row ends that: a get pins first and
 * then checks that the row still holds its session. If the check passes, the store's next look at
 * the pins sees the pin. If it fails, the get returns LODE_EDOWN.
 */
static void
close_row(struct store *store, const struct session *session)
{
    atomic_store_explicit(&store->table.rows[session->row].session, 0, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
}

/*
 * Ends everything that the session has, except its pins and drafts. What there may be much of goes
 * in parts (freeing/ending.h).
 */
static void
end_claims(struct store *store, struct session *session)
{
    slow_end_session(store, session);
    notices_end_session(store, session);
    stream_end(store, session);
    creates_end_session(store, session);
    later_end_session(store, session);
    credit_end(store, session);
    bool is_last_scheduler = session->flags & LODE_HELLO_SCHEDULER && --store->scheduler_count == 0;
    settled_end_session(store, session);
    if (is_last_scheduler) {
        settled_all(store);
    }
}

static void
end_attached(struct store *store, struct session *session)
{
    doze_wake(store, session);
    if (!session->cut) {
        ring_drain(store, session);
    }
    session->ended = true;
    if (!session->left) {
        end_claims(store, session);
    } else {
        slow_end_session(store, session); /* it may have said FORK */
    }
    close_row(store, session);
    if (still_runs(session) && (session->draft_first != 0 || pins_any(session)) &&
        store_watch_fd(store, session->pidfd, EPOLLIN, &session->exit) == LODE_OK) {
        lingering_begin(store, session);
    } else {
        programs_remove(store, session); /* its row is free in a moment */
    }
    session->hide_next = session->draft_first;
    ending_go_on(store, session);
}

void
session_leave(struct store *store, struct session *session, uint32_t tag)
{
    session->left = true;
    session->leave_tag = tag;
    end_claims(store, session);
    ending_go_on(store, session);
}

void
session_end(struct store *store, struct session *session)
{
    if (session->ended) {
        return;
    }
    if (session->number != 0) {
        end_attached(store, session);
    } else {
        newcomer_remove(store, session);
        notices_end_session(store, session);
        session->ended = true;
        ending_bury(store, session);
    }
    held_end_session(store, session);
    outbox_clear(&session->out);
    take_bell(store, session);
    close(session->fd); /* leaves the epoll by that */
    session->fd = -1;
}

void
session_abandon(struct store *store, struct session *session)
{
    session_end(store, session);
    lingering_end(store, session);
    ending_do_now(store, session);
}
