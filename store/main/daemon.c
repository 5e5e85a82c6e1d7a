#include "store/main/daemon.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/base/files.h"
#include "api/base/log.h"
#include "api/base/paths.h"
#include "api/base/socket.h"
#include "api/base/sweep.h"
#include "store/sessions/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS_AT_ONCE = 64,
    ACCEPTS_AT_ONCE = 64,
    EMPTY_LOOKS = 8,
    VAIN_LOOKS = 8,
    LOOK_NS = 10000
};

struct daemon {
    struct source listener, signals, lifeline;
    int listen_fd, signal_fd, lifeline_fd;
    int spare_fd; /* given up to refuse a client when descriptors have run out */
    bool starved; /* no descriptor was left; said once */
    bool stop;
    bool told;       /* by a signal */
    int empty_looks; /* in a row; see timeout_of() */
    int vain_looks;  /* in a row; see wait_for_events() */
    bool many_cpus;
    struct store *store;
};

static struct daemon the_daemon;

/* ---- what wakes the loop ---- */

/*
 * Without a free descriptor a connection cannot even be refused, and epoll would report it for
 * ever. The spare one is given up for a moment.
 */
static void
refuse_one(struct daemon *d)
{
    if (d->spare_fd >= 0) {
        close(d->spare_fd);
    }
    int fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    d->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!d->starved) {
        lode_log("STORE-STARVED", "no descriptor is left: clients are refused; raise the limit "
                                  "(ulimit -n)");
    }
    d->starved = true;
}

static void
on_connect(struct store *store, struct source *source, uint32_t events)
{
    struct daemon *d = &the_daemon;
    (void)source;
    (void)events;
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        int fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            d->starved = false;
            if (connection_accept(store, fd) != LODE_OK) {
                lode_log("STORE-SESSION-REFUSED", "%s", lode_last_error());
            }
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            refuse_one(d);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

static void
on_signal(struct store *store, struct source *source, uint32_t events)
{
    struct signalfd_siginfo info;
    (void)store;
    (void)source;
    (void)events;
    if (read(the_daemon.signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        the_daemon.stop = the_daemon.told = true;
    }
}

static void
on_lifeline(struct store *store, struct source *source, uint32_t events)
{
    char byte;
    (void)store;
    (void)source;
    ssize_t got = read(the_daemon.lifeline_fd, &byte, sizeof byte);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
        (events & (EPOLLHUP | EPOLLERR))) {
        the_daemon.stop = true;
    }
}

/* ---- starting ---- */

static bool
has_many_cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 1;
}

static void
raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)!setrlimit(RLIMIT_NOFILE, &files);
    }
    /* Where it is permitted: the memory of all is here, so others go first. */
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "-900", 4);
        close(fd);
    }
}

static lode_err
open_signals(struct daemon *d)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return lode_fail_errno("cannot block signals");
    }
    d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return d->signal_fd < 0 ? lode_fail_errno("cannot make a signalfd") : LODE_OK;
}

static lode_err
take_lifeline(struct daemon *d, int fd)
{
    if (fd < 0) {
        return LODE_OK;
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        return lode_fail_errno("the lifeline's descriptor %d cannot be used", fd);
    }
    d->lifeline_fd = fd;
    return store_watch_fd(d->store, fd, EPOLLIN, &d->lifeline);
}

static lode_err
open_store(struct daemon *d, const struct lode_paths *paths, const struct options *options)
{
    struct store_options store = {.shm_dir = paths->shm, .capacity_bytes = options->capacity_bytes};
    if (getrandom(&store.generation, sizeof store.generation, 0) !=
        (ssize_t)sizeof store.generation) {
        return lode_fail_errno("cannot draw the store's generation");
    }
    store.generation |= 1; /* not 0 */
    return store_create(&store, &d->store);
}

static lode_err
start_serving(struct daemon *d, const struct lode_paths *paths, const struct options *options)
{
    char path[LODE_PATH_MAX];
    d->listener.ready = on_connect;
    d->signals.ready = on_signal;
    d->lifeline.ready = on_lifeline;
    d->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    LODE_TRY(store_watch_fd(d->store, d->signal_fd, EPOLLIN, &d->signals));
    LODE_TRY(take_lifeline(d, options->lifeline_fd));
    LODE_TRY(lode_path_join(path, sizeof path, paths->dir, LODE_FILE_STORE_SOCKET));
    LODE_TRY(lode_socket_listen(path, &d->listen_fd));
    return store_watch_fd(d->store, d->listen_fd, EPOLLIN, &d->listener);
}

