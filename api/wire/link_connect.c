#include "api/wire/link_connect.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/base/log.h"
#include "api/wire/link_receive.h"
#include "api/wire/link_retire.h"
#include "api/wire/link_send.h"
#include "api/wire/start.h"

#include <nng/transport/ipc/ipc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static lode_err
fail_nng(int code, const char *what, const char *url)
{
    char sentence[sizeof((struct lode_link *)0)->url + 64];
    snprintf(sentence, sizeof sentence, "cannot %s '%s'", what, url);
    return lode_wire_fail(code, sentence);
}

/* ---- pipes that begin --------------------------------------------------------------------- */

/* The directory is closed to others already; another user is refused all the same. */
static bool
is_our_user(nng_stream *stream)
{
    uint64_t uid;
    if (nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_UID, &uid) == 0 && uid == geteuid()) {
        return true;
    }
    lode_log("LINK-PEER-REFUSED", "a visitor of another user was turned away");
    return false;
}

/* Takes the place of the visitor that has been here longest, if there are too many. */
static bool
admit_locked(struct lode_link *link, struct lode_link_pipe *pipe)
{
    bool crowded = link->pipe_count >= LODE_LINK_VISITORS_MAX;
    if (crowded) {
        struct lode_link_pipe *oldest = TAILQ_FIRST(&link->pipes);
        lode_link_retire_locked(link, oldest != link->open ? oldest : TAILQ_NEXT(oldest, entry));
    }
    TAILQ_INSERT_TAIL(&link->pipes, pipe, entry);
    link->pipe_count++;
    return crowded;
}

static struct lode_link_pipe *
new_pipe(struct lode_link *link, nng_stream *stream)
{
    struct lode_link_pipe *pipe = calloc(1, sizeof *pipe);
    if (pipe == NULL) {
        nng_stream_free(stream);
        return NULL;
    }
    pipe->link = link;
    pipe->stream = stream;
    if (nng_aio_alloc(&pipe->send_aio, lode_link_send_done, pipe) != 0 ||
        nng_aio_alloc(&pipe->receive_aio, lode_link_receive_done, pipe) != 0 ||
        nng_aio_alloc(&pipe->quick_aio, NULL, NULL) != 0 ||
        lode_link_room_to_receive(pipe, LODE_LINK_BUFFER) != LODE_OK) {
        lode_link_free_pipe(pipe);
        return NULL;
    }
    nng_aio_set_timeout(pipe->send_aio, NNG_DURATION_INFINITE);
    nng_aio_set_timeout(pipe->receive_aio, NNG_DURATION_INFINITE);
    return pipe;
}

/* Returns what the pipe lacks: NNG_ENOMEM; else 0. */
static int
begin_pipe(struct lode_link *link, nng_stream *stream)
{
    struct lode_link_pipe *pipe;
    bool crowded, start;
    if (!is_our_user(stream)) {
        nng_stream_free(stream);
        lode_link_retired(link, true);
        return 0;
    }
    pipe = new_pipe(link, stream);
    if (pipe == NULL) {
        lode_link_retired(link, true);
        return NNG_ENOMEM;
    }
    lode_mutex_lock(&link->mu);
    link->last_try = 0; /* before a record goes over it */
    crowded = admit_locked(link, pipe);
    if (link->closing || link->broken) {
        lode_link_retire_locked(link, pipe);
    }
    start = lode_link_start_locked(link, pipe);
    atomic_fetch_add_explicit(&pipe->users, 1, memory_order_relaxed); /* until it receives */
    lode_mutex_unlock(&link->mu);
    if (crowded) {
        lode_link_retired(link, false);
    }
    if (start) {
        lode_link_start(pipe);
    }
    lode_link_receive(pipe);
    atomic_fetch_sub_explicit(&pipe->users, 1, memory_order_release);
    return 0;
}

static bool
goes_on(struct lode_link *link)
{
    lode_mutex_lock(&link->mu);
    bool on = !link->closing && !link->broken && !link->dials_no_more;
    lode_mutex_unlock(&link->mu);
    return on;
}

static void
connect_next(struct lode_link *link)
{
    if (!goes_on(link)) {
        return;
    }
    if (link->listens) {
        nng_stream_listener_accept(link->listener, link->connect_aio);
    } else {
        nng_stream_dialer_dial(link->dialer, link->connect_aio);
    }
}

static void
note_try(struct lode_link *link, int code)
{
    lode_mutex_lock(&link->mu);
    link->has_tried = true;
    link->last_try = code;
    lode_cond_broadcast(&link->changed);
    lode_mutex_unlock(&link->mu);
}

