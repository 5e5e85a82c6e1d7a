#include "scheduler/pool/workers.h"

#include "api/base/fail.h"
#include "api/base/hash.h"
#include "api/base/log.h"
#include "api/layout/taken_output.h"
#include "api/system/socket.h"
#include "api/wire/supervisor_msg.h"
#include "scheduler/pool/pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

struct pool_worker {
    uint32_t number;
    int64_t pid;
    struct workers *workers;
    struct pool_output output;
    bool has_own_pipe; /* it has sent one: the supervisor's is of no use */
    struct lode_worker_page *page;
    UT_hash_handle hh;
};

/* A packet that waits for the supervisor's socket. */
struct letter {
    STAILQ_ENTRY(letter) entry;
    struct lode_supervisor_packet packet;
    int fd; /* to pass along; -1: none */
};

struct workers {
    struct loop_source socket;
    struct loop *loop;
    struct drive *drive;
    struct pipes *pipes;
    void (*lost)(void *arg);
    void *arg;
    struct pool_worker *by_number;
    STAILQ_HEAD(, letter) letters;
    uint32_t letter_count;
};

static struct pool_worker *
find_worker(struct workers *workers, uint32_t number)
{
    struct pool_worker *worker;
    HASH_FIND(hh, workers->by_number, &number, sizeof number, worker);
    return worker;
}

/* ---- output ------------------------------------------------------------------------------- */

bool
workers_read_output(struct workers *workers)
{
    bool is_all = true;
    for (struct pool_worker *worker = workers->by_number; worker != NULL;
         worker = worker->hh.next) {
        is_all = pipes_read(&worker->output) && is_all;
    }
    return is_all;
}

bool
workers_read_again(struct workers *workers, const struct core_action *errand)
{
    return pipes_ask_again(workers->pipes, errand);
}

/* Its process may have been started by a worker's task: the pid tells. */
bool
workers_take_pipe(struct workers *workers, uint32_t number, int64_t pid, uint64_t program, int fd)
{
    struct pool_worker *worker = find_worker(workers, number);
    if (worker == NULL || (worker->pid != 0 && worker->pid != pid)) {
        return false;
    }
    worker->has_own_pipe = true;
    pipes_take(&worker->output, program, fd);
    return true;
}

/* ---- the page ----------------------------------------------------------------------------- */

