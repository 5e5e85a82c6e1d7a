#include "tools/supervisor/daemons.h"

#include "api/base/fail.h"
#include "api/system/socket.h"
#include "api/wire/supervisor_msg.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static lode_err
start_service(struct supervisor *s, struct service *service, const struct spawn_plan *plan,
              char *ready_text, enum supervisor_event event)
{
    LODE_TRY(service_start(service, plan, ready_text));
    lode_err err = supervisor_watch(s, service->ready_fd, event);
    if (err != LODE_OK) {
        kill(service->pid, SIGKILL);
    }
    return err;
}

lode_err
daemons_start_store(struct supervisor *s)
{
    char lifeline[SPAWN_NUMBER_SIZE], ready[SPAWN_NUMBER_SIZE], shm[SPAWN_NUMBER_SIZE];
    char capacity[24];
    /* clang-format off */
    const char *argv[14] = {"lode-store", "--dir", s->paths.dir, "--lifeline-fd", lifeline,
                            "--ready-fd", ready, "--shm-fd", shm};
    /* clang-format on */
    struct spawn_plan plan = {.path = s->store_program,
                              .argv = argv,
                              .pass = {s->shm_fd},
                              .pass_count = 1,
                              .lifeline = s->lifeline[0],
                              .lifeline_text = lifeline,
                              .output = -1};
    int count = 9;
    snprintf(shm, sizeof shm, "%d", s->shm_fd);
    if (s->options->capacity_bytes != 0) {
        snprintf(capacity, sizeof capacity, "%llu", (unsigned long long)s->options->capacity_bytes);
        argv[count++] = "--capacity";
        argv[count++] = capacity;
    }
    if (s->options->is_private) {
        argv[count++] = "--private";
    }
    return start_service(s, &s->store, &plan, ready, SUPERVISOR_STORE_READY);
}

/* Ours does not block, theirs may: the flag belongs to each end alone. */
static lode_err
make_packet_sockets(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return lode_fail_errno("cannot make a socket pair");
    }
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        lode_err err = lode_fail_errno("cannot make a socket pair");
        close(ends[0]);
        close(ends[1]);
        return err;
    }
    return LODE_OK;
}

static lode_err
spawn_scheduler(struct supervisor *s, int scheduler_end)
{
    char lifeline[SPAWN_NUMBER_SIZE], ready[SPAWN_NUMBER_SIZE], packets[SPAWN_NUMBER_SIZE];
    char cpus[32], workers[SPAWN_NUMBER_SIZE], offers[SPAWN_NUMBER_SIZE], load[SPAWN_NUMBER_SIZE];
    /* clang-format off */
    const char *argv[] = {"lode-scheduler", "--dir", s->paths.dir, "--num-cpus", cpus,
                          "--supervisor-fd", packets, "--lifeline-fd", lifeline,
                          "--ready-fd", ready, "--max-workers", workers, "--offers-fd", offers,
                          "--load-timeout", load,
                          s->options->is_private ? "--private" : NULL, NULL};
    /* clang-format on */
    struct spawn_plan plan = {.path = s->scheduler_program,
                              .argv = argv,
                              .pass = {scheduler_end, s->offers_fd},
                              .pass_count = 2,
                              .lifeline = s->lifeline[0],
                              .lifeline_text = lifeline,
                              .output = -1};
    snprintf(packets, sizeof packets, "%d", scheduler_end);
    snprintf(load, sizeof load, "%d", s->options->load_s);
    snprintf(offers, sizeof offers, "%d", s->offers_fd);
    snprintf(cpus, sizeof cpus, "%.4f", s->options->num_cpus);
    snprintf(workers, sizeof workers, "%d", s->options->max_workers);
    return start_service(s, &s->scheduler, &plan, ready, SUPERVISOR_SCHEDULER_READY);
}

lode_err
daemons_start_scheduler(struct supervisor *s)
{
    int ends[2];
    LODE_TRY(make_packet_sockets(ends));
    lode_err err = supervisor_watch(s, ends[0], SUPERVISOR_PACKETS);
    if (err == LODE_OK) {
        err = spawn_scheduler(s, ends[1]);
    }
    close(ends[1]);
    if (err != LODE_OK) {
        close(ends[0]);
        return err;
    }
    s->scheduler_fd = ends[0];
    s->scheduler_full = false;
    if (s->store.ready) {
        struct lode_supervisor_packet packet = {.type = LODE_SUPERVISOR_STORE_READY};
        err = lode_socket_send(s->scheduler_fd, &packet, sizeof packet, NULL, 0, NULL, 0);
        if (err != LODE_OK) {
            kill(s->scheduler.pid, SIGKILL); /* it would wait for the packet */
        }
    }
    return err;
}
