#include "api/wire/reaper.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/base/lock.h"

#include <signal.h>

static struct {
    pthread_once_t once;
    pthread_t thread;
    struct lode_mutex mu;
    struct lode_cond changed;
    TAILQ_HEAD(, lode_reaper_job) jobs; /* reaper.mu */
    struct lode_reaper_job *running;    /* reaper.mu; only compared, never followed */
} reaper = {.once = PTHREAD_ONCE_INIT};

static void *
reap(void *arg)
{
    lode_mutex_lock(&reaper.mu);
    for (;;) {
        struct lode_reaper_job *job = TAILQ_FIRST(&reaper.jobs);
        if (job == NULL) {
            lode_cond_wait(&reaper.changed, &reaper.mu, LODE_NEVER);
            continue;
        }
        TAILQ_REMOVE(&reaper.jobs, job, entry);
        job->queued = false;
        reaper.running = job;
        lode_mutex_unlock(&reaper.mu);
        job->run(job);
        lode_mutex_lock(&reaper.mu);
        reaper.running = NULL;
        lode_cond_broadcast(&reaper.changed);
    }
    return arg;
}

static void
start(void)
{
    sigset_t all, old;
    lode_mutex_init(&reaper.mu, LODE_LOCK_REAPER);
    lode_cond_init(&reaper.changed);
    TAILQ_INIT(&reaper.jobs);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    LODE_ASSERT(pthread_create(&reaper.thread, NULL, reap, NULL) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_detach(reaper.thread);
}

void
lode_reaper_add(struct lode_reaper_job *job)
{
    pthread_once(&reaper.once, start);
    lode_mutex_lock(&reaper.mu);
    if (!job->queued) {
        job->queued = true;
        TAILQ_INSERT_TAIL(&reaper.jobs, job, entry);
        lode_cond_broadcast(&reaper.changed);
    }
    lode_mutex_unlock(&reaper.mu);
}

void
lode_reaper_cancel(struct lode_reaper_job *job)
{
    pthread_once(&reaper.once, start);
    lode_mutex_lock(&reaper.mu);
    for (;;) {
        if (job->queued) {
            TAILQ_REMOVE(&reaper.jobs, job, entry);
            job->queued = false;
        }
        if (reaper.running != job || pthread_equal(pthread_self(), reaper.thread)) {
            break;
        }
        lode_cond_wait(&reaper.changed, &reaper.mu, LODE_NEVER); /* it may be queued meanwhile */
    }
    lode_mutex_unlock(&reaper.mu);
}
