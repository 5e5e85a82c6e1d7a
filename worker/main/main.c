/*
 * lode-worker: runs tasks for one cluster. Started by the supervisor at the scheduler's wish
 * (api/wire/supervisor_msg.h has the command line); of no use by hand.
 *
 * Exit status 0: told to, or the cluster is over. 75: it lacks threads or memory. 1: it could not
 * work for another reason; stderr says why. Anything else is what the user's code made of it.
 */
#include "api/system/descriptor.h"
#include "api/base/fail.h"
#include "api/system/limit.h"
#include "api/base/log.h"
#include "api/layout/taken_output.h"
#include "api/client/session/handle.h"
#include "api/wire/store_msg.h"
#include "worker/crash/crash.h"
#include "worker/process/confines.h"
#include "worker/process/origin.h"
#include "worker/runtime/run.h"
#include "worker/process/surroundings.h"
#include "worker/runtime/worker.h"

#include <argp.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPTION_DIR = 'd', OPTION_WORKER = 'w', OPTION_PAGE = 'p', OPTION_LIFELINE = 'l' };
enum { WATCH_STACK_BYTES = 64 << 10 };

struct worker_options {
    const char *dir;
    long worker, page_fd, lifeline_fd; /* -1: not given */
};

/* ---- command line -------------------------------------------------------------------------- */

static long
number_of(const char *text, struct argp_state *state)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 0 || number > INT32_MAX) {
        argp_error(state, "'%s' is no number from 0 to %d", text, INT32_MAX);
    }
    return number;
}

static error_t
parse_option(int key, char *text, struct argp_state *state)
{
    struct worker_options *options = state->input;
    switch (key) {
    case OPTION_DIR:
        options->dir = text;
        return 0;
    case OPTION_WORKER:
        options->worker = number_of(text, state);
        return 0;
    case OPTION_PAGE:
        options->page_fd = number_of(text, state);
        return 0;
    case OPTION_LIFELINE:
        options->lifeline_fd = number_of(text, state);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", text);
        return 0;
    case ARGP_KEY_END:
        if (options->dir == NULL || options->worker < 0 || options->page_fd < 0 ||
            options->lifeline_fd < 0) {
            argp_error(state, "--dir, --worker, --page-fd and --lifeline-fd are all needed; "
                              "`lode start` starts workers as they are wanted");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_table[] = {
    {"dir", OPTION_DIR, "DIR", 0, "The cluster's directory", 0},
    {"worker", OPTION_WORKER, "N", 0, "The scheduler's number for this worker", 0},
    {"page-fd", OPTION_PAGE, "FD", 0, "The page that is shared with the scheduler", 0},
    {"lifeline-fd", OPTION_LIFELINE, "FD", 0, "Its end of file ends this worker", 0},
    {0},
};

static const struct argp arguments = {
    .options = option_table,
    .parser = parse_option,
    .doc = "Runs tasks for one lode cluster. Started by `lode start`, not by hand.",
};

/* ---- surroundings -------------------------------------------------------------------------- */

/*
 * Ends the process when the lifeline ends, or the session with the store. The supervisor's end is
 * the end of the cluster. Without its session a worker can make nothing that anybody sees: it must
 * not go on saying that tasks are done.
 */
static void *
watch(void *arg)
{
    struct pollfd *end = arg;
    for (;;) {
        char byte;
        if (poll(end, 2, -1) > 0 &&
            ((end[0].revents != 0 && read(end[0].fd, &byte, 1) <= 0) || end[1].revents != 0)) {
            _exit(0);
        }
    }
    return NULL;
}

static lode_err
start_watch(int lifeline_fd, int store_fd)
{
    static struct pollfd ends[2];
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    ends[0] = (struct pollfd){.fd = lifeline_fd, .events = POLLIN};
    ends[1] = (struct pollfd){.fd = store_fd, .events = POLLRDHUP};
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, WATCH_STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, &attr, watch, ends);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return failed == 0 ? LODE_OK : lode_fail_start(failed, "the thread that watches the lifeline");
}

static lode_err
map_page(int fd, struct lode_worker_page **page_out)
{
    struct stat info;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (fstat(fd, &info) != 0 || info.st_size < LODE_WORKER_SHARED_BYTES) {
        return lode_fail_with(LODE_EINVAL, "--page-fd %d is no shared page", fd);
    }
    void *page = mmap(NULL, LODE_WORKER_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        return lode_fail_errno("cannot map --page-fd %d", fd);
    }
    close(fd); /* the map stays, and tasks have the number for their files */
    *page_out = page;
    return (*page_out)->magic == LODE_WORKER_PAGE_MAGIC
               ? LODE_OK
               : lode_fail_with(LODE_EVERSION,
                                "the page at --page-fd %d is not one that this "
                                "worker understands",
                                fd);
}

/*
 * When it is loaded, OpenBLAS starts a thread for each CPU. Here it begins with one thread, and
 * lode-blas asks for as many as a call has CPUs. Output is written line by line, so that a crash
 * loses no line that was finished.
 */
static void
prepare_for_user_code(void)
{
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null > 0) {
        dup2(null, STDIN_FILENO);
        close(null);
    }
}

/* A task, and what it starts, finds its cluster, and belongs to the task. */
static lode_err
tell_tasks(const struct worker_options *options)
{
    struct lode_paths paths;
    LODE_TRY(lode_paths_export(options->dir));
    LODE_TRY(lode_paths_resolve(NULL, &paths));
    return origin_export((uint32_t)options->worker, paths.dir);
}

static lode_err
work(const struct worker_options *options)
{
    static struct worker worker;
    struct lode_worker_page *page;
    struct lode_paths paths;
    lode *db;
    LODE_TRY(map_page((int)options->page_fd, &page));
    LODE_TRY(crash_install(page));
    prepare_for_user_code();
    LODE_TRY(tell_tasks(options));
    LODE_TRY(surroundings_remember());
    confines_remember();
    LODE_TRY(lode_paths_resolve(NULL, &paths));
    int lifeline = lode_descriptor_hang_high((int)options->lifeline_fd);
    LODE_TRY(lode_session_attach(&paths, LODE_HELLO_MAKER, 0, &db)); /* some seconds at most */
    LODE_TRY(start_watch(lifeline, db->calls.socket.fd));
    LODE_TRY(worker_init(&worker, db, page));
    LODE_TRY(worker_connect(&worker, (uint32_t)options->worker));
    LODE_TRY(worker_run(&worker));
    worker_fini(&worker);
    return LODE_OK;
}

static int
status_of(lode_err err)
{
    switch (err) {
    case LODE_OK:
    case LODE_EDOWN:
        return 0;
    case LODE_ELIMIT:
    case LODE_ENOMEM:
        return LODE_WORKER_LACKS;
    default:
        return 1;
    }
}

int
main(int argc, char **argv)
{
    struct worker_options options = {.worker = -1, .page_fd = -1, .lifeline_fd = -1};
    lode_descriptor_fill_stdio();
    lode_log_init("lode-worker");
    argp_err_exit_status = 2;
    argp_parse(&arguments, argc, argv, 0, NULL, &options);
    lode_err err = work(&options);
    if (err != LODE_OK) {
        lode_log("WORKER-END", "%s: %s", lode_err_name(err), lode_last_error());
    }
    fflush(NULL);
    _exit(status_of(err));
}
