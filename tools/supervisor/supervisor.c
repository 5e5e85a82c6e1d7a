#include "tools/supervisor/supervisor.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/hold.h"
#include "api/cluster/log_to_file.h"
#include "api/base/log.h"
#include "api/cluster/sweep.h"
#include "api/wire/private_start.h"
#include "tools/cli/exit_code.h"
#include "tools/clusters/processes.h"
#include "tools/supervisor/daemons.h"
#include "tools/supervisor/events.h"
#include "tools/supervisor/opening.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE_MS = 5000, GRACE_PRIVATE_MS = 1000 };
enum { STRAYS_GRACE_MS = 5000, STRAYS_MS = 2000 };

/* ---- what whoever started us is told ------------------------------------------------------- */

static void
tell_starter(struct supervisor *s, char outcome, const char *text)
{
    char line[1 + LODE_FAIL_MAX];
    if (s->ready_fd < 0) {
        return;
    }
    int length = snprintf(line, sizeof line, "%c%s", outcome, text);
    if (write(s->ready_fd, line, (size_t)length) < 0) {
        errno = 0; /* it does not listen any more; its lifeline says whether it lives */
    }
    close(s->ready_fd);
    s->ready_fd = -1;
}

static void
say_up(struct supervisor *s)
{
    tell_starter(s, LODE_START_READY, "");
    if (s->options->on_up != NULL) {
        s->options->on_up(s->paths.dir);
    }
    if (s->options->is_private) {
        lode_log_to_file(s->paths.logs, LODE_FILE_PRIVATE_LOG);
    } else {
        lode_log_plain("lode: ready in %s (pid %d, %g CPU%s)", s->paths.dir, (int)getpid(),
                       s->options->num_cpus, s->options->num_cpus == 1 ? "" : "s");
    }
}

/*
 * Begins the end because the start failed, and says the reason. is_full: the program of a private
 * cluster is told that room is what it lacks.
 */
LODE_PRINTF(3, 4)
static void
fail(struct supervisor *s, bool is_full, const char *format, ...)
{
    char text[LODE_FAIL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!s->options->is_private) {
        lode_log_plain("lode: %s", text);
    }
    tell_starter(s, is_full && s->options->is_private ? LODE_START_FULL : LODE_START_FAILED, text);
    s->failed = true;
    supervisor_stop(s);
}

/* ---- what has to happen next ---------------------------------------------------------------- */

/* Ends the scheduler and its workers. True once they are gone. */
static bool
scheduler_is_cleared(struct supervisor *s, int64_t grace_ms)
{
    service_stop(&s->scheduler, grace_ms);
    if (!s->scheduler.ready) {
        supervisor_hang_up(s); /* it may be waiting for the word that the store serves */
    }
    if (s->scheduler.pid == 0 || s->options->is_private) {
        workers_kill_all(&s->workers);
    }
    return s->scheduler.pid == 0 && s->workers.running == 0;
}

/*
 * Ends what tasks have left running in sessions of their own: children of ours by now. One may be
 * the supervisor of a private cluster, which needs some time to take its files away. So the signal
 * is SIGTERM first. True once they are gone, or if they are not to be ended.
 */
static bool
strays_are_gone(struct supervisor *s)
{
    int64_t now = lode_now_ns();
    int signal = 0;
    if (s->strays_told_ns == 0) {
        s->strays_told_ns = now;
        signal = SIGTERM;
    }
    int64_t grace_ms = s->is_hurried ? 0 : STRAYS_GRACE_MS;
    int64_t kill_at = s->strays_told_ns + grace_ms * INT64_C(1000000);
    int64_t until = kill_at + STRAYS_MS * INT64_C(1000000);
    if (now >= kill_at) {
        signal = SIGKILL;
    }
    s->wake_at = now < kill_at ? kill_at : until;
    return processes_signal_children(signal) == 0 || now >= until;
}

