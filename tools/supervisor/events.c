#include "tools/supervisor/events.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/base/log.h"
#include "api/cluster/files.h"
#include "api/system/socket.h"
#include "api/wire/supervisor_msg.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PACKETS_AT_ONCE = 256, IMPATIENT_NS = 1000000000 };

/* A scheduler that cannot be talked to is of no use: its workers end, and it is replaced. */
static void
give_up_scheduler(struct supervisor *s, lode_err err)
{
    if (!s->scheduler.told && s->scheduler.pid != 0) {
        if (err != LODE_EDOWN) {
            lode_log("SUPERVISOR-SCHEDULER-CUT", "%s", lode_last_error());
        }
        kill(s->scheduler.pid, SIGKILL);
    }
    supervisor_hang_up(s);
    workers_kill_all(&s->workers);
}

/* ---- packets ------------------------------------------------------------------------------ */

static lode_err
obey(struct supervisor *s, const struct lode_supervisor_packet *packet, const int *fds,
     size_t fd_count, bool lost)
{
    switch (packet->type) {
    case LODE_SUPERVISOR_SPAWN:
        if (!lost && fd_count != 1) {
            return lode_fail_with(LODE_EPROTO, "SPAWN came with %zu descriptors, not 1", fd_count);
        }
        return workers_spawn(&s->workers, packet->worker, lost ? -1 : fds[0]);
    case LODE_SUPERVISOR_KILL:
        if (packet->signal < 1 || packet->signal > SIGRTMAX) {
            return lode_fail_with(LODE_EPROTO, "KILL with signal %d", (int)packet->signal);
        }
        workers_signal(&s->workers, packet->worker, packet->signal);
        return LODE_OK;
    default:
        return lode_fail_with(LODE_EPROTO, "a packet of type %u", packet->type);
    }
}

static lode_err
receive_one(struct supervisor *s)
{
    struct lode_supervisor_packet packet;
    int fds[LODE_SOCKET_FDS_MAX];
    size_t size = 0, fd_count = 0;
    lode_err err = lode_socket_receive(s->scheduler_fd, MSG_DONTWAIT, &packet, sizeof packet, &size,
                                       fds, &fd_count);
    bool lost = err == LODE_ELIMIT;
    if (err != LODE_OK && !lost) {
        return err;
    }
    err = size == sizeof packet
              ? obey(s, &packet, fds, fd_count, lost)
              : lode_fail_with(LODE_EPROTO, "a packet of %zu bytes, not %zu", size, sizeof packet);
    for (size_t i = 0; i < fd_count; i++) {
        close(fds[i]);
    }
    return err;
}

static void
receive_packets(struct supervisor *s)
{
    for (int i = 0; i < PACKETS_AT_ONCE && s->scheduler_fd >= 0; i++) {
        lode_err err = receive_one(s);
        if (err == LODE_EAGAIN) {
            return;
        }
        if (err != LODE_OK) {
            give_up_scheduler(s, err);
        }
    }
}

static void
watch_for_room(struct supervisor *s, bool full)
{
    struct epoll_event wanted = {.events = full ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                 .data.u32 = SUPERVISOR_PACKETS};
    epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->scheduler_fd, &wanted);
    s->scheduler_full = full;
}

void
events_report(struct supervisor *s)
{
    if (s->scheduler_fd < 0) {
        workers_forget_ended(&s->workers);
        return;
    }
    lode_err err = workers_report(&s->workers, s->scheduler_fd);
    if (err != LODE_OK && err != LODE_EAGAIN) {
        give_up_scheduler(s, err);
        return;
    }
    if (s->scheduler_full != (err == LODE_EAGAIN)) {
        watch_for_room(s, err == LODE_EAGAIN);
    }
}

/* ---- signals and ends --------------------------------------------------------------------- */

/*
 * On the stderr of the program that the private cluster belongs to, unlike all else that is logged.
 * Where there is no log, the program has that on its stderr, too.
 */
static void
tell_program(const struct supervisor *s, const struct service *service, pid_t pid, const char *end)
{
    char log[LODE_PATH_MAX + sizeof LODE_FILE_PRIVATE_LOG + 1];
    snprintf(log, sizeof log, "%s/%s", s->paths.logs, LODE_FILE_PRIVATE_LOG);
    bool has_log = access(log, F_OK) == 0;
    lode_log_plain("lode: %s (pid %d) of the private cluster %s%s%s%s", service->name, (int)pid,
                   end, service == &s->store ? ", and the cluster ends with it" : "",
                   has_log ? ": see " : "", has_log ? log : "");
}

