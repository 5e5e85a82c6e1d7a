#include "scheduler/main/daemon.h"

#include "api/cluster/directories.h"
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/base/log.h"
#include "api/cluster/log_to_file.h"
#include "api/system/cpus.h"
#include "api/system/shell.h"
#include "api/system/socket.h"
#include "api/cluster/sweep.h"
#include "api/wire/start.h"
#include "api/wire/supervisor_msg.h"
#include "api/wire/task_msg.h"
#include "scheduler/pool/spill.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* ---- what the drive asks for -------------------------------------------------------------- */

static struct drive_session *
find_session(void *arg, uint64_t number)
{
    struct scheduler *daemon = arg;
    return sessions_find_locked(daemon->sessions, number);
}

static uint64_t
count_repeats(void *arg)
{
    struct scheduler *daemon = arg;
    return sessions_repeats_locked(daemon->sessions);
}

static void
store_action(void *arg, const struct core_action *action)
{
    struct scheduler *daemon = arg;
    store_action_locked(daemon->store, action);
}

static void
arm_timer(void *arg, int64_t deadline_ns)
{
    struct scheduler *daemon = arg;
    struct itimerspec when = {.it_value = {deadline_ns / 1000000000, deadline_ns % 1000000000}};
    (void)timerfd_settime(daemon->timer.fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
wake_main(void *arg)
{
    struct scheduler *daemon = arg;
    (void)eventfd_write(daemon->wake.fd, 1);
}

/* ---- errands ------------------------------------------------------------------------------ */

static void
cut(struct scheduler *daemon, const struct core_action *action)
{
    lode_log("SESSION-CUT", "session %llu: %.*s", (unsigned long long)action->target,
             (int)action->size, (const char *)core_action_bytes(action));
    sessions_cut(daemon->sessions, action->target);
}

static void
write_log(const struct core_action *action)
{
    const char *id = core_action_bytes(action);
    lode_log(id, "%s", id + strlen(id) + 1);
}

static void
step_record(struct scheduler *daemon, const struct core_action *action)
{
    struct core_event event = {.type = CORE_RECORD,
                               .u.record = {.session = action->target,
                                            .bytes = core_action_bytes(action),
                                            .size = action->size,
                                            .type = action->message}};
    drive_step(daemon->drive, &event);
}

static void
put_error(struct scheduler *daemon, const struct core_action *action)
{
    const struct core_put_error *wanted = core_action_bytes(action);
    if (lode_id_is_zero(wanted->copy_from)) {
        store_put_error(daemon->store, action);
    } else {
        failures_read(daemon->failures, action); /* comes back with bytes */
    }
}

static void
keep_offers(struct scheduler *daemon, const struct core_action *action)
{
    if (offers_write(&daemon->offers, core_action_bytes(action), action->size) != LODE_OK) {
        lode_log("OFFERS-NOT-KEPT", "%s", lode_last_error());
    }
}

static void
offer_again(const char *name, const char *source, void *arg)
{
    struct scheduler *daemon = arg;
    struct core_event event = {.type = CORE_OFFER_AGAIN, .u.offer = {name, source}};
    drive_step(daemon->drive, &event);
}

static void
spill(struct scheduler *daemon, const struct core_action *action)
{
    bool written = spill_write(daemon->paths.logs, action, drive_spill_missing(daemon->drive));
    drive_spill_done(daemon->drive, action, written);
}

static void
run_errand(struct scheduler *daemon, const struct core_action *action)
{
    switch (action->type) {
    case CORE_CUT:
        cut(daemon, action);
        break;
    case CORE_SPAWN:
        workers_spawn(daemon->workers, (uint32_t)action->target);
        break;
    case CORE_KILL:
        workers_kill(daemon->workers, (uint32_t)action->target, (int)action->value);
        break;
    case CORE_PUT_ERROR:
        put_error(daemon, action);
        break;
    case CORE_REPORT:
        failures_read(daemon->failures, action);
        break;
    case CORE_COPY_LIBRARY:
        copier_copy(daemon->copier, action->cookie, core_action_bytes(action));
        break;
    case CORE_REMOVE_COPY:
        copier_remove(daemon->copier, core_action_bytes(action));
        break;
    case CORE_OFFERED:
        keep_offers(daemon, action);
        break;
    case CORE_LOG:
        write_log(action);
        break;
    case CORE_SPILL:
        spill(daemon, action);
        break;
    case ERRAND_RECORD_AFTER_OUTPUT:
        if (workers_read_output(daemon->workers) || !workers_read_again(daemon->workers, action)) {
            store_add_errand_after(daemon->store, action, ERRAND_RECORD_AFTER_DEATHS);
        }
        break;
    case ERRAND_RECORD_AFTER_DEATHS:
        failures_read(daemon->failures, action);
        break;
    case ERRAND_RECORD_AFTER_FAILURES:
        store_add_errand_after(daemon->store, action, ERRAND_RECORD_LAST);
        break;
    case ERRAND_RECORD_LAST:
        step_record(daemon, action);
        break;
    default:
        break; /* the drive carries out the others */
    }
}

static void
run_errands(struct loop_source *source, uint32_t events)
{
    struct scheduler *daemon = CONTAINER_OF(source, struct scheduler, wake);
    struct errand_list list;
    struct errand *errand;
    eventfd_t count;
    (void)events;
    (void)eventfd_read(source->fd, &count);
    drive_take_errands(daemon->drive, &list);
    while ((errand = STAILQ_FIRST(&list)) != NULL) {
        STAILQ_REMOVE_HEAD(&list, entry);
        run_errand(daemon, &errand->action);
        free(errand);
    }
}

/* ---- the other sources -------------------------------------------------------------------- */

static void
timer_ready(struct loop_source *source, uint32_t events)
{
    struct scheduler *daemon = CONTAINER_OF(source, struct scheduler, timer);
    struct core_event event = {.type = CORE_TIMER};
    uint64_t times;
    (void)events;
    if (read(source->fd, &times, sizeof times) == sizeof times) {
        drive_step(daemon->drive, &event);
    }
}

static void
end(struct scheduler *daemon, int exit_status)
{
    daemon->exit_status = exit_status;
    daemon->loop.stop = true;
}

static void
signal_ready(struct loop_source *source, uint32_t events)
{
    struct scheduler *daemon = CONTAINER_OF(source, struct scheduler, signals);
    (void)events;
    if (lode_shell_is_told(source->fd)) {
        daemon->told = true;
        end(daemon, 0);
    }
}

static void
lifeline_ready(struct loop_source *source, uint32_t events)
{
    struct scheduler *daemon = CONTAINER_OF(source, struct scheduler, lifeline);
    (void)events;
    if (lode_shell_lifeline_ended(source->fd)) {
        end(daemon, 0);
    }
}

static void
removed_ready(struct loop_source *source, uint32_t events)
{
    struct scheduler *daemon = CONTAINER_OF(source, struct scheduler, removed);
    int old_fd = -1;
    (void)events;
    if (daemon->lifeline.ready != NULL && lode_shell_lifeline_ended(daemon->lifeline.fd)) {
        end(daemon, 0);
    }
    if (daemon->loop.stop) {
        lode_presence_unwatch(&daemon->presence); /* what is removed now is swept */
        return;
    }
    if (lode_presence_restore(&daemon->presence, &old_fd)) {
        sessions_move(daemon->sessions, daemon->presence.listen_fd);
    }
}

static bool
take_pipe(void *arg, uint32_t worker, int64_t pid, uint64_t program, int fd)
{
    struct scheduler *daemon = arg;
    return workers_take_pipe(daemon->workers, worker, pid, program, fd);
}

static void
supervisor_lost(void *arg)
{
    end(arg, 0);
}

/* True if the daemon was told to end. Then it is no fault if the store or supervisor ends first. */
static bool
is_told_to_end(const struct scheduler *daemon)
{
    struct pollfd told = {.fd = daemon->signals.fd, .events = POLLIN};
    return daemon->signals.ready != NULL && poll(&told, 1, 0) > 0;
}

static void
store_lost(void *arg)
{
    struct scheduler *daemon = arg;
    if (is_told_to_end(daemon)) {
        end(daemon, 0);
        return;
    }
    lode_log("STORE-LOST", "%s", lode_last_error());
    end(daemon, 1);
}

/* ---- putting it together ------------------------------------------------------------------ */

static uint32_t
cpu_units(double num_cpus)
{
    if (num_cpus <= 0) {
        num_cpus = lode_cpus_count(0);
    }
    return (uint32_t)(num_cpus * LODE_CPU_UNIT + 0.5);
}

/* liblode-blas.so beside the daemons, in the build tree and installed alike; false: not there. */
static bool
find_builtin(char path_out[PATH_MAX])
{
    char self[PATH_MAX], path[PATH_MAX + 64];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0) {
        return false;
    }
    self[size] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(self, '/');
        if (slash == NULL) {
            return false;
        }
        *slash = '\0';
    }
    static const char *const places[] = {"lib", LODE_LIBDIR};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, sizeof path, "%s/%s/liblode-blas.so", self, places[i]);
        if (realpath(path, path_out) != NULL) {
            return true;
        }
    }
    return false;
}

