#include "api/client/tasks/rendezvous.h"

#include "api/base/clock.h"
#include "api/system/descriptor.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/system/limit.h"
#include "api/cluster/paths.h"
#include "api/system/socket.h"
#include "api/client/session/process.h"
#include "api/wire/start.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct lode_rendezvous {
    struct lode_rendezvous_options options;
    int fd;         /* -1: not connected */
    pid_t pid;      /* the scheduler's; 0: it cannot be told */
    bool has_asked; /* the hello is sent */
    bool welcomed;
    struct lode_rendezvous_welcome welcome;
    struct lode_link *link; /* NULL: not dialed yet */
    bool watched;           /* the watcher runs */
    pthread_t watcher;
    _Atomic bool down;
    _Atomic bool closing;
};

static void
go_down(struct lode_rendezvous *rendezvous)
{
    bool was_down = atomic_exchange(&rendezvous->down, true);
    if (!was_down && !atomic_load(&rendezvous->closing) && rendezvous->options.down != NULL) {
        rendezvous->options.down(rendezvous->options.events.arg);
    }
}

/* The scheduler sends nothing on the socket: the read ends with it, or by our own shutdown(). */
static void *
watch(void *arg)
{
    struct lode_rendezvous *rendezvous = arg;
    char byte;
    ssize_t got;
    do {
        got = recv(rendezvous->fd, &byte, sizeof byte, 0);
    } while (got > 0 || (got < 0 && errno == EINTR));
    lode_link_dial_no_more(rendezvous->link);
    go_down(rendezvous);
    return NULL;
}

static void
link_broken(void *arg, lode_err why)
{
    struct lode_rendezvous *rendezvous = arg;
    if (rendezvous->options.events.broken != NULL) {
        rendezvous->options.events.broken(rendezvous->options.events.arg, why);
    }
    go_down(rendezvous);
}

static lode_err
link_record(void *arg, uint16_t type, const void *bytes, uint32_t size)
{
    struct lode_rendezvous *rendezvous = arg;
    return rendezvous->options.events.record(rendezvous->options.events.arg, type, bytes, size);
}

static void
link_batch_end(void *arg)
{
    struct lode_rendezvous *rendezvous = arg;
    rendezvous->options.events.batch_end(rendezvous->options.events.arg);
}

static lode_err
read_welcome(const struct lode_rendezvous *rendezvous, struct lode_rendezvous_welcome *welcome_out)
{
    struct pollfd poll_fd = {.fd = rendezvous->fd, .events = POLLIN};
    int64_t deadline = lode_deadline(rendezvous->options.timeout_ms);
    size_t size;
    lode_err err;
    int ready;
    do {
        int64_t left = lode_remaining_ms(deadline);
        ready = poll(&poll_fd, 1, left > INT32_MAX ? INT32_MAX : (int)left);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        return lode_scheduler_late(rendezvous->pid);
    }
    err =
        lode_socket_receive(rendezvous->fd, 0, welcome_out, sizeof *welcome_out, &size, NULL, NULL);
    if (err != LODE_OK) {
        return err == LODE_EDOWN ? lode_fail_with(err, "the scheduler ended the conversation")
                                 : err;
    }
    if (size != sizeof *welcome_out || welcome_out->magic != LODE_RENDEZVOUS_MAGIC ||
        memchr(welcome_out->endpoint, '\0', sizeof welcome_out->endpoint) == NULL) {
        return lode_fail_with(LODE_EPROTO, "the scheduler's answer of %zu bytes is none", size);
    }
    return LODE_OK;
}

static lode_err
refused(const struct lode_rendezvous_welcome *welcome)
{
    if (welcome->err == LODE_EVERSION || welcome->major != LODE_RENDEZVOUS_MAJOR) {
        return lode_fail_with(LODE_EVERSION,
                              "the scheduler speaks version %u.%u, this library %d.%d: use one "
                              "version on both sides",
                              welcome->major, welcome->minor, LODE_RENDEZVOUS_MAJOR,
                              LODE_RENDEZVOUS_MINOR);
    }
    return lode_fail_with((lode_err)welcome->err, "the scheduler refused the session: %s",
                          lode_err_text((lode_err)welcome->err));
}