static void
say_ready(int fd)
{
    if (fd >= 0) {
        if (write(fd, "+", 1) != 1) {
            lode_log("STORE-READY", "nobody waits for the notice");
        }
        close(fd);
    }
}

/* ---- the loop ---- */

/*
 * Frees are gathered while more comes in, so before a sleep the loop looks once more. Where the last
 * few looks found nothing, and since then one event came at a time, that is left out, and with it
 * system calls on the path of every handoff.
 */
static int
timeout_of(struct daemon *d)
{
    enum { ROUNDS = 4 }; /* what is freed makes room, and that is given away: 2, mostly */
    for (int i = 0; i < ROUNDS && store_has_work(d->store) && d->empty_looks >= EMPTY_LOOKS; i++) {
        store_settle(d->store, true);
    }
    return store_has_work(d->store) ? 0 : -1;
}

/*
 * Between two CPUs a wake takes longer than what a handoff's other side does before it rings: while
 * one is under way the loop looks for a few microseconds before it sleeps, unless that was in vain
 * the last times, or there is but one CPU.
 */
static int
wait_for_events(struct daemon *d, struct epoll_event *events, int timeout)
{
    int count = 0;
    bool looks = timeout < 0 && d->many_cpus && d->store->stream_count > 0;
    if (looks && d->vain_looks < VAIN_LOOKS) {
        int64_t until = lode_now_ns() + LOOK_NS;
        do {
            count = epoll_wait(d->store->epoll_fd, events, EVENTS_AT_ONCE, 0);
        } while (count == 0 && lode_now_ns() < until);
        d->vain_looks = count == 0 ? d->vain_looks + 1 : 0;
    }
    if (count != 0) {
        return count;
    }
    int64_t slept = looks ? lode_now_ns() : 0;
    count = epoll_wait(d->store->epoll_fd, events, EVENTS_AT_ONCE, timeout);
    if (looks && d->vain_looks == VAIN_LOOKS && lode_now_ns() - slept < LOOK_NS) {
        d->vain_looks = 0; /* a look would have been enough */
    }
    return count;
}

static void
loop(struct daemon *d)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    while (!d->stop) {
        int timeout = timeout_of(d);
        int count = wait_for_events(d, events, timeout);
        for (int i = 0; i < count; i++) {
            struct source *source = events[i].data.ptr;
            source->ready(d->store, source, events[i].events);
        }
        if (count > 1) {
            d->empty_looks = 0;
        } else if (timeout == 0 && count == 0 && d->empty_looks < EMPTY_LOOKS) {
            d->empty_looks++;
        }
        store_settle(d->store, count <= 0);
    }
}

static lode_err
serve(struct daemon *d, const struct lode_paths *paths, const struct options *options)
{
    lode_paths_sweep(paths, LODE_SWEEP_STORE); /* what a dead store left: we have the lock */
    LODE_TRY(open_signals(d));
    raise_limits();
    d->many_cpus = has_many_cpus();
    LODE_TRY(open_store(d, paths, options));
    lode_err err = start_serving(d, paths, options);
    if (err == LODE_OK) {
        if (!options
                 ->is_private) { /* a private one speaks on its program's stderr: only of faults */
            lode_log("STORE-SERVES", "%s, %llu bytes in %s", paths->dir,
                     (unsigned long long)d->store->table.header->segment_bytes[0], paths->shm);
        }
        say_ready(options->ready_fd);
        loop(d);
        if (!options->is_private) {
            lode_log("STORE-ENDS", "%s", paths->dir);
        }
    }
    if (d->listen_fd >= 0) {
        close(d->listen_fd);
    }
    store_destroy(d->store, true);
    return err;
}

lode_err
daemon_run(const struct options *options)
{
    struct daemon *d = &the_daemon;
    struct lode_paths paths;
    char path[LODE_PATH_MAX];
    int lock_fd;
    *d = (struct daemon){.listen_fd = -1, .signal_fd = -1, .lifeline_fd = -1, .spare_fd = -1};
    LODE_TRY(lode_paths_resolve(options->dir, &paths));
    LODE_TRY(lode_paths_prepare(&paths));
    LODE_TRY(lode_path_join(path, sizeof path, paths.dir, LODE_FILE_STORE_LOCK));
    LODE_TRY(daemon_lock(path, &lock_fd));
    lode_err err = serve(d, &paths, options);
    /* Whoever told us to end clears a private directory; where nobody did, we do. */
    bool over = options->is_private && !d->told;
    lode_paths_sweep(&paths, over ? LODE_SWEEP_PRIVATE : LODE_SWEEP_STORE);
    close(lock_fd);
    return err;
}
