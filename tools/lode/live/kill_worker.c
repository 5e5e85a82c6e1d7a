/* kill_worker.c: `lode kill-worker PID…`: ends workers whose tasks cannot be ended otherwise. */
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/clusters/clusters.h"
#include "tools/clusters/processes.h"
#include "tools/lode/live/commands.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { END_MS = 5000 };

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct options_common *wanted = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = wanted;
        return 0;
    case ARGP_KEY_ARGS:
        options_words(state, wanted);
        return 0;
    case ARGP_KEY_NO_ARGS:
        options_error(state, "which workers? Give pids, as `lode workers` shows them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {0,
                                 parse_option,
                                 "PID...",
                                 "Kill workers (SIGKILL), also where the scheduler hangs. What "
                                 "such a worker had begun counts as "
                                 "crashed, and is tried again as often as its max_retries says: "
                                 "`lode cancel --force` ends a task "
                                 "for good. Another worker takes its place."
                                 "\vExit status: 0 all have ended, 3 it is no worker of this "
                                 "cluster, 4 it has not ended within 5 "
                                 "s, 5 no cluster runs.",
                                 options_dir_json,
                                 0,
                                 0};

/*
 * The pidfd comes first: what is asked about the pid after that, while the process has not ended,
 * is asked about this very process.
 */
static int
open_worker(pid_t supervisor, pid_t pid, int *pidfd_out)
{
    struct process process;
    int pidfd = pidfd_open(pid, 0);
    if (pidfd >= 0 && process_read(pid, &process) && process_role(&process) == ROLE_WORKER &&
        process.stat.parent == supervisor) {
        *pidfd_out = pidfd;
        return EXIT_OK;
    }
    if (pidfd >= 0) {
        close(pidfd);
    }
    return program_error(EXIT_NOT_FOUND,
                         "process %d is no worker of this cluster; `lode workers` lists them",
                         (int)pid);
}

static int
kill_worker(pid_t supervisor, pid_t pid)
{
    int pidfd = -1;
    int code = open_worker(supervisor, pid, &pidfd);
    if (code != EXIT_OK) {
        return code;
    }
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) != 0 && errno != ESRCH) {
        code = program_error(errno == EPERM ? EXIT_DENIED : EXIT_FAILED,
                             "cannot signal the worker %d: %s", (int)pid, strerror(errno));
    } else if (poll(&end, 1, END_MS) <= 0) {
        code = program_error(EXIT_TIMEOUT,
                             "the worker %d has been killed, and has not ended within %d s: the "
                             "kernel waits in a system call of it",
                             (int)pid, END_MS / 1000);
    }
    close(pidfd);
    return code;
}

/* 0: it is no pid. */
static pid_t
pid_of(const char *text)
{
    char *end;
    errno = 0;
    long pid = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && pid > 0 && pid <= INT32_MAX ? (pid_t)pid
                                                                                    : 0;
}

static int
kill_all(const struct options_common *wanted, const struct cluster *cluster, json_t *all)
{
    int code = EXIT_OK;
    for (int i = 0; i < wanted->count; i++) {
        pid_t pid = pid_of(wanted->words[i]);
        int one = pid > 0 ? kill_worker(cluster->supervisor, pid)
                          : program_error(EXIT_USAGE, "'%s' is no pid", wanted->words[i]);
        code = code == EXIT_OK ? one : code;
        if (one == EXIT_OK && !wanted->json) {
            printf("killed the worker %d\n", (int)pid);
        } else if (one == EXIT_OK) {
            json_array_append_new(all, json_integer(pid));
        }
    }
    return code;
}

int
command_kill_worker(int argc, char **argv)
{
    struct options_common wanted = {0};
    struct cluster cluster;
    options_parse(&argp, argc, argv, &wanted);
    lode_err err = clusters_find(wanted.dir, &cluster);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    json_t *all = json_array();
    int code = kill_all(&wanted, &cluster, all);
    if (wanted.json) {
        document_print(json_pack("{s:s, s:O}", "schema", "lode.kill-worker/1", "killed", all));
    }
    json_decref(all);
    return code;
}