static lode_err
say_hello(struct lode_rendezvous *rendezvous)
{
    const struct lode_rendezvous_options *options = &rendezvous->options;
    const struct lode_rendezvous_hello hello = {.magic = LODE_RENDEZVOUS_MAGIC,
                                                .major = LODE_RENDEZVOUS_MAJOR,
                                                .minor = LODE_RENDEZVOUS_MINOR,
                                                .role = (uint32_t)options->role,
                                                .worker = options->worker,
                                                .store_session = options->store_session,
                                                .task = options->task,
                                                .key = options->key};
    LODE_TRY(lode_socket_send(rendezvous->fd, &hello, sizeof hello, NULL, 0, NULL, 0));
    rendezvous->has_asked = true;
    return LODE_OK;
}

static lode_err
shake_hands(struct lode_rendezvous *rendezvous)
{
    struct lode_rendezvous_welcome *welcome = &rendezvous->welcome;
    if (!rendezvous->has_asked) {
        LODE_TRY(say_hello(rendezvous));
    }
    LODE_TRY(read_welcome(rendezvous, welcome));
    if (welcome->err != LODE_OK || welcome->major != LODE_RENDEZVOUS_MAJOR) {
        return refused(welcome);
    }
    rendezvous->welcomed = true;
    return LODE_OK;
}

static lode_err
dial(struct lode_rendezvous *rendezvous)
{
    const struct lode_link_events events = {
        link_record, rendezvous->options.events.batch_end != NULL ? link_batch_end : NULL,
        link_broken, rendezvous};
    lode_stdio_guard_begin(); /* nng opens some of its own */
    lode_err err = lode_link_dial(rendezvous->welcome.endpoint, &events, &rendezvous->link);
    lode_stdio_guard_end();
    return err;
}

static lode_err
start_watching(struct lode_rendezvous *rendezvous)
{
    sigset_t all, old;
    int code;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    code = pthread_create(&rendezvous->watcher, NULL, watch, rendezvous);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (code != 0) {
        return lode_fail_start(code, "the thread that watches the scheduler");
    }
    rendezvous->watched = true;
    return LODE_OK;
}

static lode_err
connect_scheduler(struct lode_rendezvous *rendezvous)
{
    char path[LODE_PATH_MAX];
    uid_t uid;
    int fd;
    LODE_TRY(
        lode_path_join(path, sizeof path, rendezvous->options.dir, LODE_FILE_SCHEDULER_SOCKET));
    lode_process_lock(); /* a child that is forked now would keep a socket that nobody has noted */
    lode_err err = lode_socket_connect(path, &fd);
    if (err == LODE_OK) {
        rendezvous->fd = lode_descriptor_hang_high(fd);
    }
    lode_process_unlock();
    if (err == LODE_OK && lode_socket_peer(rendezvous->fd, &rendezvous->pid, &uid) != LODE_OK) {
        rendezvous->pid = 0;
    }
    return err;
}

/*
 * True if the scheduler has ended a session that nobody watches yet. Nothing is ever sent on the
 * socket after the welcome.
 */
static bool
has_ended_unseen(const struct lode_rendezvous *rendezvous)
{
    char byte;
    ssize_t got;
    if (!rendezvous->welcomed || rendezvous->watched) {
        return false;
    }
    got = recv(rendezvous->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EINTR);
}

/* Does the steps that are not done yet. */
static lode_err
go_on(struct lode_rendezvous *rendezvous)
{
    if (rendezvous->fd < 0) {
        LODE_TRY(connect_scheduler(rendezvous));
    }
    if (!rendezvous->welcomed) {
        LODE_TRY(shake_hands(rendezvous));
    }
    if (rendezvous->link == NULL) {
        LODE_TRY(dial(rendezvous));
    }
    return start_watching(rendezvous);
}