static void
connect_done(void *arg)
{
    struct lode_link *link = arg;
    int code = nng_aio_result(link->connect_aio);
    note_try(link, code == 0 ? begin_pipe(link, nng_aio_get_output(link->connect_aio, 0)) : code);
    if (code == 0) {
        if (link->listens) {
            connect_next(link);
        }
    } else if (code != NNG_ECLOSED && code != NNG_ECANCELED) {
        if (!link->listens) {
            lode_link_retired(link, true);
        } else if (goes_on(link)) {
            nng_sleep_aio(LODE_LINK_ACCEPT_AGAIN_MS, link->pause_aio);
        }
    }
}

static void
pause_done(void *arg)
{
    struct lode_link *link = arg;
    if (nng_aio_result(link->pause_aio) == 0) {
        connect_next(link);
    }
}

/* ---- the link's own ----------------------------------------------------------------------- */

/* nng removes whatever lies at the path, were it somebody's file. */
static lode_err
check_path(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        return lode_fail_with(LODE_EINVAL, "'%s' is in the way: it is not a socket; remove it",
                              path);
    }
    return LODE_OK;
}

static lode_err
open_end(struct lode_link *link)
{
    int code;
    if (!link->listens) {
        code = nng_stream_dialer_alloc(&link->dialer, link->url);
        return code != 0 ? fail_nng(code, "dial", link->url) : LODE_OK;
    }
    LODE_TRY(check_path(link->url + strlen("ipc://")));
    if ((code = nng_stream_listener_alloc(&link->listener, link->url)) != 0 ||
        (code = nng_stream_listener_set_int(link->listener, NNG_OPT_IPC_PERMISSIONS, 0600)) != 0 ||
        (code = nng_stream_listener_listen(link->listener)) != 0) {
        return fail_nng(code, "listen at", link->url);
    }
    return LODE_OK;
}

static lode_err
open_aios(struct lode_link *link)
{
    int code;
    if ((code = nng_aio_alloc(&link->connect_aio, connect_done, link)) != 0 ||
        (code = nng_aio_alloc(&link->pause_aio, pause_done, link)) != 0) {
        return fail_nng(code, "prepare for", link->url);
    }
    nng_aio_set_timeout(link->connect_aio, NNG_DURATION_INFINITE);
    return LODE_OK;
}

static void
await_first_try(struct lode_link *link)
{
    enum { FIRST_TRY_MS = 1000 }; /* a connect does not wait for the other side */
    int64_t deadline = lode_deadline(FIRST_TRY_MS);
    lode_mutex_lock(&link->mu);
    while (!link->has_tried && lode_cond_wait(&link->changed, &link->mu, deadline)) {
    }
    lode_mutex_unlock(&link->mu);
}

lode_err
lode_link_open_pipes(struct lode_link *link)
{
    TAILQ_INIT(&link->pipes);
    TAILQ_INIT(&link->retired);
    link->bury_job.run = lode_link_run_bury;
    link->redial_ms = LODE_LINK_REDIAL_FIRST_MS;
    LODE_TRY(lode_wire_start());
    LODE_TRY(open_aios(link));
    LODE_TRY(open_end(link));
    connect_next(link);
    if (!link->listens) {
        await_first_try(link);
    }
    return LODE_OK;
}

static void
stop_connecting(struct lode_link *link)
{
    if (link->listener != NULL) {
        nng_stream_listener_close(link->listener);
    }
    if (link->dialer != NULL) {
        nng_stream_dialer_close(link->dialer);
    }
    if (link->connect_aio != NULL) {
        nng_aio_stop(link->connect_aio); /* its callback may have begun a pause, */
    }
    if (link->pause_aio != NULL) {
        nng_aio_stop(link->pause_aio); /* and a pause another try, which does nothing: closing */
    }
}

void
lode_link_close_pipes(struct lode_link *link)
{
    lode_mutex_lock(&link->mu);
    link->closing = true;
    lode_cond_broadcast(&link->changed);
    lode_mutex_unlock(&link->mu);
    stop_connecting(link); /* from here on no pipe begins */
    lode_reaper_cancel(&link->bury_job);
    lode_mutex_lock(&link->mu);
    while (!TAILQ_EMPTY(&link->pipes)) {
        lode_link_retire_locked(link, TAILQ_FIRST(&link->pipes));
    }
    lode_mutex_unlock(&link->mu);
    lode_link_bury_all(link); /* from here on no callback runs that could queue the job */
    lode_reaper_cancel(&link->bury_job);
    if (link->connect_aio != NULL) {
        nng_aio_stop(link->connect_aio);
    }
    nng_stream_listener_free(link->listener);
    nng_stream_dialer_free(link->dialer);
    nng_aio_free(link->connect_aio);
    nng_aio_free(link->pause_aio);
}
