#include "store/state/forks.h"

#include "api/base/fail.h"
#include "api/cluster/paths.h"
#include "api/cluster/files.h"
#include "store/state/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct fork {
    struct source ended; /* first: a source is its fork */
    struct fork *next;
    int pipe_fd;      /* the reading end; -1: it has ended, the mark alone counts */
    uint64_t number;  /* the byte of the index file that its mark locks */
    uint64_t session; /* whose process forked */
    int64_t pid;      /* of that process; 0: it cannot be seen from the store's pid namespace */
    uint32_t room;    /* pin slots to be copied */
    uint32_t slot;    /* that is copied next */
    uint32_t count;
    uint32_t unpinned; /* of them, after the end */
    uint64_t awaits; /* so many forks must have been freed before it looks again whether it fits */
    uint64_t look_below; /* of forks with smaller numbers it has not looked at the mark yet */
    uint32_t entries[];
};

/* ---- marks ---- */

static struct flock
lock_of(uint64_t number, short type)
{
    return (struct flock){
        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)number, .l_len = 1};
}

/* An open file of its own, since an open file loses its locks with the last map and descriptor. */
static lode_err
open_mark(const struct store *store, uint64_t number, int *fd_out)
{
    char path[LODE_PATH_MAX];
    struct flock lock = lock_of(number, F_RDLCK);
    LODE_TRY(lode_path_join(path, sizeof path, store->dir, LODE_FILE_INDEX));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return lode_fail_errno("cannot open '%s' for a fork", path);
    }
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        lode_err err = lode_fail_errno("cannot lock '%s' for a fork", path);
        close(fd);
        return err;
    }
    *fd_out = fd;
    return LODE_OK;
}