static void
advance_stop(struct supervisor *s)
{
    int64_t grace_ms = s->options->is_private ? GRACE_PRIVATE_MS : GRACE_MS;
    if (s->options->is_private) {
        /* Its only user is gone: no need to go one by one. But the scheduler is told first: it must
         * not take the store's end for a loss. */
        service_stop(&s->scheduler, grace_ms);
        service_stop(&s->store, grace_ms);
    }
    if (!scheduler_is_cleared(s, grace_ms)) {
        return;
    }
    service_stop(&s->store, grace_ms);
    if (s->store.pid != 0) {
        return;
    }
    s->done = strays_are_gone(s);
}

/* A daemon that could not even be started again is tried later. */
static void
start_later(struct supervisor *s, struct service *service)
{
    if (!s->was_up) {
        fail(s, false, "%s", lode_last_error());
        return;
    }
    lode_log("SUPERVISOR-NOT-STARTED", "%s", lode_last_error());
    if (service->pid == 0) { /* else it was started, is killed, and will be reaped */
        service_not_started(service, lode_now_ns());
        s->wake_at = service->start_at;
    }
}

static void
start_scheduler(struct supervisor *s)
{
    if (daemons_start_scheduler(s) != LODE_OK) {
        start_later(s, &s->scheduler);
    }
}

static void
start_generation(struct supervisor *s)
{
    if (supervisor_hold_shm(s) != LODE_OK) {
        start_later(s, &s->store);
        return;
    }
    lode_paths_sweep(&s->paths, LODE_SWEEP_STORE, s->shm_fd, lode_deadline(LODE_SWEEP_START_MS));
    lode_paths_sweep(&s->paths, LODE_SWEEP_SCHEDULER, -1, LODE_NEVER);
    s->scheduler.failures = 0; /* it ended because the store did */
    if (daemons_start_store(s) != LODE_OK) {
        start_later(s, &s->store);
        return;
    }
    start_scheduler(s);
}

static void
advance_run(struct supervisor *s)
{
    int64_t now = lode_now_ns();
    bool store_down = s->store.pid == 0;
    if (!store_down && s->scheduler.pid != 0) {
        return;
    }
    if (!scheduler_is_cleared(s, 500)) {
        return;
    }
    if (store_down) {
        if (now < s->store.start_at) {
            s->wake_at = s->store.start_at;
        } else {
            start_generation(s);
        }
    } else if (now < s->scheduler.start_at) {
        s->wake_at = s->scheduler.start_at;
    } else {
        lode_paths_sweep(&s->paths, LODE_SWEEP_SCHEDULER, -1, LODE_NEVER);
        start_scheduler(s);
    }
}

/* The first start gets one attempt, and a private cluster has one store. */
static void
judge_losses(struct supervisor *s)
{
    struct service *lost = s->store.pid == 0 && s->store.lost           ? &s->store
                           : s->scheduler.pid == 0 && s->scheduler.lost ? &s->scheduler
                                                                        : NULL;
    char end[80];
    if (lost == NULL || s->stopping) {
        return;
    }
    if (!s->was_up) {
        bool is_full = WIFEXITED(lost->status) && WEXITSTATUS(lost->status) == LODE_EXIT_FULL;
        fail(s, is_full, "%s %s while it was starting; its own message says why", lost->name,
             service_describe_end(lost->status, end, sizeof end));
    } else if (lost == &s->store && s->options->is_private) {
        s->failed = true;
        supervisor_stop(s);
    }
}

static void
advance(struct supervisor *s)
{
    int64_t now = lode_now_ns();
    s->wake_at = LODE_NEVER;
    service_enforce(&s->store, now);
    service_enforce(&s->scheduler, now);
    judge_losses(s);
    if (!s->stopping) {
        if (!s->was_up && s->store.ready && s->scheduler.ready) {
            s->was_up = true;
            say_up(s);
        }
        advance_run(s);
    }
    if (s->stopping) {
        advance_stop(s);
    }
}

