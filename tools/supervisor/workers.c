#include "tools/supervisor/workers.h"

#include "api/base/fail.h"
#include "api/base/log.h"
#include "api/system/socket.h"
#include "api/wire/supervisor_msg.h"
#include "tools/supervisor/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { OOM_SCORE_RAISE = 300 };

void
workers_init(struct worker_processes *workers, const char *program, const char *dir, int lifeline)
{
    memset(workers, 0, sizeof *workers);
    LIST_INIT(&workers->list);
    workers->program = program;
    workers->dir = dir;
    workers->lifeline = lifeline;
}

static struct worker_process *
find_number(struct worker_processes *workers, uint32_t number)
{
    struct worker_process *worker;
    LIST_FOREACH(worker, &workers->list, link)
    {
        if (worker->number == number) {
            return worker;
        }
    }
    return NULL;
}

static struct worker_process *
find_pid(struct worker_processes *workers, pid_t pid)
{
    struct worker_process *worker;
    LIST_FOREACH(worker, &workers->list, link)
    {
        if (worker->pid == pid && !worker->ended) {
            return worker;
        }
    }
    return NULL;
}

static void
close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void
forget(struct worker_processes *workers, struct worker_process *worker)
{
    LIST_REMOVE(worker, link);
    workers->count--;
    close_fd(&worker->pidfd);
    close_fd(&worker->output);
    free(worker);
}

static lode_err
spawn_process(struct worker_processes *workers, struct worker_process *worker, int page_fd,
              int output)
{
    char number[SPAWN_NUMBER_SIZE], page[SPAWN_NUMBER_SIZE], lifeline[SPAWN_NUMBER_SIZE];
    const char *argv[] = {"lode-worker", "--dir", workers->dir,    "--worker", number,
                          "--page-fd",   page,    "--lifeline-fd", lifeline,   NULL};
    struct spawn_plan plan = {.path = workers->program,
                              .argv = argv,
                              .pass = {page_fd},
                              .pass_count = 1,
                              .lifeline = workers->lifeline,
                              .lifeline_text = lifeline,
                              .output = output,
                              .oom_score_raise = OOM_SCORE_RAISE};
    snprintf(number, sizeof number, "%u", worker->number);
    snprintf(page, sizeof page, "%d", page_fd);
    return spawn_program(&plan, &worker->pid);
}

/* The worker's end stays blocking: a slow reader makes it wait, and no line is lost. */
static lode_err
start(struct worker_processes *workers, struct worker_process *worker, int page_fd)
{
    int ends[2];
    lode_err err;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return lode_fail_errno("cannot make a worker's output pipe");
    }
    worker->output = ends[0];
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        err = lode_fail_errno("cannot make a worker's output pipe");
        goto close_end;
    }
    err = spawn_process(workers, worker, page_fd, ends[1]);
    if (err != LODE_OK) {
        goto close_end;
    }
    workers->running++;
    worker->pidfd = pidfd_open(worker->pid, 0);
    if (worker->pidfd < 0) {
        /* It is reaped and reported as one that was killed. */
        err = lode_fail_errno("cannot open a process");
        kill(worker->pid, SIGKILL);
    }
close_end:
    close(ends[1]);
    return err;
}

lode_err
workers_spawn(struct worker_processes *workers, uint32_t number, int page_fd)
{
    if (workers->count >= WORKERS_MAX) {
        return lode_fail_with(LODE_ELIMIT, "more than %d workers", WORKERS_MAX);
    }
    if (find_number(workers, number) != NULL) {
        return lode_fail_with(LODE_EPROTO, "worker %u is there already", number);
    }
    struct worker_process *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a worker");
    }
    worker->number = number;
    worker->pidfd = worker->output = -1;
    LIST_INSERT_HEAD(&workers->list, worker, link);
    workers->count++;
    lode_err err = page_fd >= 0 ? start(workers, worker, page_fd) : lode_socket_fail_lost();
    if (err != LODE_OK) {
        worker->err = (uint32_t)err;
        worker->ended = worker->pid == 0;
        lode_log("SUPERVISOR-WORKER-NOT-STARTED", "worker %u: %s", number, lode_last_error());
    }
    return LODE_OK;
}

void
workers_signal(struct worker_processes *workers, uint32_t number, int signal)
{
    struct worker_process *worker = find_number(workers, number);
    if (worker != NULL && !worker->ended) {
        /* It is our unreaped child, so the number is still its own. */
        kill(signal == SIGKILL ? -worker->pid : worker->pid, signal);
    }
}

void
workers_kill_all(struct worker_processes *workers)
{
    struct worker_process *worker;
    LIST_FOREACH(worker, &workers->list, link)
    {
        if (!worker->ended) {
            kill(-worker->pid, SIGKILL);
            kill(worker->pid, SIGKILL);
        }
    }
}

bool
workers_ending(struct worker_processes *workers, pid_t pid)
{
    if (find_pid(workers, pid) == NULL) {
        return false;
    }
    /* Unreaped, its number cannot have become another group's. */
    kill(-pid, SIGKILL);
    return true;
}

void
workers_reaped(struct worker_processes *workers, pid_t pid, int status)
{
    struct worker_process *worker = find_pid(workers, pid);
    if (worker != NULL) {
        worker->ended = true;
        worker->status = status;
        workers->running--;
    }
}

static lode_err
tell_spawned(struct worker_process *worker, int scheduler_fd)
{
    struct lode_supervisor_packet packet = {.type = LODE_SUPERVISOR_SPAWNED,
                                            .worker = worker->number,
                                            .pid = worker->pid,
                                            .err = worker->err};
    int fds[] = {worker->pidfd, worker->output};
    LODE_TRY(lode_socket_send(scheduler_fd, &packet, sizeof packet, NULL, 0, fds,
                              worker->err == 0 ? 2 : 0));
    worker->told_spawned = true;
    close_fd(&worker->pidfd);
    return LODE_OK;
}

static lode_err
tell_exited(struct worker_process *worker, int scheduler_fd)
{
    struct lode_supervisor_packet packet = {.type = LODE_SUPERVISOR_EXITED,
                                            .worker = worker->number,
                                            .pid = worker->pid,
                                            .status = worker->status};
    return lode_socket_send(scheduler_fd, &packet, sizeof packet, NULL, 0, NULL, 0);
}

lode_err
workers_report(struct worker_processes *workers, int scheduler_fd)
{
    struct worker_process *worker = LIST_FIRST(&workers->list);
    while (worker != NULL) {
        struct worker_process *next = LIST_NEXT(worker, link);
        if (!worker->told_spawned) {
            LODE_TRY(tell_spawned(worker, scheduler_fd));
        }
        if (worker->ended) {
            if (worker->err == 0) {
                LODE_TRY(tell_exited(worker, scheduler_fd));
            }
            forget(workers, worker);
        }
        worker = next;
    }
    return LODE_OK;
}

void
workers_forget_ended(struct worker_processes *workers)
{
    struct worker_process *worker = LIST_FIRST(&workers->list);
    while (worker != NULL) {
        struct worker_process *next = LIST_NEXT(worker, link);
        if (worker->ended) {
            forget(workers, worker);
        }
        worker = next;
    }
}