lode_err
lode_rendezvous_open(const struct lode_rendezvous_options *options,
                     struct lode_rendezvous **rendezvous_io)
{
    LODE_TRY(lode_wire_start()); /* before the scheduler makes a session of it */
    if (*rendezvous_io != NULL && has_ended_unseen(*rendezvous_io)) {
        lode_rendezvous_close(rendezvous_io);
    }
    struct lode_rendezvous *rendezvous = *rendezvous_io;
    if (rendezvous == NULL) {
        rendezvous = calloc(1, sizeof *rendezvous);
        if (rendezvous == NULL) {
            return lode_fail_with(LODE_ENOMEM, "no memory for a session with the scheduler");
        }
        rendezvous->options = *options;
        rendezvous->fd = -1;
        *rendezvous_io = rendezvous;
    }
    lode_err err = go_on(rendezvous);
    bool has_session = rendezvous->welcomed || (rendezvous->has_asked && err == LODE_ETIMEDOUT);
    if (err != LODE_OK && !has_session) {
        lode_rendezvous_close(rendezvous_io);
    }
    return err;
}

pid_t
lode_rendezvous_scheduler(const struct lode_rendezvous *rendezvous)
{
    return rendezvous != NULL ? rendezvous->pid : 0;
}

lode_err
lode_rendezvous_late(struct lode_rendezvous *rendezvous)
{
    if (rendezvous != NULL && rendezvous->link != NULL) {
        LODE_TRY(lode_link_try_failed(rendezvous->link));
    }
    return lode_scheduler_late(lode_rendezvous_scheduler(rendezvous));
}

lode_err
lode_scheduler_late(pid_t pid)
{
    if (pid <= 0) {
        return lode_fail_with(LODE_ETIMEDOUT, "the scheduler has not answered in time: it is "
                                              "stopped (SIGSTOP), or very busy");
    }
    return lode_fail_with(LODE_ETIMEDOUT,
                          "the scheduler, process %d, has not answered in time: it is stopped "
                          "(SIGSTOP), or very busy",
                          (int)pid);
}

struct lode_link *
lode_rendezvous_link(struct lode_rendezvous *rendezvous)
{
    return rendezvous->link;
}

lode_err
lode_rendezvous_pass_pipe(struct lode_rendezvous *rendezvous, uint64_t program, int fd)
{
    const struct lode_rendezvous_pipe packet = {.magic = LODE_RENDEZVOUS_MAGIC, .program = program};
    return lode_socket_send(rendezvous->fd, &packet, sizeof packet, NULL, 0, &fd, 1);
}

void
lode_rendezvous_close(struct lode_rendezvous **rendezvous_io)
{
    struct lode_rendezvous *rendezvous = *rendezvous_io;
    if (rendezvous == NULL) {
        return;
    }
    atomic_store(&rendezvous->closing, true);
    if (rendezvous->link != NULL) { /* the scheduler drops the pipe when it sees the socket's end */
        lode_link_dial_no_more(rendezvous->link);
    }
    if (rendezvous->fd >= 0) { /* ends it for the scheduler, whoever has a copy */
        shutdown(rendezvous->fd, SHUT_RDWR);
    }
    if (rendezvous->watched) {
        pthread_join(rendezvous->watcher, NULL);
    }
    lode_link_close(rendezvous->link);
    lode_process_lock();
    *rendezvous_io = NULL;
    if (rendezvous->fd >= 0) {
        close(rendezvous->fd);
    }
    lode_process_unlock();
    free(rendezvous);
}

void
lode_rendezvous_forked(struct lode_rendezvous *rendezvous)
{
    if (rendezvous != NULL && rendezvous->fd >= 0) {
        close(rendezvous->fd);
        rendezvous->fd = -1;
    }
}
