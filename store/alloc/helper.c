#include "store/alloc/helper.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/system/limit.h"
#include "api/base/lock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct job_list {
    struct helper_job *first, **end;
};

struct helper {
    struct lode_mutex mu; /* STORE_HELPER */
    struct lode_cond work;
    struct job_list waiting; /* mu */
    struct job_list ended;   /* mu */
    bool stopping;           /* mu */
    bool started;            /* the loop thread's */
    pthread_t thread;
    int event_fd;
};

static void
list_init(struct job_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void
list_push(struct job_list *list, struct helper_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct helper_job *
list_pop(struct job_list *list)
{
    struct helper_job *job = list->first;
    if (job != NULL) {
        list->first = job->next;
        if (list->first == NULL) {
            list->end = &list->first;
        }
    }
    return job;
}

lode_err
helper_create(struct helper **helper_out)
{
    struct helper *helper = calloc(1, sizeof *helper);
    if (helper == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the helper thread");
    }
    helper->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (helper->event_fd < 0) {
        lode_err err = lode_fail_errno("cannot make an eventfd for the helper thread");
        free(helper);
        return err;
    }
    lode_mutex_init(&helper->mu, LODE_LOCK_STORE_HELPER);
    lode_cond_init(&helper->work);
    list_init(&helper->waiting);
    list_init(&helper->ended);
    *helper_out = helper;
    return LODE_OK;
}

int
helper_fd(const struct helper *helper)
{
    return helper->event_fd;
}

static void
ring_eventfd(int fd)
{
    uint64_t one = 1;
    ssize_t n;
    do {
        n = write(fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
    /* EAGAIN: the counter is at its end, so it is readable anyway. */
}

static void *
helper_main(void *argument)
{
    struct helper *helper = argument;
    lode_mutex_lock(&helper->mu);
    while (!helper->stopping) {
        struct helper_job *job = list_pop(&helper->waiting);
        if (job == NULL) {
            (void)lode_cond_wait(&helper->work, &helper->mu, LODE_NEVER);
            continue;
        }
        lode_mutex_unlock(&helper->mu);
        job->run(job);
        job->ran = true;
        lode_mutex_lock(&helper->mu);
        list_push(&helper->ended, job);
        ring_eventfd(helper->event_fd);
    }
    lode_mutex_unlock(&helper->mu);
    return NULL;
}

/* Signals are for the loop: the helper thread starts with all of them blocked. */
static lode_err
start_thread(struct helper *helper)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&helper->thread, NULL, helper_main, helper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) {
        return lode_fail_start(result, "the helper thread");
    }
    pthread_setname_np(helper->thread, "helper");
    helper->started = true;
    return LODE_OK;
}

lode_err
helper_submit(struct helper *helper, struct helper_job *job)
{
    if (!helper->started) {
        LODE_TRY(start_thread(helper));
    }
    job->ran = false;
    lode_mutex_lock(&helper->mu);
    list_push(&helper->waiting, job);
    lode_cond_signal(&helper->work);
    lode_mutex_unlock(&helper->mu);
    return LODE_OK;
}

static struct helper_job *
take_ended(struct helper *helper)
{
    lode_mutex_lock(&helper->mu);
    struct helper_job *job = list_pop(&helper->ended);
    lode_mutex_unlock(&helper->mu);
    return job;
}

size_t
helper_drain(struct helper *helper)
{
    uint64_t rung;
    struct helper_job *job;
    size_t count = 0;
    /* The counter is read first: a job that ends after that makes it readable again. */
    ssize_t n = read(helper->event_fd, &rung, sizeof rung);
    (void)n;
    while ((job = take_ended(helper)) != NULL) {
        job->done(job);
        count++;
    }
    return count;
}

size_t
helper_wait(struct helper *helper, int64_t timeout_ms)
{
    int64_t deadline = lode_deadline(timeout_ms);
    struct pollfd event = {.fd = helper->event_fd, .events = POLLIN};
    int result;
    do {
        int64_t left = lode_remaining_ms(deadline);
        result = poll(&event, 1, left > INT32_MAX ? INT32_MAX : (int)left);
    } while (result < 0 && errno == EINTR);
    return helper_drain(helper);
}

void
helper_destroy(struct helper *helper)
{
    struct helper_job *job;
    if (helper == NULL) {
        return;
    }
    if (helper->started) {
        lode_mutex_lock(&helper->mu);
        helper->stopping = true;
        lode_cond_signal(&helper->work);
        lode_mutex_unlock(&helper->mu);
        pthread_join(helper->thread, NULL);
    }
    (void)helper_drain(helper);
    while ((job = list_pop(&helper->waiting)) != NULL) {
        job->done(job);
    }
    close(helper->event_fd);
    lode_cond_fini(&helper->work);
    lode_mutex_fini(&helper->mu);
    free(helper);
}
