#include "api/wire/reaper.h"

#include "api/base/clock.h"
#include "api/system/limit.h"
#include "api/base/lock.h"

#include <signal.h>

static struct {
    pthread_once_t once;
    pthread_t thread; /* never joined: it runs as long as the process */
    struct lode_mutex mu;
    bool runs; /* reaper.mu */
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
init_once(void)
{
    lode_mutex_init(&reaper.mu, LODE_LOCK_REAPER);
    lode_cond_init(&reaper.changed);
    TAILQ_INIT(&reaper.jobs);
}

lode_err
lode_reaper_start(void)
{
    sigset_t all, old;
    int code = 0;
    pthread_once(&reaper.once, init_once);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    lode_mutex_lock(&reaper.mu);
    if (!reaper.runs) {
        code = pthread_create(&reaper.thread, NULL, reap, NULL);
        reaper.runs = code == 0;
    }
    lode_mutex_unlock(&reaper.mu);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (code != 0) {
        return lode_fail_start(code, "the thread that closes links");
    }
    return LODE_OK;
}

void
lode_reaper_add(struct lode_reaper_job *job)
{
    pthread_once(&reaper.once, init_once);
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
    pthread_once(&reaper.once, init_once);
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
