#include "api/client/tasks/rendezvous.h"

#include "api/base/clock.h"
#include "api/base/descriptor.h"
#include "api/base/fail.h"
#include "api/wire/start.h"
#include "api/base/files.h"
#include "api/base/paths.h"
#include "api/base/socket.h"

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
    int fd;
    struct lode_link *link;
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

/* Nothing is ever sent on the socket: what wakes the read is its end, or our own shutdown(). */
static void *
watch(void *arg)
{
    struct lode_rendezvous *rendezvous = arg;
    char byte;
    ssize_t got;
    do {
        got = recv(rendezvous->fd, &byte, sizeof byte, 0);
    } while (got > 0 || (got < 0 && errno == EINTR));
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
read_welcome(int fd, int64_t timeout_ms, struct lode_rendezvous_welcome *welcome_out)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int64_t deadline = lode_deadline(timeout_ms);
    size_t size;
    lode_err err;
    int ready;
    do {
        int64_t left = lode_remaining_ms(deadline);
        ready = poll(&poll_fd, 1, left > INT32_MAX ? INT32_MAX : (int)left);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        return lode_fail_with(LODE_ETIMEDOUT, "the scheduler did not answer within %lld ms",
                              (long long)timeout_ms);
    }
    err = lode_socket_receive(fd, 0, welcome_out, sizeof *welcome_out, &size, NULL, NULL);
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
shake_hands(struct lode_rendezvous *rendezvous, struct lode_rendezvous_welcome *welcome_out)
{
    const struct lode_rendezvous_options *options = &rendezvous->options;
    const struct lode_rendezvous_hello hello = {.magic = LODE_RENDEZVOUS_MAGIC,
                                                .major = LODE_RENDEZVOUS_MAJOR,
                                                .minor = LODE_RENDEZVOUS_MINOR,
                                                .role = (uint32_t)options->role,
                                                .worker = options->worker,
                                                .store_session = options->store_session};
    LODE_TRY(lode_socket_send(rendezvous->fd, &hello, sizeof hello, NULL, 0, NULL, 0));
    LODE_TRY(read_welcome(rendezvous->fd, options->timeout_ms, welcome_out));
    if (welcome_out->err != LODE_OK || welcome_out->major != LODE_RENDEZVOUS_MAJOR) {
        return refused(welcome_out);
    }
    return LODE_OK;
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
        errno = code;
        return lode_fail_errno("cannot start a thread that watches the scheduler");
    }
    return LODE_OK;
}

lode_err
lode_rendezvous_open(const struct lode_rendezvous_options *options,
                     struct lode_rendezvous **rendezvous_out)
{
    LODE_TRY(lode_wire_start()); /* before the scheduler makes a session of it */
    struct lode_rendezvous *rendezvous = calloc(1, sizeof *rendezvous);
    struct lode_rendezvous_welcome welcome;
    struct lode_stdio_guard guard;
    char path[LODE_PATH_MAX];
    lode_err err;
    if (rendezvous == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a session with the scheduler");
    }
    rendezvous->options = *options;
    const struct lode_link_events events = {
        link_record, options->events.batch_end != NULL ? link_batch_end : NULL, link_broken,
        rendezvous};
    err = lode_path_join(path, sizeof path, options->dir, LODE_FILE_SCHEDULER_SOCKET);
    if (err != LODE_OK) {
        goto free_it;
    }
    err = lode_socket_connect(path, &rendezvous->fd);
    if (err != LODE_OK) {
        goto free_it;
    }
    rendezvous->fd = lode_descriptor_hang_high(rendezvous->fd);
    err = shake_hands(rendezvous, &welcome);
    if (err != LODE_OK) {
        goto close_fd;
    }
    lode_stdio_guard_begin(&guard); /* nng opens some of its own */
    err = lode_link_dial(welcome.endpoint, &events, &rendezvous->link);
    lode_stdio_guard_end(&guard);
    if (err != LODE_OK) {
        goto close_fd;
    }
    err = start_watching(rendezvous);
    if (err != LODE_OK) {
        goto close_link;
    }
    *rendezvous_out = rendezvous;
    return LODE_OK;

close_link:
    lode_link_close(rendezvous->link);
close_fd:
    close(rendezvous->fd);
free_it:
    free(rendezvous);
    return err;
}

struct lode_link *
lode_rendezvous_link(struct lode_rendezvous *rendezvous)
{
    return rendezvous->link;
}

void
lode_rendezvous_close(struct lode_rendezvous *rendezvous)
{
    if (rendezvous == NULL) {
        return;
    }
    atomic_store(&rendezvous->closing, true);
    shutdown(rendezvous->fd, SHUT_RDWR);
    pthread_join(rendezvous->watcher, NULL);
    lode_link_close(rendezvous->link);
    close(rendezvous->fd);
    free(rendezvous);
}

void
lode_rendezvous_forked(struct lode_rendezvous *rendezvous)
{
    if (rendezvous != NULL) {
        close(rendezvous->fd);
        rendezvous->fd = -1;
    }
}
