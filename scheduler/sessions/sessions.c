#include "scheduler/sessions/sessions.h"

#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/base/log.h"
#include "api/cluster/paths.h"
#include "api/system/socket.h"
#include "api/wire/rendezvous_msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_IN_A_ROW = 64 };

/* A peer that has connected, and not said hello yet. */
struct visitor {
    struct loop_source socket;
    struct sessions *sessions;
    pid_t pid;
    TAILQ_ENTRY(visitor) entry;
};

struct sessions {
    char dir[LODE_DIR_MAX + 1];
    struct loop *loop;
    struct drive *drive;
    struct loop_source listener;
    sessions_pipe_fn on_pipe; /* NULL: workers send no pipes */
    void *on_pipe_arg;
    int spare_fd; /* given up to turn a visitor away when no descriptor is left */
    TAILQ_HEAD(, visitor) visitors;
    uint32_t visitor_count;
    uint64_t last_number;
    struct drive_session *by_number; /* the core's lock */
    uint64_t old_repeats;            /* of sessions that have ended; the core's lock */
};

/* ---- the table ---------------------------------------------------------------------------- */

struct drive_session *
sessions_find_locked(struct sessions *sessions, uint64_t number)
{
    struct drive_session *session;
    HASH_FIND(hh, sessions->by_number, &number, sizeof number, session);
    return session;
}

static uint64_t
repeats_of(struct drive_session *session)
{
    struct lode_link_counters counters;
    lode_link_count(session->link, &counters);
    return counters.repeats;
}

uint64_t
sessions_repeats_locked(struct sessions *sessions)
{
    uint64_t repeats = sessions->old_repeats;
    for (struct drive_session *s = sessions->by_number; s != NULL; s = s->hh.next) {
        repeats += repeats_of(s);
    }
    return repeats;
}

static void
end_session(struct drive_session *session)
{
    struct sessions *sessions = session->table;
    struct core_event end = {.type = CORE_SESSION_END, .u.session = session->number};
    loop_close(sessions->loop, &session->socket);
    drive_step(sessions->drive, &end);
    drive_lock(sessions->drive);
    HASH_DEL(sessions->by_number, session);
    sessions->old_repeats += repeats_of(session);
    drive_unlock(sessions->drive);
    session_drop(session);
}

void
sessions_cut(struct sessions *sessions, uint64_t number)
{
    drive_lock(sessions->drive);
    struct drive_session *session = sessions_find_locked(sessions, number);
    drive_unlock(sessions->drive);
    if (session != NULL) { /* only this thread removes one */
        end_session(session);
    }
}

void
sessions_on_pipe(struct sessions *sessions, sessions_pipe_fn on_pipe, void *arg)
{
    sessions->on_pipe = on_pipe;
    sessions->on_pipe_arg = arg;
}

/* Takes the descriptors over. */
static bool
take_pipe(struct drive_session *session, const struct lode_rendezvous_pipe *pipe, size_t size,
          const int *fds, size_t fd_count)
{
    struct sessions *sessions = session->table;
    bool is_one = size == sizeof *pipe && pipe->magic == LODE_RENDEZVOUS_MAGIC && fd_count <= 1 &&
                  session->worker != 0 && sessions->on_pipe != NULL;
    if (is_one && sessions->on_pipe(sessions->on_pipe_arg, session->worker, session->pid,
                                    pipe->program, fd_count == 1 ? fds[0] : -1)) {
        return true;
    }
    lode_socket_close_fds(fds, fd_count);
    return false;
}

/* A worker sends new pipes, and a program nothing: else what comes is its end, or a breach. */
static void
socket_ready(struct loop_source *source, uint32_t events)
{
    struct drive_session *session = CONTAINER_OF(source, struct drive_session, socket);
    struct lode_rendezvous_pipe pipe = {0};
    int fds[LODE_SOCKET_FDS_MAX];
    size_t size = 0, fd_count = 0;
    lode_err err =
        lode_socket_receive(source->fd, MSG_DONTWAIT, &pipe, sizeof pipe, &size, fds, &fd_count);
    (void)events;
    bool came = err == LODE_OK || err == LODE_ELIMIT; /* the packet is there, its descriptor lost */
    if (err == LODE_EAGAIN || (came && take_pipe(session, &pipe, size, fds, fd_count))) {
        return;
    }
    if (came) {
        lode_log("SESSION-CUT", "session %llu sent a packet after its hello",
                 (unsigned long long)session->number);
    }
    end_session(session);
}

/* ---- a session's link: nng threads -------------------------------------------------------- */

/*
 * True if the record must wait until the output of all tasks was read, which the main thread does.
 */
static bool
wants_output(uint16_t type, const void *bytes, uint32_t size)
{
    const struct lode_task_stats *stats = bytes;
    return type == LODE_TASK_STATS && size == sizeof *stats &&
           (stats->err & LODE_STATS_AFTER_OUTPUT) != 0;
}

