#include "api/system/descriptor.h"
#include "api/base/fail.h"
#include "api/system/limit.h"
#include "api/system/tricks.h"
#include "api/base/log.h"
#include "api/cluster/paths.h"
#include "api/wire/private_start.h"
#include "api/wire/supervisor_msg.h"
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/cli/size.h"
#include "tools/lode/cluster/background.h"
#include "tools/lode/cluster/commands.h"
#include "tools/lode/cluster/cpus.h"
#include "tools/supervisor/spawn.h"
#include "tools/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_PRIVATE = 0x100, OPTION_LIFELINE, OPTION_READY, OPTION_WORKERS, OPTION_LOAD };

struct start_options {
    struct options_common common; /* the first: options_without_words() */
    struct supervisor_options how;
    bool is_background;
};

static const struct argp_option options[] = {
    {"num-cpus", 'c', "N", 0, "CPUs that tasks may use together (default: those of this machine)",
     0},
    {"capacity", 'm', "SIZE", 0, "room for objects, as 4G (default: 30 % of what there is)", 0},
    {"max-workers", OPTION_WORKERS, "N", 0,
     "processes that may hold tasks of one program, those that wait included (default: 1024)", 0},
    {"load-timeout", OPTION_LOAD, "SECONDS", 0,
     "how long a worker may take to open a library, before it is ended (default: 20)", 0},
    {"background", 'b', 0, 0,
     "return when all is up, and let it run on; what it says goes to start.log in LODE_STATE_DIR",
     0},
    {"ready-fd", OPTION_READY, "FD", 0,
     "write '+' to this descriptor once all is up, or '-' and the reason", 0},
    {"private", OPTION_PRIVATE, 0, OPTION_HIDDEN, 0, 0},
    {"lifeline-fd", OPTION_LIFELINE, "FD", OPTION_HIDDEN, 0, 0},
    {0},
};

static error_t
parse_descriptor(struct argp_state *state, const char *option, const char *text, int *fd_out)
{
    char *end;
    errno = 0;
    long fd = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || fd < 0 || fd > 1 << 20 ||
        fcntl((int)fd, F_GETFD) < 0) {
        options_error(state, "--%s %s: that is not an open descriptor", option, text);
        return EINVAL;
    }
    *fd_out = (int)fd;
    return 0;
}

static void
parse_count(struct argp_state *state, const char *option, const char *of, const char *text,
            int most, int *count_out)
{
    char *end;
    errno = 0;
    long count = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || count < 1 || count > most) {
        options_error(state, "%s: '%s' is not a number of %s from 1 to %d", option, text, of, most);
    }
    *count_out = (int)count;
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct start_options *start = state->input;
    struct supervisor_options *wanted = &start->how;
    switch (key) {
    case 'c':
        options_cpus(state, "num-cpus", arg, &wanted->num_cpus);
        return 0;
    case 'm':
        if (size_parse(arg, &wanted->capacity_bytes) != LODE_OK) {
            options_error(state, "--capacity: %s", lode_last_error());
        } else if (wanted->capacity_bytes == 0) {
            options_error(state, "--capacity: a store of 0 bytes holds nothing");
        } else if (wanted->capacity_bytes < LODE_PRIVATE_CAPACITY_MIN ||
                   wanted->capacity_bytes > LODE_PRIVATE_CAPACITY_MAX) {
            options_error(state, "--capacity: '%s' is not from 1 MiB to 16 TiB", arg);
        }
        return 0;
    case 'b':
        start->is_background = true;
        return 0;
    case OPTION_WORKERS:
        parse_count(state, "--max-workers", "workers", arg, LODE_MAX_WORKERS_MAX,
                    &wanted->max_workers);
        return 0;
    case OPTION_LOAD:
        parse_count(state, "--load-timeout", "seconds", arg, LODE_LOAD_TIMEOUT_MAX,
                    &wanted->load_s);
        return 0;
    case OPTION_PRIVATE:
        wanted->is_private = true;
        return 0;
    case OPTION_LIFELINE:
        return parse_descriptor(state, "lifeline-fd", arg, &wanted->lifeline_fd);
    case OPTION_READY:
        return parse_descriptor(state, "ready-fd", arg, &wanted->ready_fd);
    case ARGP_KEY_END:
        if (wanted->is_private && (wanted->lifeline_fd < 0 || start->common.dir == NULL)) {
            options_error(state, "--private needs --lifeline-fd and --dir");
        }
        if (start->is_background && (wanted->is_private || wanted->ready_fd >= 0)) {
            options_error(state, "--background tells by its end that all is up");
        }
        return 0;
    default:
        return options_without_words(key, arg, state);
    }
}

