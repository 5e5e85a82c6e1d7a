#include "store/main/daemon.h"

#include "api/base/clock.h"
#include "api/cluster/directories.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/hold.h"
#include "api/base/log.h"
#include "api/cluster/log_to_file.h"
#include "api/cluster/paths.h"
#include "api/cluster/presence.h"
#include "api/system/membarrier.h"
#include "api/system/shell.h"
#include "api/cluster/sweep.h"
#include "store/main/life.h"
#include "store/requests/held.h"
#include "store/sessions/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 16, ACCEPTS_AT_ONCE = 64, EMPTY_LOOKS = 8 };

struct daemon {
    struct source listener, signals, lifeline, removed;
    struct lode_presence presence;
    int shm_fd; /* the lock on the directory for shared memory */
    int signal_fd, lifeline_fd;
    int spare_fd; /* given up to refuse a client when descriptors have run out */
    bool starved; /* no descriptor was left; said once */
    bool stop;
    bool told; /* by a signal */
    struct epoll_event events[EVENTS_AT_ONCE];
    int event_count, next_event;
    int empty_looks; /* in a row; see timeout_of() */
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
    int fd = accept4(d->presence.listen_fd, NULL, NULL, SOCK_CLOEXEC);
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
accept_from(struct store *store, int listen_fd, int most)
{
    struct daemon *d = &the_daemon;
    for (int i = 0; i < most; i++) {
        if (store->newcomer_count >= STORE_NEWCOMERS_MAX && !connection_end_silent(store)) {
            return; /* newcomers are read first; epoll tells of this one again */
        }
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            d->starved = false;
            if (connection_accept(store, fd) != LODE_OK) {
                lode_log("STORE-SESSION-REFUSED", "%s", lode_last_error());
            }
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            if (connection_end_silent(store)) {
                continue;
            }
            refuse_one(d);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

static void
on_connect(struct store *store, struct source *source, uint32_t events)
{
    (void)source;
    (void)events;
    accept_from(store, the_daemon.presence.listen_fd, ACCEPTS_AT_ONCE);
}

static void
on_signal(struct store *store, struct source *source, uint32_t events)
{
    (void)store;
    (void)source;
    (void)events;
    if (lode_shell_is_told(the_daemon.signal_fd)) {
        the_daemon.stop = the_daemon.told = true;
    }
}

static void
on_lifeline(struct store *store, struct source *source, uint32_t events)
{
    (void)store;
    (void)source;
    (void)events;
    the_daemon.stop = the_daemon.stop || lode_shell_lifeline_ended(the_daemon.lifeline_fd);
}

/*
 * A lock file or a socket may have been removed. Programs that wait at the old socket are accepted
 * before it is closed. If more wait than the store accepts at a time, the rest see the end of their
 * connection.
 */
static void
on_removed(struct store *store, struct source *source, uint32_t events)
{
    struct daemon *d = &the_daemon;
    int old_fd = -1;
    (void)source;
    (void)events;
    d->stop = d->stop || (d->lifeline_fd >= 0 && lode_shell_lifeline_ended(d->lifeline_fd));
    if (d->stop) {
        lode_presence_unwatch(&d->presence); /* what is removed now is swept */
        return;
    }
    if (!lode_presence_restore(&d->presence, &old_fd)) {
        return;
    }
    accept_from(store, old_fd, STORE_NEWCOMERS_MAX);
    close(old_fd);
    if (store_watch_fd(store, d->presence.listen_fd, EPOLLIN, &d->listener) != LODE_OK) {
        lode_log("STORE-DEAF", "no program can attach any more: %s", lode_last_error());
    }
}

/* ---- starting ---- */

static lode_err
take_lifeline(struct daemon *d, int fd)
{
    if (fd < 0) {
        return LODE_OK;
    }
    LODE_TRY(lode_shell_take_lifeline(fd));
    d->lifeline_fd = fd;
    return store_watch_fd(d->store, fd, EPOLLIN, &d->lifeline);
}

/*
 * The supervisor holds LODE_SHM_DIR before its first store, between two of them, and after the
 * last: no other cluster gets in. A lock on a directory belongs to the open file, so the store
 * holds it by the supervisor's descriptor.
 */
static lode_err
hold_shm(struct daemon *d, const struct lode_paths *paths, int inherited_fd)
{
    if (inherited_fd < 0) {
        return lode_directory_hold_shm(paths, &d->shm_fd);
    }
    if (fcntl(inherited_fd, F_SETFD, FD_CLOEXEC) != 0 ||
        !lode_hold_is_at(inherited_fd, paths->shm)) {
        return lode_fail_with(LODE_EINVAL, "descriptor %d is not the directory '%s'", inherited_fd,
                              paths->shm);
    }
    d->shm_fd = inherited_fd;
    return LODE_OK;
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
    LODE_TRY(store_create(&store, &d->store));
    d->store->fences_releases = lode_membarrier();
    return LODE_OK;
}

static lode_err
start_serving(struct daemon *d, const struct options *options)
{
    d->listener.ready = on_connect;
    d->signals.ready = on_signal;
    d->lifeline.ready = on_lifeline;
    d->removed.ready = on_removed;
    d->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    LODE_TRY(store_watch_fd(d->store, d->signal_fd, EPOLLIN, &d->signals));
    LODE_TRY(take_lifeline(d, options->lifeline_fd));
    LODE_TRY(lode_presence_listen(&d->presence));
    if (d->presence.watch_fd >= 0) {
        LODE_TRY(store_watch_fd(d->store, d->presence.watch_fd, EPOLLIN, &d->removed));
    }
    return store_watch_fd(d->store, d->presence.listen_fd, EPOLLIN, &d->listener);
}

/* ---- the loop ---- */

/*
 * How long the loop may sleep: -1 without limit, 0 not at all, because work is left.
 *
 * Work such as freeing is put off while events come in. Where some is left, the loop asks epoll
 * once more without sleeping, and does the work if no event was there. If the last EMPTY_LOOKS such
 * questions found no event, and events came one at a time since, the next one would most likely
 * find none either. The loop then does the work at once, which saves every handoff a system call.
 */
static int
timeout_of(struct daemon *d)
{
    enum { ROUNDS = 4 }; /* a round that frees makes room, the next gives it away: mostly 2 */
    if (d->store->held.session != NULL) {
        return 0; /* held.h: just to look */
    }
    for (int i = 0; i < ROUNDS && store_has_work(d->store) && d->empty_looks >= EMPTY_LOOKS; i++) {
        store_settle(d->store, true);
    }
    return store_has_work(d->store) ? 0 : -1;
}

/* A turn is what the loop does between two looks at its events. It counts the longest one. */
static void
end_turn(struct store *store)
{
    int64_t now_ns = lode_now_ns();
    uint64_t took_ns = (uint64_t)(now_ns - store->turn_ns);
    if (took_ns > store->counts.longest_turn_ns) {
        store->counts.longest_turn_ns = took_ns;
    }
    store->turn_ns = now_ns;
}

/* The end of a turn is the beginning of the next one, unless the loop sleeps between them. */
static void
begin_turn(struct store *store, bool slept)
{
    if (slept) {
        store->turn_ns = lode_now_ns();
    }
    store->turn_began = true;
}

/* Looks for events. What was found before has been handled. */
static void
look(struct daemon *d)
{
    int timeout = timeout_of(d);
    end_turn(d->store);
    int count = epoll_wait(d->store->epoll_fd, d->events, EVENTS_AT_ONCE, timeout);
    begin_turn(d->store, timeout != 0);
    if (count > 1) {
        d->empty_looks = 0;
        held_send(d->store);
    } else if (timeout == 0 && count == 0 && d->empty_looks < EMPTY_LOOKS) {
        d->empty_looks++;
    }
    d->event_count = count > 0 ? count : 0;
    d->next_event = 0;
}

/*
 * Handles events until the turn is over. The rest is handled in the next turn, before the loop
 * looks for more: epoll tells of a doorbell once only.
 */
static void
handle_events(struct daemon *d)
{
    int64_t end_ns = d->store->turn_ns + STORE_TURN_NS;
    do {
        struct source *source = d->events[d->next_event].data.ptr;
        source->ready(d->store, source, d->events[d->next_event].events);
        d->next_event++;
    } while (d->next_event < d->event_count && lode_now_ns() < end_ns);
    d->store->has_events = d->next_event < d->event_count;
}

static void
loop(struct daemon *d)
{
    d->store->turn_ns = lode_now_ns();
    while (!d->stop) {
        if (d->store->has_events) {
            end_turn(d->store);
        } else {
            look(d);
        }
        bool would_sleep = d->event_count == 0;
        if (!would_sleep) {
            handle_events(d);
        }
        store_settle(d->store, would_sleep);
    }
}

static lode_err
serve(struct daemon *d, const struct lode_paths *paths, const struct options *options)
{
    int64_t deadline = lode_deadline(LODE_SWEEP_START_MS);
    lode_paths_sweep(paths, LODE_SWEEP_STORE, d->shm_fd, deadline); /* what a dead store left */
    lode_sweep_dead(paths, true, deadline, NULL, NULL);
    LODE_TRY(lode_shell_signals(&d->signal_fd));
    LODE_TRY(open_store(d, paths, options));
    lode_err err = start_serving(d, options);
    if (err == LODE_OK) {
        if (!options
                 ->is_private) { /* a private one speaks on its program's stderr: only of faults */
            lode_log("STORE-SERVES", "%s, %llu bytes in %s", paths->dir,
                     (unsigned long long)d->store->table.header->segment_bytes[0], paths->shm);
        }
        if (options->is_private) {
            lode_log_to_file(paths->logs, LODE_FILE_PRIVATE_LOG);
        }
        lode_shell_say_ready(options->ready_fd);
        loop(d);
        if (!options->is_private) {
            lode_log("STORE-ENDS", "%s", paths->dir);
        }
    }
    store_destroy(d->store, true);
    return err;
}

lode_err
daemon_run(const struct options *options)
{
    enum { OTHERS_GO_FIRST = -900 }; /* the memory of all is here */
    struct daemon *d = &the_daemon;
    struct lode_paths paths;
    *d = (struct daemon){.shm_fd = -1, .signal_fd = -1, .lifeline_fd = -1, .spare_fd = -1};
    lode_shell_enter(OTHERS_GO_FIRST);
    lode_presence_init(&d->presence);
    LODE_TRY(lode_paths_resolve(options->dir, &paths));
    LODE_TRY(lode_directory_prepare(paths.dir, "LODE_DIR"));
    LODE_TRY(lode_presence_open(&d->presence, paths.dir, LODE_FILE_STORE_LOCK,
                                LODE_FILE_STORE_SOCKET, options->is_private));
    lode_err err = hold_shm(d, &paths, options->shm_fd);
    if (err != LODE_OK) {
        lode_presence_withdraw(&d->presence);
        return err;
    }
    err = serve(d, &paths, options);
    /*
     * The process that told this store to end clears a private directory. If none did, the store
     * does. Where it fails, its supervisor clears the directory: what vanished under that would be
     * put back.
     */
    bool over = options->is_private && err == LODE_OK && !d->told;
    lode_paths_sweep(&paths,
                     over ? LODE_SWEEP_PRIVATE | lode_sweep_keeps(&paths) : LODE_SWEEP_STORE,
                     d->shm_fd, LODE_NEVER);
    lode_presence_close(&d->presence);
    close(d->shm_fd);
    return err;
}
