#include "worker/runtime/populate.h"

#include "api/base/clock.h"
#include "api/client/store/look.h"

#include <limits.h>
#include <signal.h>

enum { STACK_BYTES = 128 << 10 };

void
populate_init(struct populate *populate, lode *db)
{
    *populate = (struct populate){.db = db};
    lode_mutex_init(&populate->mu, LODE_LOCK_WORKER_POPULATE);
    lode_cond_init(&populate->asked);
}

static void *
populate_run(void *arg)
{
    struct populate *populate = arg;
    lode_mutex_lock(&populate->mu);
    while (!populate->stop) {
        if (populate->count == 0) {
            lode_cond_wait(&populate->asked, &populate->mu, LODE_NEVER);
            continue;
        }
        lode_id id = populate->list[populate->first];
        populate->first = (populate->first + 1) % POPULATE_LIST;
        populate->count--;
        lode_mutex_unlock(&populate->mu);
        lode_prefetch(populate->db, id);
        lode_mutex_lock(&populate->mu);
    }
    lode_mutex_unlock(&populate->mu);
    return NULL;
}

/* The thread starts with all signals blocked: the user's code expects them on the main thread. */
static bool
start_locked(struct populate *populate)
{
    pthread_attr_t attr;
    sigset_t all, before;
    lode_mutex_assert_held(&populate->mu);
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    populate->started = pthread_create(&populate->thread, &attr, populate_run, populate) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return populate->started;
}

void
populate_ask(struct populate *populate, lode_id id)
{
    if (lode_session_size_hint(populate->db, id) < POPULATE_MIN_BYTES) {
        return;
    }
    lode_mutex_lock(&populate->mu);
    if (populate->count < POPULATE_LIST && (populate->started || start_locked(populate))) {
        populate->list[(populate->first + populate->count) % POPULATE_LIST] = id;
        populate->count++;
        lode_cond_signal(&populate->asked);
    }
    lode_mutex_unlock(&populate->mu);
}

bool
populate_has_thread(struct populate *populate)
{
    lode_mutex_lock(&populate->mu);
    bool started = populate->started;
    lode_mutex_unlock(&populate->mu);
    return started;
}

void
populate_fini(struct populate *populate)
{
    lode_mutex_lock(&populate->mu);
    bool started = populate->started;
    populate->stop = true;
    lode_cond_signal(&populate->asked);
    lode_mutex_unlock(&populate->mu);
    if (started) {
        pthread_join(populate->thread, NULL);
    }
    lode_cond_fini(&populate->asked);
    lode_mutex_fini(&populate->mu);
}