static void
note_daemon_end(struct supervisor *s, struct service *service, int status)
{
    char end[80];
    pid_t pid = service->pid;
    service_reaped(service, status, lode_now_ns());
    if (service->lost && (s->was_up || !s->options->is_private)) { /* else the program is told */
        lode_log(service == &s->store ? "SUPERVISOR-STORE-LOST" : "SUPERVISOR-SCHEDULER-LOST",
                 "%s (pid %d) %s", service->name, (int)pid,
                 service_describe_end(status, end, sizeof end));
        if (s->options->is_private) {
            tell_program(s, service, pid, end);
        }
    }
}

/* Looks first and reaps after, so that a pid means the same process all the while. */
static void
reap_all(struct supervisor *s)
{
    for (;;) {
        siginfo_t info = {0};
        int status = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
            return;
        }
        bool is_worker = workers_ending(&s->workers, info.si_pid);
        waitpid(info.si_pid, &status, 0);
        if (is_worker) {
            workers_reaped(&s->workers, info.si_pid, status);
        } else if (info.si_pid == s->store.pid) {
            note_daemon_end(s, &s->store, status);
        } else if (info.si_pid == s->scheduler.pid) {
            note_daemon_end(s, &s->scheduler, status);
            supervisor_hang_up(s);
        }
    }
}

static void
kill_at_once(struct supervisor *s)
{
    workers_kill_all(&s->workers);
    if (s->scheduler.pid != 0) {
        kill(s->scheduler.pid, SIGKILL);
    }
    if (s->store.pid != 0) {
        kill(s->store.pid, SIGKILL);
    }
    s->is_hurried = true;
}

static void
take_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            continue;
        }
        /* timeout(1) and service managers signal the process and its group: that is one wish. */
        if (s->stopping && lode_now_ns() - s->stop_ns > IMPATIENT_NS) {
            kill_at_once(s);
        }
        supervisor_stop(s);
    }
    /* SIGCHLDs merge: whichever signal it was, look for all that have ended. */
    reap_all(s);
}

static void
take_program(struct supervisor *s)
{
    char nothing[64];
    ssize_t got = read(s->program_fd, nothing, sizeof nothing);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close(s->program_fd);
        s->program_fd = -1;
        supervisor_stop(s);
    }
}

/* A program that ends may remove the directory of its cluster: that must succeed. */
static void
take_removed(struct supervisor *s)
{
    int old_fd = -1;
    struct pollfd program = {.fd = s->program_fd, .events = POLLIN};
    if (poll(&program, 1, 0) > 0) { /* not, if there is none: -1 */
        take_program(s);
    }
    if (s->stopping) {
        lode_presence_unwatch(&s->presence);
    } else {
        lode_presence_restore(&s->presence, &old_fd);
    }
}

static void
take_store_ready(struct supervisor *s)
{
    struct lode_supervisor_packet packet = {.type = LODE_SUPERVISOR_STORE_READY};
    if (!service_read_ready(&s->store) || s->scheduler_fd < 0) {
        return;
    }
    lode_err err = lode_socket_send(s->scheduler_fd, &packet, sizeof packet, NULL, 0, NULL, 0);
    if (err != LODE_OK) {
        give_up_scheduler(s, err);
    }
}

void
events_take(struct supervisor *s, enum supervisor_event event)
{
    uint64_t expirations;
    switch (event) {
    case SUPERVISOR_SIGNALS:
        take_signals(s);
        break;
    case SUPERVISOR_TIMER:
        if (read(s->timer, &expirations, sizeof expirations) < 0) {
            return; /* set anew meanwhile */
        }
        break;
    case SUPERVISOR_PROGRAM:
        if (s->program_fd >= 0) {
            take_program(s);
        }
        break;
    case SUPERVISOR_REMOVED:
        take_removed(s);
        break;
    case SUPERVISOR_PACKETS:
        receive_packets(s);
        break;
    case SUPERVISOR_STORE_READY:
        if (s->store.ready_fd >= 0) {
            take_store_ready(s);
        }
        break;
    case SUPERVISOR_SCHEDULER_READY:
        if (s->scheduler.ready_fd >= 0) {
            service_read_ready(&s->scheduler);
        }
        break;
    }
}