/* ---- the loop ------------------------------------------------------------------------------ */

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* One timer for everything that can fall due; disarmed when nothing can. */
static void
arm_timer(struct supervisor *s)
{
    int64_t at = earlier(s->wake_at, earlier(s->store.deadline, s->scheduler.deadline));
    struct itimerspec when = {0};
    if (at != LODE_NEVER) {
        at = at > 0 ? at : 1;
        when.it_value = (struct timespec){at / 1000000000, at % 1000000000};
    }
    timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
loop(struct supervisor *s)
{
    struct epoll_event events[16];
    advance(s);
    while (!s->done) {
        events_report(s);
        arm_timer(s);
        int count = epoll_wait(s->epoll, events, 16, -1);
        for (int i = 0; i < count; i++) {
            events_take(s, (enum supervisor_event)events[i].data.u32);
        }
        advance(s);
    }
}

/* -1: somebody has removed the directory. Another cluster may hold the one that is there now. */
static int
shm_still_held(const struct supervisor *s)
{
    return s->shm_fd >= 0 && lode_hold_is_at(s->shm_fd, s->paths.shm) ? s->shm_fd : -1;
}

/* Of a daemon that has ended. A daemon that somebody has started by hand there keeps its own. */
static void
remove_lock(const struct supervisor *s, const char *name)
{
    char path[LODE_PATH_MAX];
    int fd = -1;
    if (lode_path_join(path, sizeof path, s->paths.dir, "%s", name) == LODE_OK &&
        access(path, F_OK) == 0 && lode_hold_try(path, &fd) == LODE_OK) {
        lode_hold_remove(path, fd);
        close(fd);
    }
}

/* Nobody else can start here before the lock's file is gone, and then it starts afresh. */
static void
leave_dir(const struct supervisor *s)
{
    lode_hold_remove(s->presence.lock_path, s->presence.lock_fd);
    if (!s->keeps_dir) {
        rmdir(s->paths.dir);
    }
}

static void
leave_nothing(struct supervisor *s)
{
    if (!s->owns_shm) { /* what was refused is left as it is */
        leave_dir(s);
        return;
    }
    if (s->options->is_private) {
        lode_paths_sweep(&s->paths, LODE_SWEEP_PRIVATE | s->keeps, shm_still_held(s), LODE_NEVER);
        return;
    }
    lode_paths_sweep(&s->paths, LODE_SWEEP_ALL | s->keeps, shm_still_held(s), LODE_NEVER);
    remove_lock(s, LODE_FILE_STORE_LOCK);
    remove_lock(s, LODE_FILE_SCHEDULER_LOCK);
    leave_dir(s);
}

int
supervisor_run(const struct supervisor_options *options)
{
    struct supervisor s = {.options = options,
                           .epoll = -1,
                           .signals = -1,
                           .timer = -1,
                           .dir_fd = -1,
                           .shm_fd = -1,
                           .lifeline = {-1, -1},
                           .scheduler_fd = -1,
                           .offers_fd = -1,
                           .program_fd = options->lifeline_fd,
                           .ready_fd = options->ready_fd};
    lode_presence_init(&s.presence);
    service_init(&s.store, "lode-store");
    service_init(&s.scheduler, "lode-scheduler");
    lode_err err = supervisor_open(&s);
    if (err != LODE_OK) {
        fail(&s, false, "%s", lode_last_error());
    } else {
        loop(&s);
        workers_forget_ended(&s.workers); /* whose end came with the last event */
    }
    /*
     * A private cluster's directories are its own, and nobody else's, even before it has the lock.
     */
    bool is_ours =
        s.dir_fd >= 0 || (options->is_private && s.paths.dir[0] != '\0' && err != LODE_ERUNNING);
    if (is_ours) {
        leave_nothing(&s);
    }
    supervisor_close(&s);
    return err != LODE_OK ? exit_code_of(err) : s.failed ? EXIT_FAILED : EXIT_OK;
}