static void
ask_after_output(struct drive_session *session, const void *bytes)
{
    struct {
        struct core_action action;
        struct lode_task_stats stats;
    } errand = {.action = {.type = ERRAND_RECORD_AFTER_OUTPUT,
                           .message = LODE_TASK_STATS,
                           .size = sizeof errand.stats,
                           .target = session->number}};
    memcpy(&errand.stats, bytes, sizeof errand.stats);
    drive_add_errand(session->drive, &errand.action);
}

static lode_err
link_record(void *arg, uint16_t type, const void *bytes, uint32_t size)
{
    struct drive_session *session = arg;
    if (wants_output(type, bytes, size)) {
        ask_after_output(session, bytes);
        return LODE_OK;
    }
    drive_record(session->drive, session->number, type, bytes, size, &session->hold);
    return LODE_OK; /* the core judges; whom it dislikes it cuts */
}

static void
link_batch_end(void *arg)
{
    struct drive_session *session = arg;
    drive_records_end(session->drive, &session->hold);
}

static void
link_broken(void *arg, lode_err why)
{
    struct drive_session *session = arg;
    drive_ask_cut(session->drive, session->number, why, lode_last_error());
}

/* ---- visitors ----------------------------------------------------------------------------- */

static void
forget_visitor(struct visitor *visitor, bool close_socket)
{
    struct sessions *sessions = visitor->sessions;
    if (close_socket) {
        loop_close(sessions->loop, &visitor->socket);
    }
    TAILQ_REMOVE(&sessions->visitors, visitor, entry);
    sessions->visitor_count--;
    free(visitor);
}

static lode_err
check_hello(const struct lode_rendezvous_hello *hello, size_t size, struct sessions *sessions)
{
    if (size < sizeof *hello || hello->magic != LODE_RENDEZVOUS_MAGIC) {
        return lode_fail_with(LODE_EPROTO, "a packet of %zu bytes is no hello", size);
    }
    if (hello->major != LODE_RENDEZVOUS_MAJOR) {
        return lode_fail_with(LODE_EVERSION, "a peer speaks version %u.%u, this scheduler %d.%d",
                              hello->major, hello->minor, LODE_RENDEZVOUS_MAJOR,
                              LODE_RENDEZVOUS_MINOR);
    }
    if (hello->role != LODE_ROLE_PROGRAM && hello->role != LODE_ROLE_WORKER) {
        return lode_fail_with(LODE_EPROTO, "role %u does not exist", hello->role);
    }
    if (HASH_COUNT(sessions->by_number) >= SESSIONS_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "%d sessions are open, and no more are admitted: close some first",
                              SESSIONS_MAX);
    }
    return LODE_OK;
}

static lode_err
open_link(struct sessions *sessions, struct drive_session *session,
          char endpoint[LODE_ENDPOINT_MAX])
{
    const struct lode_link_events events = {link_record, link_batch_end, link_broken, session};
    session->number = ++sessions->last_number;
    LODE_TRY(lode_path_join(endpoint, LODE_ENDPOINT_MAX, sessions->dir, LODE_FILE_ENDPOINT,
                            (unsigned long long)session->number));
    return lode_link_listen(endpoint, &events, &session->link);
}

/* The key of the session's program. */
static uint64_t
make_secret(void)
{
    uint64_t secret = 0;
    (void)!getrandom(&secret, sizeof secret, 0);
    return secret;
}

/* The visitor's socket becomes the session's. */
static lode_err
open_session(struct visitor *visitor, const struct lode_rendezvous_hello *hello,
             struct lode_rendezvous_welcome *welcome)
{
    struct sessions *sessions = visitor->sessions;
    struct drive_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a session");
    }
    session->table = sessions;
    session->drive = sessions->drive;
    session->keepers = 1;
    session->worker = hello->role == LODE_ROLE_WORKER ? hello->worker : 0;
    session->pid = visitor->pid;
    session->socket = (struct loop_source){visitor->socket.fd, socket_ready};
    lode_err err = open_link(sessions, session, welcome->endpoint);
    if (err != LODE_OK) {
        free(session);
        return err;
    }
    struct core_event open = {.type = CORE_SESSION_OPEN,
                              .u.open = {.session = session->number,
                                         .store_session = hello->store_session,
                                         .pid = visitor->pid,
                                         .role = hello->role,
                                         .worker = hello->worker,
                                         .task = hello->task,
                                         .key = hello->key,
                                         .secret = make_secret()}};
    drive_lock(sessions->drive);
    HASH_ADD(hh, sessions->by_number, number, sizeof session->number, session);
    drive_unlock(sessions->drive);
    if (!hash_has(hh, session)) {
        session_drop(session);
        return lode_fail_with(LODE_ENOMEM, "no memory for a session");
    }
    drive_step(sessions->drive, &open);
    loop_change(sessions->loop, &session->socket, EPOLLIN);
    welcome->session = session->number;
    return LODE_OK;
}

