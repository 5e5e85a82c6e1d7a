/* lode-scheduler: who runs what, when. Started by `lode start`. */
#include "api/system/descriptor.h"
#include "api/base/log.h"
#include "api/system/shell.h"
#include "api/wire/supervisor_msg.h"
#include "scheduler/core/parts/pool.h"
#include "scheduler/main/daemon.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS_GO_FIRST = -500 };
enum {
    KEY_CPUS = 256,
    KEY_WORKERS,
    KEY_SUPERVISOR,
    KEY_LIFELINE,
    KEY_READY,
    KEY_PRIVATE,
    KEY_OFFERS,
    KEY_LOAD
};

static const struct argp_option rows[] = {
    {"dir", 'd', "DIR", 0, "The cluster's directory (default: $LODE_DIR, or the user's own)", 0},
    {"num-cpus", KEY_CPUS, "N", 0, "CPUs that tasks may use together (default: all)", 0},
    {"max-workers", KEY_WORKERS, "N", 0, "Workers that may hold tasks of one program (0: 1024)", 0},
    {"load-timeout", KEY_LOAD, "S", 0, "Seconds to open a library (0: 20)", 0},
    {"supervisor-fd", KEY_SUPERVISOR, "FD", 0, "Socket to who starts the workers", 0},
    {"lifeline-fd", KEY_LIFELINE, "FD", 0, "End with the end of this descriptor", 0},
    {"ready-fd", KEY_READY, "FD", 0, "Write a byte there once sessions are served", 0},
    {"offers-fd", KEY_OFFERS, "FD", 0, "Memory that keeps what is offered to all programs", 0},
    {"private", KEY_PRIVATE, NULL, 0, "The cluster belongs to one program", 0},
    {0}};

static int
number(struct argp_state *state, const char *what, const char *text)
{
    char *rest;
    errno = 0;
    long value = strtol(text, &rest, 10);
    if (errno != 0 || *rest != '\0' || rest == text || value < 0 || value > 1 << 20 ||
        fcntl((int)value, F_GETFD) < 0) {
        argp_error(state, "%s: '%s' is not an open descriptor", what, text);
    }
    return (int)value;
}

static double
cpus(struct argp_state *state, const char *text)
{
    char *rest;
    double value = strtod(text, &rest);
    if (*rest != '\0' || rest == text || !(value >= 0.0001 && value <= 65536)) {
        argp_error(state, "--num-cpus: '%s' is not a number from 0.0001 to 65536", text);
    }
    return value;
}

static uint32_t
count(struct argp_state *state, const char *what, const char *text, int most)
{
    char *rest;
    errno = 0;
    long value = strtol(text, &rest, 10);
    if (errno != 0 || *rest != '\0' || rest == text || value < 0 || value > most) {
        argp_error(state, "%s: '%s' is not a number from 0 to %d", what, text, most);
    }
    return (uint32_t)value;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct daemon_options *options = state->input;
    switch (key) {
    case 'd':
        options->dir = arg;
        return 0;
    case KEY_CPUS:
        options->num_cpus = cpus(state, arg);
        return 0;
    case KEY_WORKERS:
        options->max_workers = count(state, "--max-workers", arg, CORE_WORKER_MAX);
        return 0;
    case KEY_LOAD:
        options->load_s = count(state, "--load-timeout", arg, LODE_LOAD_TIMEOUT_MAX);
        return 0;
    case KEY_SUPERVISOR:
        options->supervisor_fd = number(state, "--supervisor-fd", arg);
        return 0;
    case KEY_LIFELINE:
        options->lifeline_fd = number(state, "--lifeline-fd", arg);
        return 0;
    case KEY_READY:
        options->ready_fd = number(state, "--ready-fd", arg);
        return 0;
    case KEY_OFFERS:
        options->offers_fd = number(state, "--offers-fd", arg);
        return 0;
    case KEY_PRIVATE:
        options->is_private = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/*
 * Has malloc() use few arenas, for most threads allocate nothing, and give back what a burst left.
 */
static void
limit_memory(void)
{
    (void)mallopt(M_ARENA_MAX, 2);
    (void)mallopt(M_MMAP_THRESHOLD, 512 << 10);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

static void
end_without_memory(void)
{
    fprintf(stderr, "lode-scheduler: no memory is left: the scheduler ends, and with it the tasks "
                    "that were submitted; give the machine, or the control group, more\n");
    _exit(1);
}

int
main(int argc, char **argv)
{
    const struct argp argp = {rows, parse, NULL, "lode's scheduler: runs tasks in workers.",
                              NULL, NULL,  NULL};
    struct daemon_options options = {
        .supervisor_fd = -1, .lifeline_fd = -1, .ready_fd = -1, .offers_fd = -1};
    int status = 0;
    lode_descriptor_fill_stdio();
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    lode_log_init("lode-scheduler");
    limit_memory();
    core_on_no_memory(end_without_memory);
    lode_shell_enter(WORKERS_GO_FIRST);
    if (daemon_run(&options, &status) != LODE_OK) {
        fprintf(stderr, "lode-scheduler: %s\n", lode_last_error());
        fflush(stderr);
        _exit(1);
    }
    _exit(status); /* nng's threads may be anywhere: nothing is torn down */
}