/* The drive, and the thread that copies libraries for it. */
static lode_err
start_drive(struct scheduler *daemon, const struct daemon_options *options)
{
    char blas[PATH_MAX];
    static char output_log[LODE_PATH_MAX + 16];
    const struct drive_hooks hooks = {daemon,    find_session, count_repeats, store_action,
                                      arm_timer, wake_main,    output_log};
    struct core_options core = {.cpus = cpu_units(options->num_cpus),
                                .worker_max = options->max_workers,
                                .load_s = options->load_s,
                                .pid = getpid()};
    snprintf(output_log, sizeof output_log, "%s/%s", daemon->paths.logs, LODE_FILE_OUTPUT_LOG);
    if (find_builtin(blas)) {
        core.builtin_name = "blas";
        core.builtin_path = blas;
    }
    LODE_TRY(drive_create(&core, &hooks, &daemon->drive));
    lode_err err = copier_create(daemon->paths.state, daemon->drive, &daemon->copier);
    if (err != LODE_OK) {
        drive_destroy(daemon->drive);
        daemon->drive = NULL;
    }
    return err;
}

static lode_err
add_source(struct scheduler *daemon, struct loop_source *source, int fd,
           void (*ready)(struct loop_source *source, uint32_t events), const char *what)
{
    if (fd < 0) {
        return lode_fail_errno("cannot make %s", what);
    }
    *source = (struct loop_source){fd, ready};
    return loop_add(&daemon->loop, source, EPOLLIN);
}

