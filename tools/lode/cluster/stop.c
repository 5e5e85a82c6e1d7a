#include "api/base/clock.h"
#include "api/cluster/paths.h"
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/lode/cluster/commands.h"
#include "tools/clusters/lockfile.h"
#include "tools/clusters/processes.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { CHILDREN_MAX = 4200 };

struct stop_options {
    struct options_common common; /* the first: options_without_words() */
    int64_t timeout_ms;
};

static const struct argp_option options[] = {
    {"timeout", 't', "SECONDS", 0, "how long to wait for its end (default 30)", 0},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct stop_options *wanted = state->input;
    if (key != 't') {
        return options_without_words(key, arg, state);
    }
    options_timeout(state, arg, &wanted->timeout_ms);
    return 0;
}

static const struct argp argp = {
    options,
    parse_option,
    0,
    "Stop a cluster in order: the scheduler, its workers, the store; and wait until it has ended. "
    "Its directories go if they are empty then, and if a cluster has made them."
    "\vExit status: 0 it has ended, 4 not in time, 5 none runs there, 8 it is another user's.",
    options_dir_json,
    0,
    0};

/* What ends with the supervisor, as seen just before. */
struct stopped {
    pid_t supervisor, store, scheduler;
    size_t workers;
};

static void
look(pid_t supervisor, struct stopped *stopped_out)
{
    static struct process children[CHILDREN_MAX];
    size_t count = processes_of(supervisor, children, CHILDREN_MAX);
    *stopped_out = (struct stopped){.supervisor = supervisor};
    for (size_t i = 0; i < count && i < CHILDREN_MAX; i++) {
        enum process_role role = process_role(&children[i]);
        if (role == ROLE_STORE) {
            stopped_out->store = children[i].stat.pid;
        } else if (role == ROLE_SCHEDULER) {
            stopped_out->scheduler = children[i].stat.pid;
        } else if (role == ROLE_WORKER) {
            stopped_out->workers++;
        }
    }
}

/* A pidfd becomes readable when its process has ended. */
static bool
wait_end(int pidfd, int64_t timeout_ms)
{
    int64_t deadline = lode_deadline(timeout_ms);
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    for (;;) {
        int64_t left_ms = lode_remaining_ms(deadline);
        int ready = poll(&end, 1, left_ms > 1 << 30 ? 1 << 30 : (int)left_ms);
        if (ready > 0) {
            return true;
        }
        if (ready == 0 && lode_remaining_ms(deadline) == 0) {
            return false;
        }
    }
}

static void
print_stopped(const char *dir, const struct stopped *s, int64_t ns, bool json)
{
    if (json) {
        document_print(json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I}", "schema", "lode.stop/1",
                                 "dir", document_text(dir), "supervisor_pid",
                                 (json_int_t)s->supervisor, "store_pid", (json_int_t)s->store,
                                 "scheduler_pid", (json_int_t)s->scheduler, "workers",
                                 (json_int_t)s->workers, "stop_ns", (json_int_t)ns));
        return;
    }
    printf("stopped the cluster in %s: supervisor (pid %d)", dir, (int)s->supervisor);
    if (s->store != 0) {
        printf(", store (pid %d)", (int)s->store);
    }
    if (s->scheduler != 0) {
        printf(", scheduler (pid %d)", (int)s->scheduler);
    }
    printf(", %zu worker%s\n", s->workers, s->workers == 1 ? "" : "s");
}

static int
stop_holder(const char *dir, pid_t supervisor, int pidfd, const struct stop_options *wanted)
{
    struct stopped stopped;
    int64_t began = lode_now_ns();
    look(supervisor, &stopped);
    if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) != 0 && errno != ESRCH) {
        return program_error(errno == EPERM ? EXIT_DENIED : EXIT_FAILED,
                             "cannot signal the supervisor (pid %d): %s", (int)supervisor,
                             strerror(errno));
    }
    if (!wait_end(pidfd, wanted->timeout_ms)) {
        return program_error(EXIT_TIMEOUT,
                             "the cluster in '%s' has not ended after %g s; its supervisor is pid "
                             "%d; a second `lode stop` ends it at once",
                             dir, (double)wanted->timeout_ms / 1000, (int)supervisor);
    }
    print_stopped(dir, &stopped, lode_now_ns() - began, wanted->common.json);
    return EXIT_OK;
}

int
command_stop(int argc, char **argv)
{
    struct stop_options wanted = {.timeout_ms = 30000};
    struct lode_paths paths;
    pid_t supervisor = 0;
    int pidfd = -1;
    options_parse(&argp, argc, argv, &wanted);
    lode_err err = lode_paths_resolve(wanted.common.dir, &paths);
    if (err == LODE_OK) {
        err = lockfile_holder(paths.dir, &supervisor, &pidfd);
    }
    if (err != LODE_OK) {
        return program_failed(err);
    }
    int exit_code = stop_holder(paths.dir, supervisor, pidfd, &wanted);
    close(pidfd);
    return exit_code;
}