static const struct argp argp = {
    options,
    parse_option,
    0,
    "Start a cluster and stay as its supervisor, in the foreground (--background: not), until it "
    "is "
    "told to end "
    "(SIGTERM, SIGINT, SIGHUP, `lode stop`). For a service manager: it neither forks nor writes a "
    "pid file."
    "\vExit status: 0 stopped in order, 1 the start failed or a cluster runs there already, "
    "2 usage, 8 denied.",
    options_dir_json,
    0,
    0};

static void
print_document(const char *dir, pid_t supervisor)
{
    document_print(json_pack("{s:s, s:o, s:I}", "schema", "lode.start/1", "dir", document_text(dir),
                             "supervisor_pid", (json_int_t)supervisor));
    fflush(stdout);
}

/* --json in the foreground: the document comes when all is up, and the command goes on. */
static void
tell_up(const char *dir)
{
    print_document(dir, getpid());
}

/*
 * --background: the child goes on with the start, and returns true. The parent ends here with the
 * exit code.
 */
static bool
go_to_background(struct start_options *start, int *exit_code_out)
{
    char log[LODE_PATH_MAX];
    pid_t pid = -1;
    struct lode_paths paths;
    lode_err err = background_start(start->common.dir, &pid, &start->how.ready_fd, log);
    if (err == LODE_OK && pid == 0) {
        return true;
    }
    if (err == LODE_OK) {
        err = lode_paths_resolve(start->common.dir, &paths);
    }
    *exit_code_out = err == LODE_OK ? EXIT_OK : program_failed(err);
    if (err == LODE_OK && start->common.json) {
        print_document(paths.dir, pid);
    } else if (err == LODE_OK) {
        printf("started the cluster in %s: supervisor (pid %d); it writes to %s\n", paths.dir,
               (int)pid, log);
    }
    return false;
}

/* Of the program that has started us we keep stderr, the lifeline and the ready pipe. */
static void
let_go(const struct supervisor_options *wanted)
{
    int low = wanted->lifeline_fd, high = wanted->ready_fd;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        close(null);
    }
    if (low > high) {
        int swap = low;
        low = high;
        high = swap;
    }
    if (low < 0) {
        low = STDERR_FILENO;
    }
    close_range(STDERR_FILENO + 1, (unsigned)low - 1, 0);
    close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, ~0U, 0);
}

/*
 * The first process ends here, so that the program's wait for it is short and its wait(-1) never
 * sees a child of the cluster's. The second is in a session of its own: signals for the program's
 * process group and terminal do not reach it.
 */
static void
detach(struct supervisor_options *wanted)
{
    wanted->owner = getppid();
    pid_t pid = fork();
    if (pid < 0) {
        lode_err err = lode_fail_start(errno, "a process of the cluster");
        dprintf(wanted->ready_fd, "%c%s", LODE_START_FAILED, lode_last_error());
        exit(program_failed(err));
    }
    if (pid > 0) {
        _exit(EXIT_OK);
    }
    setsid();
    let_go(wanted);
    if (chdir("/") != 0) {
        return; /* it only keeps a directory from being unmounted */
    }
}

int
command_start(int argc, char **argv)
{
    char program_dir[LODE_PATH_MAX];
    struct start_options start = {
        .how = {.program_dir = program_dir, .lifeline_fd = -1, .ready_fd = -1}};
    struct supervisor_options *wanted = &start.how;
    options_parse(&argp, argc, argv, &start);
    wanted->dir = start.common.dir;
    wanted->lifeline_fd = lode_descriptor_above_stdio(wanted->lifeline_fd);
    wanted->ready_fd = lode_descriptor_above_stdio(wanted->ready_fd);
    lode_descriptor_fill_stdio();
    /* The daemons must not inherit descriptors that the parent left open. */
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    lode_log_init("lode");
    if (!wanted->is_private && lode_tricks_check() != LODE_OK) { /* else its program has said so */
        lode_log_plain("lode: %s", lode_last_error());
    }
    int exit_code;
    if (start.is_background && !go_to_background(&start, &exit_code)) {
        return exit_code;
    }
    wanted->on_up = start.common.json && !start.is_background ? tell_up : NULL;
    lode_err err = spawn_own_dir(program_dir, sizeof program_dir);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    if (wanted->num_cpus == 0) {
        wanted->num_cpus = cpus_usable();
    }
    if (wanted->is_private) {
        detach(wanted);
    }
    return supervisor_run(wanted);
}