static lode_err
make_page(int *fd_out, struct lode_worker_page **page_out)
{
    int fd = memfd_create("lode-worker-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *page = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, LODE_WORKER_SHARED_BYTES) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0) {
        page = mmap(NULL, LODE_WORKER_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (page == MAP_FAILED) {
        lode_err err = lode_fail_errno("cannot make a worker's shared page");
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    ((struct lode_worker_page *)page)->magic = LODE_WORKER_PAGE_MAGIC;
    *fd_out = fd;
    *page_out = page;
    return LODE_OK;
}

static void
forget_worker(struct pool_worker *worker)
{
    struct workers *workers = worker->workers;
    pipes_end(&worker->output);
    munmap(worker->page, LODE_WORKER_SHARED_BYTES);
    HASH_DEL(workers->by_number, worker);
    free(worker);
}

/* ---- packets to the supervisor ------------------------------------------------------------ */

static lode_err
send_packet(struct workers *workers, const struct lode_supervisor_packet *packet, int fd)
{
    return lode_socket_send(workers->socket.fd, packet, sizeof *packet, NULL, 0, &fd, fd >= 0);
}

static void
send_letters(struct workers *workers)
{
    struct letter *letter;
    while ((letter = STAILQ_FIRST(&workers->letters)) != NULL) {
        if (send_packet(workers, &letter->packet, letter->fd) == LODE_EAGAIN) {
            return;
        }
        STAILQ_REMOVE_HEAD(&workers->letters, entry);
        workers->letter_count--;
        if (letter->fd >= 0) {
            close(letter->fd);
        }
        free(letter);
    }
    loop_change(workers->loop, &workers->socket, EPOLLIN);
}

/* Takes `fd` over (-1: none). An end of the supervisor is noticed where packets are read. */
static lode_err
tell_supervisor(struct workers *workers, const struct lode_supervisor_packet *packet, int fd)
{
    struct letter *letter;
    lode_err err = LODE_EAGAIN;
    if (STAILQ_EMPTY(&workers->letters)) {
        err = send_packet(workers, packet, fd);
    }
    if (err == LODE_EAGAIN && workers->letter_count >= WORKERS_PACKETS_MAX) {
        err = lode_fail_with(LODE_ELIMIT, "the supervisor does not read what it is told");
    }
    if (err != LODE_EAGAIN || (letter = malloc(sizeof *letter)) == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return err == LODE_EAGAIN ? lode_fail_with(LODE_ENOMEM, "no memory for a packet") : err;
    }
    *letter = (struct letter){.packet = *packet, .fd = fd};
    STAILQ_INSERT_TAIL(&workers->letters, letter, entry);
    workers->letter_count++;
    loop_change(workers->loop, &workers->socket, EPOLLIN | EPOLLOUT);
    return LODE_OK;
}

static void
say_spawned(struct workers *workers, uint32_t number, lode_err err, int64_t pid)
{
    struct core_event event = {.type = CORE_SPAWNED,
                               .u.spawned = {.worker = number, .err = (uint32_t)err, .pid = pid}};
    drive_step(workers->drive, &event);
}

static lode_err
ask_for(struct workers *workers, struct pool_worker *worker)
{
    const struct lode_supervisor_packet packet = {.type = LODE_SUPERVISOR_SPAWN,
                                                  .worker = worker->number};
    int fd;
    if (workers->socket.fd < 0) {
        return lode_fail_with(LODE_EDOWN, "there is no supervisor to start workers");
    }
    LODE_TRY(make_page(&fd, &worker->page));
    worker->output = (struct pool_output){
        .pipes = workers->pipes, .number = &worker->number, .page = worker->page};
    HASH_ADD(hh, workers->by_number, number, sizeof worker->number, worker);
    if (!hash_has(hh, worker)) {
        close(fd);
        munmap(worker->page, LODE_WORKER_SHARED_BYTES);
        return lode_fail_with(LODE_ENOMEM, "no memory for a worker");
    }
    lode_err err = tell_supervisor(workers, &packet, fd);
    if (err != LODE_OK) {
        HASH_DEL(workers->by_number, worker);
        munmap(worker->page, LODE_WORKER_SHARED_BYTES);
    }
    return err;
}

void
workers_spawn(struct workers *workers, uint32_t number)
{
    struct pool_worker *worker = calloc(1, sizeof *worker);
    lode_err err = LODE_OK;
    if (worker == NULL) {
        err = lode_fail_with(LODE_ENOMEM, "no memory for a worker");
    } else {
        *worker = (struct pool_worker){.number = number, .workers = workers};
        err = ask_for(workers, worker);
    }
    if (err != LODE_OK) {
        lode_log("WORKER-NOT-STARTED", "worker %u: %s", number, lode_last_error());
        free(worker);
        say_spawned(workers, number, err, 0);
    }
}

void
workers_kill(struct workers *workers, uint32_t number, int signal)
{
    const struct lode_supervisor_packet packet = {
        .type = LODE_SUPERVISOR_KILL, .worker = number, .signal = signal};
    if (find_worker(workers, number) != NULL && tell_supervisor(workers, &packet, -1) != LODE_OK) {
        lode_log("WORKER-NOT-KILLED", "worker %u: %s", number, lode_last_error());
    }
}

/* ---- packets from the supervisor ---------------------------------------------------------- */

static void
spawned(struct workers *workers, const struct lode_supervisor_packet *packet, const int *fds,
        size_t fd_count)
{
    struct pool_worker *worker = find_worker(workers, packet->worker);
    bool makes_sense = packet->err != LODE_OK || packet->pid > 0;
    if (worker == NULL || worker->pid != 0 || !makes_sense) {
        lode_socket_close_fds(fds, fd_count);
        return;
    }
    if (packet->err != LODE_OK) {
        lode_socket_close_fds(fds, fd_count);
        forget_worker(worker);
        say_spawned(workers, packet->worker, (lode_err)packet->err, 0);
        return;
    }
    worker->pid = packet->pid;
    if (fd_count > 0) {
        close(fds[0]); /* its pidfd: the supervisor tells of its end */
    }
    if (fd_count > 1 && !worker->has_own_pipe) {
        pipes_take(&worker->output, 0, fds[1]);
    } else if (fd_count > 1) {
        close(fds[1]);
    }
    say_spawned(workers, packet->worker, LODE_OK, packet->pid);
}

/* Reads the worker's last lines first: they belong to the task that it had. */
static void
exited(struct workers *workers, const struct lode_supervisor_packet *packet)
{
    struct pool_worker *worker = find_worker(workers, packet->worker);
    struct lode_worker_page page;
    if (worker == NULL) {
        return;
    }
    pipes_end(&worker->output);
    memcpy(&page, worker->page, sizeof page);
    struct core_event event = {
        .type = CORE_EXITED,
        .u.exited = {.worker = packet->worker, .status = packet->status, .page = &page}};
    drive_step(workers->drive, &event);
    forget_worker(worker);
}

static void
supervisor_ready(struct loop_source *source, uint32_t events)
{
    struct workers *workers = CONTAINER_OF(source, struct workers, socket);
    struct lode_supervisor_packet packet;
    int fds[LODE_SOCKET_FDS_MAX];
    size_t size, fd_count = 0;
    if (events & EPOLLOUT) {
        send_letters(workers);
    }
    lode_err err = lode_socket_receive(source->fd, MSG_DONTWAIT, &packet, sizeof packet, &size, fds,
                                       &fd_count);
    if (err == LODE_EAGAIN) {
        return;
    }
    if (err == LODE_ELIMIT) {
        lode_log("WORKER-OUTPUT", "worker %u: what it prints is lost: %s", packet.worker,
                 lode_last_error());
        err = LODE_OK;
    }
    if (err != LODE_OK) {
        lode_log("SUPERVISOR-LOST", "%s", lode_last_error());
        workers->lost(workers->arg);
        return;
    }
    if (size == sizeof packet && packet.type == LODE_SUPERVISOR_SPAWNED) {
        spawned(workers, &packet, fds, fd_count);
        return;
    }
    lode_socket_close_fds(fds, fd_count);
    if (size == sizeof packet && packet.type == LODE_SUPERVISOR_EXITED) {
        exited(workers, &packet);
    } else {
        lode_log("SUPERVISOR-PACKET", "a packet of %zu bytes makes no sense", size);
    }
}

lode_err
workers_open(int supervisor_fd, struct loop *loop, struct drive *drive, void (*lost)(void *arg),
             void *arg, struct workers **workers_out)
{
    struct workers *workers = calloc(1, sizeof *workers);
    if (workers == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the worker table");
    }
    *workers = (struct workers){.socket = {supervisor_fd, supervisor_ready},
                                .loop = loop,
                                .drive = drive,
                                .lost = lost,
                                .arg = arg};
    STAILQ_INIT(&workers->letters);
    lode_err err = pipes_open(loop, drive, &workers->pipes);
    if (err == LODE_OK && supervisor_fd >= 0) {
        (void)fcntl(supervisor_fd, F_SETFD, FD_CLOEXEC);
        (void)fcntl(supervisor_fd, F_SETFL, O_NONBLOCK);
        err = loop_add(loop, &workers->socket, EPOLLIN);
    }
    if (err != LODE_OK) {
        pipes_close(workers->pipes);
        free(workers);
        return err;
    }
    *workers_out = workers;
    return LODE_OK;
}