static bool
mark_is_held(const struct store *store, const struct fork *fork)
{
    struct flock lock = lock_of(fork->number, F_WRLCK);
    return fcntl(store->table.index_fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ---- the life of a fork ---- */

static void
unwatch(struct store *store, struct fork *fork)
{
    (void)epoll_ctl(store->epoll_fd, EPOLL_CTL_DEL, fork->pipe_fd, NULL);
    close(fork->pipe_fd);
    fork->pipe_fd = -1;
}

/*
 * Makes candidates of what ended forks have pinned: objects that only they pinned can be freed now.
 * The fork that ended first goes first, so each comes to its end however many follow.
 */
static bool
unpin_part(struct store *store, struct chore *chore)
{
    (void)chore;
    for (int i = 0; store->ended_forks != NULL;) {
        struct fork *fork = store->ended_forks;
        for (; fork->unpinned < fork->count; fork->unpinned++) {
            uint32_t entry = fork->entries[fork->unpinned];
            if (i++ == CHORE_LOOKS) {
                return false;
            }
            if (entry_state(&store->table, entry) == LODE_ENTRY_WANTED) {
                candidate_add(&store->table, entry);
            }
        }
        store->ended_forks = fork->next;
        store->forks_freed++;
        store->fork_count--;
        store->fork_pins -= fork->count;
        free(fork);
    }
    return true;
}

/* A fork that has ended counts for the limits until its memory is free. */
static void
append_ended(struct store *store, struct fork *fork)
{
    struct fork **end = &store->ended_forks;
    if (store->ended_forks != NULL) {
        end = &store->last_ended_fork->next;
    }
    *end = store->last_ended_fork = fork;
    fork->next = NULL;
}

static void
let_go(struct store *store, struct fork *fork)
{
    struct fork **at = &store->forks;
    while (*at != fork) {
        at = &(*at)->next;
    }
    *at = fork->next;
    if (store->batch.walk.fork == fork) {
        store->batch.walk.fork = fork->next;
        store->batch.walk.fork_pin = 0;
    }
    append_ended(store, fork);
    if (!store->forks_ending.is_given && !unpin_part(store, &store->forks_ending)) {
        chores_give(store, &store->forks_ending, unpin_part);
    }
}

static void
on_end_of_pipe(struct store *store, struct source *source, uint32_t events)
{
    struct fork *fork = (struct fork *)source;
    (void)events;
    unwatch(store, fork);
    if (!mark_is_held(store, fork)) {
        let_go(store, fork);
    }
}

/*
 * Looks at the marks of `most` forks whose number is below that, the newest first, and ends those
 * that are not held. It passes over a fork whose pipe is still watched: the loop may be about to
 * handle its event. True: that were all.
 */
static bool
reap_part(struct store *store, uint64_t *below, uint32_t most)
{
    struct fork *next;
    for (struct fork *fork = store->forks; fork != NULL; fork = next) {
        next = fork->next;
        if (fork->number >= *below || fork->pipe_fd >= 0) {
            continue;
        }
        if (most-- == 0) {
            return false;
        }
        *below = fork->number;
        if (!mark_is_held(store, fork)) {
            let_go(store, fork);
        }
    }
    *below = 0;
    return true;
}

void
forks_reap(struct store *store)
{
    uint64_t below = UINT64_MAX;
    (void)reap_part(store, &below, UINT32_MAX);
}

void
forks_destroy(struct store *store)
{
    while (store->forks != NULL) {
        struct fork *fork = store->forks;
        store->forks = fork->next;
        if (fork->pipe_fd >= 0) {
            close(fork->pipe_fd);
        }
        free(fork);
    }
    chores_do_now(store, &store->forks_ending);
}

void
forks_each_pin(struct store *store, void (*each)(struct store *store, uint32_t entry, void *arg),
               void *arg)
{
    for (const struct fork *fork = store->forks; fork != NULL; fork = fork->next) {
        for (uint32_t i = 0; i < fork->count; i++) {
            each(store, fork->entries[i], arg);
        }
    }
}

bool
forks_walk_part(struct store *store, struct session_walk *walk, uint32_t *most,
                void (*each)(struct store *store, uint32_t entry, void *arg), void *arg)
{
    while (walk->fork != NULL) {
        const struct fork *fork = walk->fork;
        for (; walk->fork_pin<fork->count && * most> 0; --*most) {
            each(store, fork->entries[walk->fork_pin++], arg);
        }
        if (walk->fork_pin < fork->count) {
            return false;
        }
        walk->fork = fork->next;
        walk->fork_pin = 0;
    }
    return true;
}

/* ---- a new one ---- */

/* A pin on an entry that is not sealed is one that its reader will clear again by itself. */
static bool
pin_counts(const struct store *store, uint32_t pin)
{
    return pin != 0 && pin - 1 < store->table.entry_count &&
           entry_is_sealed(&store->table, pin - 1);
}

static bool
is_of_process(const struct fork *fork, const struct session *session)
{
    return session->pid > 0 ? fork->pid == session->pid : fork->session == session->number;
}

struct tally {
    uint32_t forks;
    uint64_t pins;
};

/* What the session's process holds of the list; without a session, what all do. */
static struct tally
tally_of(const struct fork *fork, const struct session *session)
{
    struct tally held = {0};
    for (; fork != NULL; fork = fork->next) {
        if (session == NULL || is_of_process(fork, session)) {
            held.forks++;
            held.pins += fork->count;
        }
    }
    return held;
}

static bool
is_too_much(const struct tally *process, const struct tally *all, uint32_t pins)
{
    return process->forks >= FORKS_OF_PROCESS_MAX ||
           process->pins + pins > FORK_PINS_OF_PROCESS_MAX || all->forks >= FORKS_MAX ||
           all->pins + pins > FORK_PINS_MAX;
}

static lode_err
check_limits(const struct store *store, const struct session *session, uint32_t pins)
{
    struct tally live = tally_of(store->forks, session);
    struct tally ended = tally_of(store->ended_forks, session);
    struct tally process = {live.forks + ended.forks, live.pins + ended.pins};
    struct tally all = {store->fork_count, store->fork_pins};
    if (!is_too_much(&process, &all, pins)) {
        return LODE_OK;
    }
    if (process.forks >= FORKS_OF_PROCESS_MAX || process.pins + pins > FORK_PINS_OF_PROCESS_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "children of %u forks of this process hold %llu pins: there can be "
                              "%d and %d. End some of the children",
                              (unsigned)process.forks, (unsigned long long)process.pins,
                              FORKS_OF_PROCESS_MAX, FORK_PINS_OF_PROCESS_MAX);
    }
    return lode_fail_with(
        LODE_ELIMIT,
        "children of %u forks hold %llu pins: there can be %d and %d. End some of the children",
        (unsigned)all.forks, (unsigned long long)all.pins, FORKS_MAX, FORK_PINS_MAX);
}

/* With `ended`: those count as well that have ended, and are not freed yet. */
static bool
fits(const struct store *store, const struct session *session, uint32_t pins, bool ended)
{
    struct tally process = tally_of(store->forks, session), all = tally_of(store->forks, NULL);
    if (ended) {
        struct tally more = tally_of(store->ended_forks, session);
        process = (struct tally){process.forks + more.forks, process.pins + more.pins};
        all = (struct tally){store->fork_count, store->fork_pins};
    }
    return !is_too_much(&process, &all, pins);
}

bool
forks_must_wait(struct store *store, const struct session *session, struct fork *fork)
{
    if (store->ended_forks != NULL && fork->awaits == store->forks_freed + 1) {
        return true;
    }
    if (fits(store, session, fork->count, true)) {
        return false;
    }
    if (fork->look_below > 0 && !reap_part(store, &fork->look_below, FORK_LOOKS)) {
        return true;
    }
    fork->awaits = store->forks_freed + 1;
    return store->ended_forks != NULL && fits(store, session, fork->count, false);
}

/*
 * The client's threads pin and release while the store looks. So the store reads each slot once,
 * and has room for all slots. If it counted the pins first and then copied as many, a client could
 * set a pin in an early slot between the two. That pin would take the place of one in a later slot,
 * which the child needs. A pin that is set after this is not the fork's.
 */
lode_err
forks_begin(const struct session *session, struct fork **fork_out)
{
    uint32_t high = file_pin_high(session);
    struct fork *fork = malloc(sizeof *fork + high * sizeof fork->entries[0]);
    if (fork == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the pins of a fork");
    }
    *fork = (struct fork){.ended.ready = on_end_of_pipe,
                          .pipe_fd = -1,
                          .session = session->number,
                          .pid = session->pid,
                          .room = high,
                          .look_below = UINT64_MAX};
    *fork_out = fork;
    return LODE_OK;
}

bool
forks_copy_part(const struct store *store, const struct session *session, struct fork *fork)
{
    uint32_t high = file_pin_high(session), end = fork->room < high ? fork->room : high;
    for (int i = 0; i < CHORE_LOOKS && fork->slot < end; i++) {
        uint32_t pin = file_pin(session, fork->slot++);
        if (pin_counts(store, pin)) {
            fork->entries[fork->count++] = pin - 1;
        }
    }
    return fork->slot >= end;
}

void
forks_forget(struct fork *fork)
{
    free(fork);
}

/* Gives a fork its number and its two descriptors for the client. */
static lode_err
open_ends(struct store *store, struct fork *fork, int fds_out[2])
{
    int ends[2];
    fork->number = store->next_fork++;
    LODE_TRY(open_mark(store, fork->number, &fds_out[0]));
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        lode_err err = lode_fail_errno("cannot make a pipe for a fork");
        close(fds_out[0]);
        return err;
    }
    fork->pipe_fd = ends[0];
    fds_out[1] = ends[1];
    lode_err err = store_watch_fd(store, ends[0], EPOLLIN, &fork->ended);
    if (err != LODE_OK) {
        close(fds_out[0]);
        close(ends[0]);
        close(ends[1]);
    }
    return err;
}

lode_err
forks_keep(struct store *store, const struct session *session, struct fork *fork, int fds_out[2])
{
    lode_err err = check_limits(store, session, fork->count);
    if (err == LODE_OK) {
        struct fork *shrunk = realloc(fork, sizeof *fork + fork->count * sizeof fork->entries[0]);
        fork = shrunk != NULL ? shrunk : fork;
        err = open_ends(store, fork, fds_out);
    }
    if (err != LODE_OK) {
        free(fork);
        return err;
    }
    fork->next = store->forks;
    store->forks = fork;
    store->fork_count++;
    store->fork_pins += fork->count;
    return LODE_OK;
}