static void
answer(struct visitor *visitor, const struct lode_rendezvous_hello *hello, size_t size)
{
    struct lode_rendezvous_welcome welcome = {.magic = LODE_RENDEZVOUS_MAGIC,
                                              .major = LODE_RENDEZVOUS_MAJOR,
                                              .minor = LODE_RENDEZVOUS_MINOR};
    struct sessions *sessions = visitor->sessions;
    lode_err err = check_hello(hello, size, sessions);
    if (err == LODE_OK) {
        err = open_session(visitor, hello, &welcome);
    }
    if (err != LODE_OK) {
        lode_log("SESSION-REFUSED", "pid %d: %s", (int)visitor->pid, lode_last_error());
        welcome.err = (uint32_t)err;
    }
    lode_err sent =
        lode_socket_send(visitor->socket.fd, &welcome, sizeof welcome, NULL, 0, NULL, 0);
    if (sent != LODE_OK && err == LODE_OK) {
        sessions_cut(sessions, welcome.session); /* it has gone already */
    }
    forget_visitor(visitor, err != LODE_OK);
}

static void
visitor_ready(struct loop_source *source, uint32_t events)
{
    struct visitor *visitor = CONTAINER_OF(source, struct visitor, socket);
    struct lode_rendezvous_hello hello;
    size_t size = 0;
    lode_err err =
        lode_socket_receive(source->fd, MSG_DONTWAIT, &hello, sizeof hello, &size, NULL, NULL);
    (void)events;
    if (err == LODE_EAGAIN) {
        return;
    }
    if (err != LODE_OK) {
        forget_visitor(visitor, true);
        return;
    }
    answer(visitor, &hello, size);
}

static void
admit(struct sessions *sessions, int fd)
{
    struct visitor *visitor;
    pid_t pid = 0;
    uid_t uid = (uid_t)-1;
    if (lode_socket_peer(fd, &pid, &uid) != LODE_OK || uid != geteuid()) {
        lode_log("SESSION-REFUSED", "pid %d belongs to user %d: only this user's are admitted",
                 (int)pid, (int)uid);
        close(fd);
        return;
    }
    visitor = calloc(1, sizeof *visitor);
    if (visitor == NULL) {
        close(fd);
        return;
    }
    *visitor = (struct visitor){{fd, visitor_ready}, sessions, pid, {0}};
    if (loop_add(sessions->loop, &visitor->socket, EPOLLIN) != LODE_OK) {
        close(fd);
        free(visitor);
        return;
    }
    TAILQ_INSERT_TAIL(&sessions->visitors, visitor, entry);
    if (++sessions->visitor_count > SESSIONS_VISITORS_MAX) {
        forget_visitor(TAILQ_FIRST(&sessions->visitors), true);
    }
}

/*
 * No descriptor is left. A visitor would wait in vain, and epoll report it for ever: so this
 * accepts it by the spare descriptor, and closes it.
 */
static void
turn_away(struct sessions *sessions)
{
    lode_log("SESSION-REFUSED", "no file descriptor is left: raise the limit (ulimit -n)");
    close(sessions->spare_fd);
    close(accept4(sessions->listener.fd, NULL, NULL, SOCK_CLOEXEC));
    sessions->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
listener_ready(struct loop_source *source, uint32_t events)
{
    struct sessions *sessions = CONTAINER_OF(source, struct sessions, listener);
    (void)events;
    for (int i = 0; i < ACCEPT_IN_A_ROW; i++) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            admit(sessions, fd);
        } else if (errno == EMFILE || errno == ENFILE) {
            turn_away(sessions);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

/* ---- the listener's life ------------------------------------------------------------------ */

lode_err
sessions_open(const char *dir, int listen_fd, struct loop *loop, struct sessions **sessions_out)
{
    struct sessions *sessions = calloc(1, sizeof *sessions);
    if (sessions == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the session table");
    }
    snprintf(sessions->dir, sizeof sessions->dir, "%s", dir);
    sessions->loop = loop;
    sessions->listener.ready = listener_ready;
    sessions->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    TAILQ_INIT(&sessions->visitors);
    sessions->listener.fd = listen_fd;
    *sessions_out = sessions;
    return LODE_OK;
}

lode_err
sessions_serve(struct sessions *sessions, struct drive *drive)
{
    sessions->drive = drive;
    return loop_add(sessions->loop, &sessions->listener, EPOLLIN);
}

/* Visitors that wait at the old socket are admitted before it is closed. */
void
sessions_move(struct sessions *sessions, int listen_fd)
{
    listener_ready(&sessions->listener, EPOLLIN);
    loop_close(sessions->loop, &sessions->listener);
    sessions->listener.fd = listen_fd;
    if (sessions->drive != NULL &&
        loop_add(sessions->loop, &sessions->listener, EPOLLIN) != LODE_OK) {
        lode_log("SCHEDULER-DEAF", "no program can call tasks any more: %s", lode_last_error());
    }
}
