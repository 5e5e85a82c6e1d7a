#include "api/client/session/process.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/client/session/fork.h"

#include <pthread.h>
#include <unistd.h>

static struct lode_mutex sessions_mu;
static struct lode *sessions;  /* sessions_mu */
static struct lode *forked;    /* sessions_mu: the parent's, in a child; never freed */
static uint64_t last_serial;   /* sessions_mu */
static bool has_fork_handlers; /* sessions_mu */
static pthread_once_t once = PTHREAD_ONCE_INIT;

enum { IN_CHILD_MAX = 4 };
static void (*in_child[IN_CHILD_MAX])(void); /* sessions_mu */
static uint32_t in_child_count;              /* sessions_mu */

static void
before_fork(void)
{
    lode_mutex_lock(&sessions_mu);
    lode_fork_before(sessions);
}

static void
after_fork_in_parent(void)
{
    lode_fork_in_parent(sessions);
    lode_mutex_unlock(&sessions_mu);
}

static void
close_descriptor(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void
fork_session(lode *db)
{
    atomic_store_explicit(&db->state, LODE_SESSION_FORKED, memory_order_relaxed);
    close_descriptor(&db->calls.socket.fd);
    close_descriptor(&db->calls.bell_fd);
    for (struct lode_dependent *at = db->dependents; at != NULL; at = at->next) {
        for (int i = 0; i < LODE_DEPENDENT_FDS; i++) {
            close_descriptor(&at->fds[i]);
        }
    }
    lode_hooks_forked(&db->hooks);
}

static void
after_fork_in_child(void)
{
    lode_fork_in_child(sessions);
    while (sessions != NULL) {
        lode *db = sessions;
        sessions = db->next;
        fork_session(db);
        db->next = forked; /* reachable, as what is never freed should be */
        forked = db;
    }
    for (uint32_t i = 0; i < in_child_count; i++) {
        in_child[i]();
    }
    lode_mutex_unlock(&sessions_mu);
}

static void
init_once(void)
{
    lode_mutex_init(&sessions_mu, LODE_LOCK_PROCESS_SESSIONS);
}

void
lode_process_lock(void)
{
    pthread_once(&once, init_once);
    lode_mutex_lock(&sessions_mu);
}

void
lode_process_unlock(void)
{
    lode_mutex_unlock(&sessions_mu);
}

lode_err
lode_process_watch_forks(void)
{
    lode_process_lock();
    if (!has_fork_handlers) {
        has_fork_handlers =
            pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
    }
    bool has = has_fork_handlers;
    lode_process_unlock();
    return has ? LODE_OK : lode_fail_with(LODE_ENOMEM, "no memory to watch forks of this process");
}

void
lode_process_in_child(void (*run)(void))
{
    lode_process_lock();
    LODE_ASSERT(in_child_count < IN_CHILD_MAX);
    in_child[in_child_count++] = run;
    lode_process_unlock();
}

void
lode_process_add(lode *db)
{
    lode_process_lock();
    db->serial = ++last_serial;
    db->next = sessions;
    sessions = db;
    lode_mutex_unlock(&sessions_mu);
}

bool
lode_process_remove(lode *db, uint64_t serial)
{
    bool removed = false;
    lode_process_lock();
    for (struct lode **at = &sessions; *at != NULL; at = &(*at)->next) {
        if (*at == db && db->serial == serial) {
            *at = db->next;
            removed = true;
            break;
        }
    }
    lode_mutex_unlock(&sessions_mu);
    return removed;
}

static lode *
find_locked(uint64_t serial)
{
    lode *db = sessions;
    lode_mutex_assert_held(&sessions_mu);
    while (db != NULL && db->serial != serial) {
        db = db->next;
    }
    return db;
}

lode *
lode_process_find(uint64_t serial)
{
    lode_process_lock();
    lode *db = find_locked(serial);
    lode_mutex_unlock(&sessions_mu);
    return db;
}

void
lode_process_give_slots(uint64_t serial, const uint32_t *slots, uint32_t count)
{
    lode_process_lock();
    lode *db = find_locked(serial);
    for (uint32_t i = 0; db != NULL && i < count; i++) {
        lode_pin_slots_give(&db->pin_slots, slots[i]);
    }
    lode_mutex_unlock(&sessions_mu);
}

bool
lode_process_is_child(void)
{
    lode_process_lock();
    bool child = forked != NULL;
    lode_mutex_unlock(&sessions_mu);
    return child;
}
