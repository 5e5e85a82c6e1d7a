#include "api/wire/link_retire.h"

#include "api/base/assert.h"

#include <sched.h>
#include <stdlib.h>

bool
lode_link_retire_locked(struct lode_link *link, struct lode_link_pipe *pipe)
{
    lode_mutex_assert_held(&link->mu);
    if (pipe->retired) {
        return false;
    }
    pipe->retired = true;
    TAILQ_REMOVE(&link->pipes, pipe, entry);
    TAILQ_INSERT_TAIL(&link->retired, pipe, entry);
    link->pipe_count--;
    if (link->open == pipe) {
        link->open = NULL;
    }
    return true;
}

static void
redial_later(struct lode_link *link)
{
    nng_duration wait;
    if (link->listens) {
        return;
    }
    lode_mutex_lock(&link->mu);
    bool ends = link->closing || link->broken || link->dials_no_more;
    wait = ends ? 0 : (nng_duration)link->redial_ms;
    link->redial_ms = link->redial_ms * 2 < LODE_LINK_REDIAL_LAST_MS ? link->redial_ms * 2
                                                                     : LODE_LINK_REDIAL_LAST_MS;
    link->counters.redials += wait > 0;
    lode_mutex_unlock(&link->mu);
    if (wait > 0) {
        nng_sleep_aio(wait, link->pause_aio);
    }
}

void
lode_link_retired(struct lode_link *link, bool redial)
{
    lode_reaper_add(&link->bury_job);
    if (redial) {
        redial_later(link);
    }
}

void
lode_link_lose_locked(struct lode_link *link, struct lode_link_pipe *pipe)
{
    bool was_alive = lode_link_retire_locked(link, pipe);
    LODE_ASSERT(was_alive);
    link->lost = true;
    lode_reaper_add(&link->bury_job);
}

void
lode_link_retire(struct lode_link_pipe *pipe)
{
    struct lode_link *link = pipe->link;
    lode_mutex_lock(&link->mu);
    bool was_alive = lode_link_retire_locked(link, pipe);
    lode_mutex_unlock(&link->mu);
    if (was_alive) {
        lode_link_retired(link, true);
    }
}

void
lode_link_free_pipe(struct lode_link_pipe *pipe)
{
    nng_stream_free(pipe->stream); /* nng's reaper does the rest */
    nng_aio_free(pipe->send_aio);
    nng_aio_free(pipe->quick_aio);
    nng_aio_free(pipe->receive_aio);
    free(pipe->out);
    free(pipe->in);
    free(pipe);
}

static void
bury(struct lode_link_pipe *pipe)
{
    nng_stream_close(pipe->stream);
    while (atomic_load_explicit(&pipe->users, memory_order_acquire) != 0) {
        sched_yield(); /* somebody is inside nng_stream_send(), which does not block */
    }
    nng_aio_stop(pipe->receive_aio);
    nng_aio_stop(pipe->send_aio);
    nng_aio_stop(pipe->quick_aio);
    lode_link_free_pipe(pipe);
}

void
lode_link_bury_all(struct lode_link *link)
{
    for (;;) {
        lode_mutex_lock(&link->mu);
        struct lode_link_pipe *pipe = TAILQ_FIRST(&link->retired);
        if (pipe != NULL) {
            TAILQ_REMOVE(&link->retired, pipe, entry);
        }
        lode_mutex_unlock(&link->mu);
        if (pipe == NULL) {
            return;
        }
        bury(pipe);
    }
}

void
lode_link_run_bury(struct lode_reaper_job *job)
{
    struct lode_link *link =
        (struct lode_link *)((char *)job - offsetof(struct lode_link, bury_job));
    lode_link_bury_all(link);
    lode_mutex_lock(&link->mu);
    bool lost = link->lost;
    link->lost = false;
    lode_mutex_unlock(&link->mu);
    if (lost) {
        redial_later(link);
    }
}
