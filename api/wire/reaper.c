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
    TAILQ_HEAD(lode_reaper_jobs, lode_reaper_job) jobs, timed; /* reaper.mu */
    int64_t wakes_ns;                /* reaper.mu; when it looks at `timed` again by itself */
    struct lode_reaper_job *running; /* reaper.mu; only compared, never followed */
} reaper = {.once = PTHREAD_ONCE_INIT};

static struct lode_reaper_jobs *
list_of(const struct lode_reaper_job *job)
{
    return job->due_ns != 0 ? &reaper.timed : &reaper.jobs;
}

static void
remove_locked(struct lode_reaper_job *job)
{
    lode_mutex_assert_held(&reaper.mu);
    TAILQ_REMOVE(list_of(job), job, entry);
    job->queued = false;
}

/*
 * The job to run now; NULL: none before reaper.wakes_ns. A process has few timed jobs, and they
 * never block: what is due goes before links that are to be closed.
 */
static struct lode_reaper_job *
next_locked(void)
{
    struct lode_reaper_job *job;
    lode_mutex_assert_held(&reaper.mu);
    reaper.wakes_ns = LODE_NEVER;
    int64_t now = TAILQ_EMPTY(&reaper.timed) ? 0 : lode_now_ns();
    TAILQ_FOREACH(job, &reaper.timed, entry)
    {
        if (job->due_ns <= now) {
            return job;
        }
        reaper.wakes_ns = job->due_ns < reaper.wakes_ns ? job->due_ns : reaper.wakes_ns;
    }
    return TAILQ_FIRST(&reaper.jobs);
}

static void *
reap(void *arg)
{
    lode_mutex_lock(&reaper.mu);
    for (;;) {
        struct lode_reaper_job *job = next_locked();
        if (job == NULL) {
            lode_cond_wait(&reaper.changed, &reaper.mu, reaper.wakes_ns);
            continue;
        }
        remove_locked(job);
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
    TAILQ_INIT(&reaper.timed);
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
lode_reaper_add_at(struct lode_reaper_job *job, int64_t due_ns)
{
    pthread_once(&reaper.once, init_once);
    lode_mutex_lock(&reaper.mu);
    if (!job->queued) {
        job->queued = true;
        job->due_ns = due_ns;
        TAILQ_INSERT_TAIL(list_of(job), job, entry);
        if (due_ns < reaper.wakes_ns) { /* else it looks in time without being woken */
            lode_cond_broadcast(&reaper.changed);
        }
    }
    lode_mutex_unlock(&reaper.mu);
}

void
lode_reaper_add(struct lode_reaper_job *job)
{
    lode_reaper_add_at(job, 0);
}

void
lode_reaper_cancel(struct lode_reaper_job *job)
{
    pthread_once(&reaper.once, init_once);
    lode_mutex_lock(&reaper.mu);
    for (;;) {
        if (job->queued) {
            remove_locked(job);
        }
        if (reaper.running != job || pthread_equal(pthread_self(), reaper.thread)) {
            break;
        }
        lode_cond_wait(&reaper.changed, &reaper.mu, LODE_NEVER); /* it may be queued meanwhile */
    }
    lode_mutex_unlock(&reaper.mu);
}
