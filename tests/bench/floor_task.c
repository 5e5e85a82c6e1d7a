/*
 * The skeleton of a task: see floor.h. Every process but the third one uses nng as lode does: PAIR0
 * over ipc, an aio at each end, work done in the callback. nng cannot be used on both sides of a
 * fork, so no process uses it before it has forked: the client of the skeleton is a child too.
 */
#include "tests/bench/floor_private.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/base/futex.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 96 };

struct skeleton {
    _Alignas(64) _Atomic uint32_t up;     /* how many sides are connected */
    _Alignas(64) _Atomic uint32_t result; /* the client sleeps on it */
    _Alignas(64) _Atomic uint32_t work;   /* the worker's main thread sleeps on it */
    char to_client[64], to_worker[64];    /* endpoints */
    int store_client[2], store_worker[2]; /* packets to the third process */
    int rounds;
    double us[];
};

/* One end of a PAIR0: receives for ever, sends what it is told. */
struct end {
    nng_socket socket;
    nng_aio *receive, *send;
    void (*received)(struct end *end);
    void *arg;
    _Atomic bool sending;
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
on_receive(void *arg)
{
    struct end *end = arg;
    if (nng_aio_result(end->receive) != 0) {
        return;
    }
    nng_msg_free(nng_aio_get_msg(end->receive));
    end->received(end);
    nng_recv_aio(end->socket, end->receive);
}

static void
on_sent(void *arg)
{
    struct end *end = arg;
    if (nng_aio_result(end->send) != 0) {
        nng_msg_free(nng_aio_get_msg(end->send));
    }
    atomic_store(&end->sending, false);
}

static void
end_send(struct end *end)
{
    nng_msg *message;
    /* The answer may overtake the completion of the send: rarely, and shortly. */
    while (atomic_exchange(&end->sending, true)) {
        sched_yield();
    }
    must(nng_msg_alloc(&message, MESSAGE_BYTES));
    nng_aio_set_msg(end->send, message);
    nng_send_aio(end->socket, end->send);
}

static void
on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    (void)pipe;
    (void)event;
    floor_bump(arg);
}

static void
end_open(struct end *end, const char *url, bool listen, struct skeleton *skeleton,
         void (*received)(struct end *end), void *arg)
{
    *end = (struct end){.received = received, .arg = arg};
    must(nng_pair0_open(&end->socket));
    must(nng_aio_alloc(&end->receive, on_receive, end));
    must(nng_aio_alloc(&end->send, on_sent, end));
    must(nng_pipe_notify(end->socket, NNG_PIPE_EV_ADD_POST, on_pipe, &skeleton->up));
    must(listen ? nng_listen(end->socket, url, NULL, 0)
                : nng_dial(end->socket, url, NULL, NNG_FLAG_NONBLOCK));
    nng_recv_aio(end->socket, end->receive);
}

static void
sleep_for_ever(void)
{
    for (;;) {
        pause();
    }
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
    end_open(&worker, skeleton->to_worker, true, skeleton, done_arrived, NULL);
    end_open(&client, skeleton->to_client, true, skeleton, dispatch, &worker);
    sleep_for_ever();
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
    end_open(&dispatcher, skeleton->to_worker, false, skeleton, work_arrived, skeleton);
    for (uint32_t seen = 0;; seen++) {
        floor_wait_change(&skeleton->work, seen);
        LODE_ASSERT(send(skeleton->store_worker[0], "d", 1, 0) == 1);
        end_send(&dispatcher);
    }
}

/* ---- the third process ---- */

static void
third_main(void *arg)
{
    struct skeleton *skeleton = arg;
    int poll_fd = epoll_create1(0);
    char packet[64];
    struct epoll_event events[2] = {
        {.events = EPOLLIN, .data.fd = skeleton->store_client[1]},
        {.events = EPOLLIN, .data.fd = skeleton->store_worker[1]},
    };
    for (int i = 0; i < 2; i++) {
        LODE_ASSERT(epoll_ctl(poll_fd, EPOLL_CTL_ADD, events[i].data.fd, &events[i]) == 0);
    }
    for (;;) {
        int n = epoll_wait(poll_fd, events, 2, -1);
        for (int i = 0; i < n; i++) {
            ssize_t got = recv(events[i].data.fd, packet, sizeof packet, 0);
            if (got == 1) {
                floor_bump(&skeleton->result);
            }
        }
    }
}

/* ---- client ---- */

static void
client_main(void *arg)
{
    struct skeleton *skeleton = arg;
    struct end dispatcher;
    char wait[40] = {0};
    end_open(&dispatcher, skeleton->to_client, false, skeleton, done_arrived, NULL);
    for (uint32_t up; (up = atomic_load(&skeleton->up)) < 4;) {
        floor_wait_change(&skeleton->up, up);
    }
    for (int i = -skeleton->rounds / 10; i < skeleton->rounds; i++) {
        int64_t start = lode_now_ns();
        uint32_t seen = atomic_load_explicit(&skeleton->result, memory_order_relaxed);
        end_send(&dispatcher);
        LODE_ASSERT(send(skeleton->store_client[0], wait, sizeof wait, 0) == sizeof wait);
        floor_wait_change(&skeleton->result, seen);
        if (i >= 0) {
            skeleton->us[i] = (double)(lode_now_ns() - start) / 1e3;
        }
    }
}

struct floor_latency
floor_task_skeleton(int rounds)
{
    size_t size = sizeof(struct skeleton) + (size_t)rounds * sizeof(double);
    struct skeleton *skeleton = floor_shared(size);
    char directory[] = "/tmp/lode-floor-XXXXXX";
    LODE_ASSERT(mkdtemp(directory) != NULL);
    snprintf(skeleton->to_client, sizeof skeleton->to_client, "ipc://%s/c", directory);
    snprintf(skeleton->to_worker, sizeof skeleton->to_worker, "ipc://%s/w", directory);
    skeleton->rounds = rounds;
    LODE_ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, skeleton->store_client) == 0);
    LODE_ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, skeleton->store_worker) == 0);
    pid_t others[] = {floor_child(third_main, skeleton), floor_child(dispatcher_main, skeleton),
                      floor_child(worker_main, skeleton)};
    pid_t client = floor_child(client_main, skeleton);
    int status;
    LODE_ASSERT(waitpid(client, &status, 0) == client);
    LODE_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct floor_latency result = floor_summarise(skeleton->us, rounds);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        floor_end_child(others[i]);
    }
    for (int i = 0; i < 2; i++) {
        close(skeleton->store_client[i]);
        close(skeleton->store_worker[i]);
    }
    unlink(skeleton->to_client + strlen("ipc://"));
    unlink(skeleton->to_worker + strlen("ipc://"));
    rmdir(directory);
    munmap(skeleton, size);
    return result;
}
