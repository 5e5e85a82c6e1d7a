#include "tools/supervisor/opening.h"

#include "api/base/clock.h"
#include "api/cluster/directories.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/hold.h"
#include "tools/clusters/clusters.h"
#include "tools/clusters/owner.h"
#include "tools/clusters/places.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* A signal that is ignored from the start (nohup, a script's background job) stays ignored. */
static void
add_unless_ignored(sigset_t *set, int signal)
{
    struct sigaction old;
    if (sigaction(signal, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
        sigaddset(set, signal);
    }
}

static lode_err
open_signals(struct supervisor *s)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t all, wanted;
    sigfillset(&all);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGCHLD);
    add_unless_ignored(&wanted, SIGINT);
    add_unless_ignored(&wanted, SIGHUP);
    /* An ignored SIGCHLD, which is inherited, would have the kernel reap our children. */
    sigaction(SIGCHLD, &standard, NULL);
    sigprocmask(SIG_SETMASK, &all, NULL);
    s->signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals < 0 ? lode_fail_errno("cannot make a signalfd") : LODE_OK;
}

static lode_err
open_descriptors(struct supervisor *s)
{
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    s->offers_fd = memfd_create("lode-offers", MFD_CLOEXEC);
    if (s->epoll < 0 || s->timer < 0 || s->offers_fd < 0 || pipe2(s->lifeline, O_CLOEXEC) != 0) {
        return lode_fail_errno("cannot make the supervisor's descriptors");
    }
    LODE_TRY(supervisor_watch(s, s->signals, SUPERVISOR_SIGNALS));
    LODE_TRY(supervisor_watch(s, s->timer, SUPERVISOR_TIMER));
    if (s->presence.watch_fd >= 0) {
        LODE_TRY(supervisor_watch(s, s->presence.watch_fd, SUPERVISOR_REMOVED));
    }
    if (s->program_fd >= 0) {
        LODE_TRY(supervisor_watch(s, s->program_fd, SUPERVISOR_PROGRAM));
    }
    return LODE_OK;
}

static lode_err
find_programs(struct supervisor *s)
{
    const char *dir = s->options->program_dir;
    LODE_TRY(lode_path_join(s->store_program, LODE_PATH_MAX, dir, "lode-store"));
    LODE_TRY(lode_path_join(s->scheduler_program, LODE_PATH_MAX, dir, "lode-scheduler"));
    return lode_path_join(s->worker_program, LODE_PATH_MAX, dir, "lode-worker");
}

/*
 * The directory's lock is what refuses a second supervisor: it holds also where a cleaner has
 * removed all files. A supervisor that does not get it makes no lock file: the one that runs there
 * could not put its own back, and `lode stop` would take the refused one for it. The lock file that
 * is there is only asked, since it names the supervisor that runs.
 */
static lode_err
hold_dir(struct supervisor *s)
{
    char lock[LODE_PATH_MAX];
    LODE_TRY(lode_path_join(lock, sizeof lock, s->paths.dir, LODE_FILE_SUPERVISOR_LOCK));
    LODE_TRY(lode_hold_check(lock));
    lode_err err = lode_directory_hold(s->paths.dir, "LODE_DIR", &s->dir_fd);
    if (err != LODE_ERUNNING) {
        return err;
    }
    LODE_TRY(lode_hold_check(lock)); /* it may have started together with us */
    return lode_fail_with(LODE_ERUNNING,
                          "already running: a cluster (perhaps in another container) holds '%s'; "
                          "set LODE_DIR to another directory",
                          s->paths.dir);
}

static lode_err
hold_directories(struct supervisor *s)
{
    s->keeps = lode_sweep_keeps(&s->paths);
    s->keeps_dir = access(s->paths.dir, F_OK) == 0 && !s->options->is_private;
    LODE_TRY(lode_directory_prepare(s->paths.dir, "LODE_DIR"));
    LODE_TRY(hold_dir(s));
    LODE_TRY(lode_presence_open(&s->presence, s->paths.dir, LODE_FILE_SUPERVISOR_LOCK, NULL,
                                s->options->is_private));
    LODE_TRY(supervisor_hold_shm(s));
    /* Shared memory without a directory, other than ours: the store sweeps that. */
    int64_t deadline = lode_deadline(LODE_SWEEP_START_MS);
    lode_paths_sweep(&s->paths, LODE_SWEEP_STORE, s->shm_fd, deadline);
    clusters_sweep_dead(true, deadline, NULL, NULL);
    return LODE_OK;
}

static lode_err
write_places(void *arg)
{
    const struct supervisor *s = arg;
    return places_write(&s->paths);
}

static lode_err
write_owner(void *arg)
{
    const struct supervisor *s = arg;
    return owner_write(s->paths.dir, s->options->owner);
}

lode_err
supervisor_open(struct supervisor *s)
{
    LODE_TRY(open_signals(s));
    /* Orphans of workers become our children, not init's, and are ended with the rest. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        return lode_fail_errno("cannot become a subreaper");
    }
    LODE_TRY(find_programs(s));
    LODE_TRY(lode_paths_resolve(s->options->dir, &s->paths));
    LODE_TRY(hold_directories(s));
    LODE_TRY(open_descriptors(s));
    if (s->options->is_private) {
        LODE_TRY(lode_presence_add(&s->presence, s->paths.dir, LODE_FILE_PLACES, write_places, s));
        LODE_TRY(lode_presence_add(&s->presence, s->paths.dir, LODE_FILE_OWNER, write_owner, s));
    }
    workers_init(&s->workers, s->worker_program, s->paths.dir, s->lifeline[0]);
    return LODE_OK;
}

static void
close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void
supervisor_close(struct supervisor *s)
{
    supervisor_hang_up(s);
    close_fd(s->lifeline[0]);
    close_fd(s->lifeline[1]);
    close_fd(s->signals);
    close_fd(s->timer);
    close_fd(s->epoll);
    close_fd(s->program_fd);
    close_fd(s->offers_fd);
    close_fd(s->ready_fd);
    lode_presence_close(&s->presence);
    close_fd(s->shm_fd);
    close_fd(s->dir_fd);
}
