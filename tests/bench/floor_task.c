/*
 * The skeleton of a task: see floor.h. Every process but the third one uses nng as lode's links do,
 * over ipc byte streams (api/wire/link.h says why). What arrives is handled in the callback; what
 * is sent is written by the sender itself. nng cannot be used on both sides of a fork, so no
 * process uses it before it has forked. That is why the client of the skeleton is a child, too.
 */
#include "tests/bench/floor_private.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/system/futex.h"

#include <nng/nng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 96, LISTENING = 2, CONNECTED = 4, OTHERS = 3 };

struct skeleton {
    _Alignas(64) _Atomic uint32_t up;     /* listeners, then also streams that are connected */
    _Alignas(64) _Atomic uint32_t result; /* the client sleeps on it */
    _Alignas(64) _Atomic uint32_t work;   /* the worker's main thread sleeps on it */
    char to_client[64], to_worker[64];    /* endpoints */
    int client_bell, worker_bell;         /* eventfds of the third process */
    int orders[2]; /* a pair of sockets: here the client is told how many rounds to do, and says
                      when they are done */
    char directory[32];
    pid_t client, others[OTHERS];
    int rounds_max;
    double us[];
};

/* One end of a stream: receives for ever, sends what it is told. */
struct end {
    nng_stream *stream;
    nng_aio *receive, *send; /* sending has no callback */
    void (*received)(struct end *end);
    void *arg;
    size_t got;
    char in[MESSAGE_BYTES], out[MESSAGE_BYTES];
};

static void
must(int result)
{
    if (result != 0) {
        fprintf(stderr, "skeleton: %s\n", nng_strerror(result));
        abort();
    }
}

static void
end_receive(struct end *end)
{
    nng_iov rest = {end->in + end->got, MESSAGE_BYTES - end->got};
    must(nng_aio_set_iov(end->receive, 1, &rest));
    nng_stream_recv(end->stream, end->receive);
}

static void
on_receive(void *arg)
{
    struct end *end = arg;
    if (nng_aio_result(end->receive) != 0) {
        return;
    }
    end->got += nng_aio_count(end->receive);
    if (end->got == MESSAGE_BYTES) {
        end->got = 0;
        end->received(end);
    }
    end_receive(end);
}

/* The socket has room for it: it is written when this returns, and no other thread wakes up. */
static void
end_send(struct end *end)
{
    nng_iov all = {end->out, MESSAGE_BYTES};
    must(nng_aio_set_iov(end->send, 1, &all));
    nng_stream_send(end->stream, end->send);
    nng_aio_wait(end->send);
    must(nng_aio_result(end->send));
    LODE_ASSERT(nng_aio_count(end->send) == MESSAGE_BYTES);
}

/* Takes over the stream that `connected`, an accept or a dial, has brought. */
static void
end_open(struct end *end, nng_aio *connected, struct skeleton *skeleton,
         void (*received)(struct end *end), void *arg)
{
    nng_aio_wait(connected);
    must(nng_aio_result(connected));
    *end =
        (struct end){.stream = nng_aio_get_output(connected, 0), .received = received, .arg = arg};
    must(nng_aio_alloc(&end->receive, on_receive, end));
    must(nng_aio_alloc(&end->send, NULL, NULL));
    end_receive(end);
    floor_bump(&skeleton->up);
}

static nng_aio *
begin_accept(const char *url, struct skeleton *skeleton)
{
    nng_stream_listener *listener;
    nng_aio *accepted;
    must(nng_aio_alloc(&accepted, NULL, NULL));
    must(nng_stream_listener_alloc(&listener, url));
    must(nng_stream_listener_listen(listener));
    nng_stream_listener_accept(listener, accepted);
    floor_bump(&skeleton->up);
    return accepted;
}

static void
await_up(struct skeleton *skeleton, uint32_t count)
{
    for (uint32_t up; (up = atomic_load(&skeleton->up)) < count;) {
        floor_wait_change(&skeleton->up, up);
    }
}

static void
end_dial(struct end *end, const char *url, struct skeleton *skeleton,
         void (*received)(struct end *end))
{
    nng_stream_dialer *dialer;
    nng_aio *dialed;
    await_up(skeleton, LISTENING);
    must(nng_aio_alloc(&dialed, NULL, NULL));
    must(nng_stream_dialer_alloc(&dialer, url));
    nng_stream_dialer_dial(dialer, dialed);
    end_open(end, dialed, skeleton, received, skeleton);
}

/* ---- dispatcher ---- */

static void
dispatch(struct end *end)
{
    end_send(end->arg);
}

static void
done_arrived(struct end *end)
{
    (void)end;
}

static void
dispatcher_main(void *arg)
{
    struct skeleton *skeleton = arg;
    struct end client, worker;
    nng_aio *worker_comes = begin_accept(skeleton->to_worker, skeleton);
    nng_aio *client_comes = begin_accept(skeleton->to_client, skeleton);
    end_open(&worker, worker_comes, skeleton, done_arrived, NULL);
    end_open(&client, client_comes, skeleton, dispatch, &worker);
    for (;;) {
        pause();
    }
}