/* All threads of the process are started after this, and take no signals. */
static lode_err
add_sources(struct scheduler *daemon, const struct daemon_options *options)
{
    int signals = -1;
    LODE_TRY(lode_shell_signals(&signals));
    LODE_TRY(add_source(daemon, &daemon->signals, signals, signal_ready, "a signal descriptor"));
    LODE_TRY(add_source(daemon, &daemon->wake, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), run_errands,
                        "an event descriptor"));
    LODE_TRY(add_source(daemon, &daemon->timer,
                        timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), timer_ready,
                        "a timer"));
    if (options->lifeline_fd >= 0) {
        LODE_TRY(lode_shell_take_lifeline(options->lifeline_fd));
        LODE_TRY(add_source(daemon, &daemon->lifeline, options->lifeline_fd, lifeline_ready,
                            "a lifeline"));
    }
    return LODE_OK;
}

/*
 * Waits for the store: the supervisor starts both daemons at once, and says when the store serves.
 */
static lode_err
await_store(const struct daemon_options *options)
{
    struct pollfd ends[] = {{.fd = options->supervisor_fd, .events = POLLIN},
                            {.fd = options->lifeline_fd, .events = POLLIN}};
    struct lode_supervisor_packet packet = {.type = 0};
    size_t size = 0;
    if (options->supervisor_fd < 0) {
        return LODE_OK; /* started by hand: then the store runs, or it does not */
    }
    while (poll(ends, 2, -1) < 0) {
        if (errno != EINTR) {
            return lode_fail_errno("cannot wait for the store");
        }
    }
    if (ends[0].revents == 0) {
        return lode_fail_with(LODE_EDOWN, "the supervisor ended during the start");
    }
    LODE_TRY(
        lode_socket_receive(options->supervisor_fd, 0, &packet, sizeof packet, &size, NULL, NULL));
    if (size != sizeof packet || packet.type != LODE_SUPERVISOR_STORE_READY) {
        return lode_fail_with(
            LODE_EPROTO, "the supervisor's first packet has type %u, not STORE_READY", packet.type);
    }
    return LODE_OK;
}