static void
ring(int bell)
{
    static const uint64_t ONCE = 1;
    LODE_ASSERT(write(bell, &ONCE, sizeof ONCE) == sizeof ONCE);
}

/* ---- worker ---- */

static void
work_arrived(struct end *end)
{
    struct skeleton *skeleton = end->arg;
    floor_bump(&skeleton->work);
}

static void
worker_main(void *arg)
{
    struct skeleton *skeleton = arg;
    struct end dispatcher;
    end_dial(&dispatcher, skeleton->to_worker, skeleton, work_arrived);
    for (uint32_t seen = 0;; seen++) {
        floor_wait_change(&skeleton->work, seen);
        ring(skeleton->worker_bell);
        end_send(&dispatcher);
    }
}

/* ---- the third process ---- */

static void
third_main(void *arg)
{
    struct skeleton *skeleton = arg;
    int poll_fd = epoll_create1(0);
    struct epoll_event events[2] = {
        {.events = EPOLLIN | EPOLLET, .data.fd = skeleton->client_bell},
        {.events = EPOLLIN | EPOLLET, .data.fd = skeleton->worker_bell},
    };
    for (int i = 0; i < 2; i++) {
        LODE_ASSERT(epoll_ctl(poll_fd, EPOLL_CTL_ADD, events[i].data.fd, &events[i]) == 0);
    }
    for (;;) {
        int n = epoll_wait(poll_fd, events, 2, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == skeleton->worker_bell) {
                floor_bump(&skeleton->result);
            }
        }
    }
}

/* ---- client ---- */

static void
do_rounds(struct skeleton *skeleton, struct end *dispatcher, int rounds)
{
    for (int i = -rounds / 10; i < rounds; i++) {
        int64_t start = lode_now_ns();
        uint32_t seen = atomic_load_explicit(&skeleton->result, memory_order_relaxed);
        end_send(dispatcher);
        ring(skeleton->client_bell);
        floor_wait_change(&skeleton->result, seen);
        if (i >= 0) {
            skeleton->us[i] = (double)(lode_now_ns() - start) / 1e3;
        }
    }
}

static void
client_main(void *arg)
{
    struct skeleton *skeleton = arg;
    struct end dispatcher;
    int rounds;
    end_dial(&dispatcher, skeleton->to_client, skeleton, done_arrived);
    await_up(skeleton, LISTENING + CONNECTED);
    while (read(skeleton->orders[1], &rounds, sizeof rounds) == sizeof rounds) {
        do_rounds(skeleton, &dispatcher, rounds);
        LODE_ASSERT(write(skeleton->orders[1], &rounds, sizeof rounds) == sizeof rounds);
    }
}

struct skeleton *
floor_skeleton_begin(int rounds_max)
{
    struct skeleton *skeleton =
        floor_shared(sizeof(struct skeleton) + (size_t)rounds_max * sizeof(double));
    strcpy(skeleton->directory, "/tmp/lode-floor-XXXXXX");
    LODE_ASSERT(mkdtemp(skeleton->directory) != NULL);
    snprintf(skeleton->to_client, sizeof skeleton->to_client, "ipc://%s/c", skeleton->directory);
    snprintf(skeleton->to_worker, sizeof skeleton->to_worker, "ipc://%s/w", skeleton->directory);
    skeleton->rounds_max = rounds_max;
    skeleton->client_bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    skeleton->worker_bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    LODE_ASSERT(skeleton->client_bell >= 0 && skeleton->worker_bell >= 0);
    skeleton->others[0] = floor_child(third_main, skeleton);
    skeleton->others[1] = floor_child(dispatcher_main, skeleton);
    skeleton->others[2] = floor_child(worker_main, skeleton);
    LODE_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, skeleton->orders) == 0);
    skeleton->client = floor_child(client_main, skeleton);
    close(skeleton->orders[1]); /* so that a client which dies is heard of */
    return skeleton;
}

void
floor_skeleton_run(struct skeleton *skeleton, int rounds, double *us_out)
{
    int done;
    LODE_ASSERT(rounds <= skeleton->rounds_max);
    LODE_ASSERT(write(skeleton->orders[0], &rounds, sizeof rounds) == sizeof rounds);
    LODE_ASSERT(read(skeleton->orders[0], &done, sizeof done) == sizeof done);
    memcpy(us_out, skeleton->us, (size_t)rounds * sizeof us_out[0]);
}

void
floor_skeleton_end(struct skeleton *skeleton)
{
    floor_end_child(skeleton->client);
    for (int i = 0; i < OTHERS; i++) {
        floor_end_child(skeleton->others[i]);
    }
    close(skeleton->orders[0]);
    close(skeleton->client_bell);
    close(skeleton->worker_bell);
    unlink(skeleton->to_client + strlen("ipc://"));
    unlink(skeleton->to_worker + strlen("ipc://"));
    rmdir(skeleton->directory);
    munmap(skeleton, sizeof *skeleton + (size_t)skeleton->rounds_max * sizeof(double));
}