static lode_err
start(struct scheduler *daemon, const struct daemon_options *options)
{
    LODE_TRY(lode_paths_resolve(options->dir, &daemon->paths));
    LODE_TRY(lode_directory_prepare(daemon->paths.dir, "LODE_DIR"));
    LODE_TRY(lode_presence_open(&daemon->presence, daemon->paths.dir, LODE_FILE_SCHEDULER_LOCK,
                                LODE_FILE_SCHEDULER_SOCKET, options->is_private));
    /* what a dead one left */
    lode_paths_sweep(&daemon->paths, LODE_SWEEP_SCHEDULER, -1, LODE_NEVER);
    LODE_TRY(loop_init(&daemon->loop));
    LODE_TRY(add_sources(daemon, options));
    LODE_TRY(lode_presence_listen(&daemon->presence));
    LODE_TRY(sessions_open(daemon->paths.dir, daemon->presence.listen_fd, &daemon->loop,
                           &daemon->sessions));
    if (daemon->presence.watch_fd >= 0) {
        LODE_TRY(add_source(daemon, &daemon->removed, daemon->presence.watch_fd, removed_ready,
                            "a watch on our files"));
    }
    LODE_TRY(lode_wire_start()); /* rather now than for the first session that comes */
    LODE_TRY(await_store(options));
    LODE_TRY(store_open(&daemon->paths, &daemon->loop, store_lost, daemon, &daemon->store));
    LODE_TRY(start_drive(daemon, options));
    LODE_TRY(failures_create(&daemon->paths, daemon->drive, &daemon->failures));
    LODE_TRY(workers_open(options->supervisor_fd, &daemon->loop, daemon->drive, supervisor_lost,
                          daemon, &daemon->workers));
    sessions_on_pipe(daemon->sessions, take_pipe, daemon);
    store_serve(daemon->store, daemon->drive);
    LODE_TRY(sessions_serve(daemon->sessions, daemon->drive));
    offers_read(&daemon->offers, offer_again, daemon);
    drive_lock(daemon->drive); /* the core's first actions: to start the workers */
    drive_unlock(daemon->drive);
    return LODE_OK;
}

/*
 * Everything that is left goes with the process, which ends at once: descriptors, sessions (their
 * peers see the end of their sockets), threads.
 */
lode_err
daemon_run(const struct daemon_options *options, int *status_out)
{
    static struct scheduler daemon;
    daemon.offers.fd = options->offers_fd;
    lode_presence_init(&daemon.presence);
    lode_err err = start(&daemon, options);
    if (err == LODE_OK) {
        if (options->is_private) {
            lode_log_to_file(daemon.paths.logs, LODE_FILE_PRIVATE_LOG);
        }
        lode_shell_say_ready(options->ready_fd);
        err = loop_run(&daemon.loop);
    }
    copier_end(daemon.copier);
    if (daemon.sessions != NULL) { /* the lock is ours */
        /*
         * The process that told the daemon to end clears a private directory; else the daemon does.
         */
        bool over =
            options->is_private && err == LODE_OK && daemon.exit_status == 0 && !daemon.told;
        lode_paths_sweep(&daemon.paths,
                         over ? LODE_SWEEP_PRIVATE | lode_sweep_keeps(&daemon.paths)
                              : LODE_SWEEP_SCHEDULER,
                         -1, LODE_NEVER);
    }
    *status_out = daemon.exit_status;
    return err != LODE_OK && is_told_to_end(&daemon) ? LODE_OK : err; /* amid its start */
}
