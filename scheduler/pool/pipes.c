#include "scheduler/pool/pipes.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/base/log.h"
#include "api/layout/output_lock.h"
#include "api/layout/taken_output.h"
#include "scheduler/core/parts/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    PAUSE_NS = 5000000,     /* how long a pipe is left alone, and an errand waits */
    WINDOW_NS = 5000000,    /* in such a time … */
    WINDOW_BYTES = 1 << 20, /* … so much is read of one worker */
    ASKED_AGAIN_MAX = 200   /* times that an errand waits */
};

struct pool_pipe {
    struct loop_source source;
    struct pool_output *of;
    struct pool_pipe *next; /* of the late ones */
    uint64_t program;       /* 0: nobody's */
    bool late;
    bool paused;
    TAILQ_ENTRY(pool_pipe) entry; /* of pipes.paused */
};
TAILQ_HEAD(pool_pipe_list, pool_pipe);

struct pipes {
    struct loop *loop;
    struct drive *drive;
    struct loop_source timer;
    bool timed;
    struct pool_pipe_list paused;
    struct errand_list again; /* errands that wait */
    char bytes[PIPES_READ_MAX];
};

/* ---- waiting --------------------------------------------------------------------------------- */

static void
set_timer(struct pipes *pipes)
{
    const struct itimerspec when = {.it_value = {.tv_nsec = PAUSE_NS}};
    if (!pipes->timed) {
        pipes->timed = timerfd_settime(pipes->timer.fd, 0, &when, NULL) == 0;
    }
}

static void
pause_pipe(struct pool_pipe *pipe)
{
    struct pipes *pipes = pipe->of->pipes;
    if (!pipe->paused) {
        loop_pause(pipes->loop, &pipe->source);
        pipe->paused = true;
        TAILQ_INSERT_TAIL(&pipes->paused, pipe, entry);
        set_timer(pipes);
    }
}

static void
forget_pipe(struct pool_pipe *pipe)
{
    struct pipes *pipes = pipe->of->pipes;
    if (pipe->paused) {
        TAILQ_REMOVE(&pipes->paused, pipe, entry);
    }
    loop_close(pipes->loop, &pipe->source);
    free(pipe);
}

static void
timer_ready(struct loop_source *source, uint32_t events)
{
    struct pipes *pipes = CONTAINER_OF(source, struct pipes, timer);
    struct pool_pipe *pipe;
    struct errand *errand;
    uint64_t times;
    (void)events;
    if (read(source->fd, &times, sizeof times) != sizeof times) {
        return;
    }
    pipes->timed = false;
    while ((pipe = TAILQ_FIRST(&pipes->paused)) != NULL) {
        TAILQ_REMOVE(&pipes->paused, pipe, entry);
        pipe->paused = false;
        if (loop_add(pipes->loop, &pipe->source, EPOLLIN) != LODE_OK) {
            pause_pipe(pipe); /* no memory for it just now */
            break;
        }
    }
    while ((errand = STAILQ_FIRST(&pipes->again)) != NULL) {
        STAILQ_REMOVE_HEAD(&pipes->again, entry);
        drive_add_errand(pipes->drive, &errand->action);
        free(errand);
    }
}

bool
pipes_ask_again(struct pipes *pipes, const struct core_action *action)
{
    struct errand *errand;
    if (action->value >= ASKED_AGAIN_MAX) {
        return false;
    }
    errand = core_alloc(sizeof *errand + action->size);
    memcpy(&errand->action, action, sizeof *action + action->size);
    errand->action.value++;
    STAILQ_INSERT_TAIL(&pipes->again, errand, entry);
    set_timer(pipes);
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void
tell(struct pool_pipe *pipe, uint64_t task, size_t size)
{
    struct core_event event = {.type = CORE_OUTPUT,
                               .u.output = {.worker = *pipe->of->number,
                                            .size = (uint32_t)size,
                                            .task = task,
                                            .program = pipe->program,
                                            .late = pipe->late,
                                            .bytes = pipe->of->pipes->bytes}};
    uint64_t spilled = drive_spilled(pipe->of->pipes->drive);
    pipe->of->has_printed = true;
    drive_step(pipe->of->pipes->drive, &event);
    if (drive_spilled(pipe->of->pipes->drive) != spilled) {
        pause_pipe(pipe); /* more than the program can take: the task may wait for a while */
    }
}

/* Reads once, and tells the core. 0: the pipe has ended; -1: there was nothing. */
static ssize_t
read_once(struct pool_pipe *pipe, bool name_task)
{
    ssize_t got = read(pipe->source.fd, pipe->of->pipes->bytes, PIPES_READ_MAX);
    if (got > 0) {
        uint64_t task = 0;
        if (name_task) {
            task = atomic_load_explicit(&pipe->of->page->printing, memory_order_relaxed);
        }
        tell(pipe, task, (size_t)got);
    }
    return got < 0 && errno != EAGAIN && errno != EINTR ? 0 : got;
}

/*
 * True if all that the worker has read of its pipe has come. What is in the pipe was written after
 * that: the lines of one worker come in their order.
 */
static bool
has_all_records(struct pool_output *output)
{
    uint64_t sent = atomic_load_explicit(&output->page->printed, memory_order_acquire);
    return sent == 0 || drive_printed_records(output->pipes->drive, *output->number) >= sent;
}

/* With the lock, and all records: no task but the one that the page names prints any more. */
static void
end_others(struct pool_output *output)
{
    struct core_event event = {
        .type = CORE_OUTPUT,
        .u.output = {.worker = *output->number,
                     .task = atomic_load_explicit(&output->page->printing, memory_order_relaxed),
                     .ends_others = true}};
    if (output->has_printed || atomic_load_explicit(&output->page->printed, memory_order_relaxed)) {
        drive_step(output->pipes->drive, &event);
    }
}

/*
 * read_once() of the pipe that the worker has now. -1 also: it cannot be read at this moment.
 *
 *   ends_lines  a program wants to see all that its tasks have printed
 */
static ssize_t
read_now(struct pool_pipe *pipe, bool ends_lines)
{
    struct pool_output *output = pipe->of;
    _Atomic uint32_t *lock = &output->page->output_lock;
    bool locked = lode_output_try_lock(lock);
    ssize_t got = -1;
    if (locked && has_all_records(output)) {
        patience_begin(&output->patience);
        got = read_once(pipe, true);
        if (ends_lines) {
            end_others(output);
        }
    } else if (patience_ends(&output->patience, lode_now_ns())) {
        got = read_once(pipe, locked);
    } else {
        pause_pipe(pipe);
    }
    if (locked) {
        lode_output_unlock(lock);
    }
    return got;
}

/* One that writes without end waits, so that the main thread has time for the others. */
static void
slow_down(struct pool_pipe *pipe, size_t size)
{
    struct pool_output *output = pipe->of;
    int64_t now = lode_now_ns();
    if (now - output->window_ns > WINDOW_NS) {
        output->window_ns = now;
        output->window_bytes = 0;
    }
    output->window_bytes += (uint32_t)size;
    if (output->window_bytes > WINDOW_BYTES) {
        pause_pipe(pipe);
    }
}

static void
close_late(struct pool_output *output, struct pool_pipe **place)
{
    struct pool_pipe *pipe = *place;
    *place = pipe->next;
    output->late_count--;
    forget_pipe(pipe);
}

static void
end_pipe(struct pool_pipe *pipe)
{
    struct pool_output *output = pipe->of;
    struct pool_pipe **place = &output->late;
    if (!pipe->late) {
        output->now = NULL;
        forget_pipe(pipe);
        return;
    }
    while (*place != pipe) {
        place = &(*place)->next;
    }
    close_late(output, place);
}

static void
look(struct pool_pipe *pipe, bool ends_lines)
{
    ssize_t got = pipe->late ? read_once(pipe, false) : read_now(pipe, ends_lines);
    if (got == 0) {
        end_pipe(pipe);
    } else if (got > 0) {
        slow_down(pipe, (size_t)got);
    }
}

static void
pipe_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    look(CONTAINER_OF(source, struct pool_pipe, source), false);
}

bool
pipes_read(struct pool_output *output)
{
    struct pool_pipe *pipe, *next;
    for (pipe = output->late; pipe != NULL; pipe = next) {
        next = pipe->next;
        look(pipe, true);
    }
    if (output->now != NULL) {
        look(output->now, true);
    }
    return output->patience.is_over ||
           ((output->now == NULL || output->patience.since == 0) && has_all_records(output));
}

/* ---- coming and going ------------------------------------------------------------------------ */

/* What is left in a pipe that the worker does not write to any more. 0: it has ended. */
static ssize_t
read_last(struct pool_pipe *pipe, bool name_task)
{
    ssize_t got = 1;
    for (size_t total = 0; total < PIPES_LAST_MAX && got > 0; total += (size_t)got) {
        got = read_once(pipe, name_task);
    }
    return got;
}

static void
leave_behind(struct pool_output *output)
{
    struct pool_pipe *pipe = output->now, **oldest = &output->late;
    pipe->late = true;
    pipe->next = output->late;
    output->late = pipe;
    output->late_count++;
    output->now = NULL;
    if (read_last(pipe, false) == 0) {
        close_late(output, &output->late);
    } else if (output->late_count > PIPES_LATE_MAX) {
        while ((*oldest)->next != NULL) {
            oldest = &(*oldest)->next;
        }
        close_late(output, oldest);
    }
}

static bool
is_pipe(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode) &&
           fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0;
}

void
pipes_take(struct pool_output *output, uint64_t program, int fd)
{
    struct pool_pipe *pipe = is_pipe(fd) ? calloc(1, sizeof *pipe) : NULL;
    if (output->now != NULL) {
        leave_behind(output);
    }
    atomic_store_explicit(&output->page->pipe_lost, 0, memory_order_relaxed);
    if (pipe != NULL) {
        *pipe = (struct pool_pipe){.source = {fd, pipe_ready}, .of = output, .program = program};
        output->now = pipe;
        if (loop_add(output->pipes->loop, &pipe->source, EPOLLIN) == LODE_OK) {
            return;
        }
        output->now = NULL;
        free(pipe);
    }
    if (fd >= 0) {
        close(fd);
    }
    atomic_store_explicit(&output->page->pipe_lost, 1, memory_order_relaxed);
    lode_log("WORKER-OUTPUT", "worker %u: what it prints now is lost: %s", *output->number,
             lode_last_error());
}

/* True if the worker has read what it was about to read when it died. */
static bool
is_taken(const struct pool_output *output, struct lode_taken *piece)
{
    int left;
    return atomic_load_explicit(&piece->is_out, memory_order_acquire) != 0 ||
           (output->now != NULL && ioctl(output->now->source.fd, FIONREAD, &left) == 0 &&
            (uint32_t)left < piece->was_there);
}

/* What the worker has taken out, and not sent: before what is in the pipe still. */
static void
read_taken(struct pool_output *output)
{
    uint8_t *area = lode_taken_area(output->page);
    uint32_t end = atomic_exchange_explicit(&output->page->taken_end, 0, memory_order_acquire);
    uint32_t at = 0;
    while (end <= LODE_TAKEN_BYTES && at + sizeof(struct lode_taken) <= end) {
        struct lode_taken *piece = (void *)(area + at);
        struct core_event event = {.type = CORE_OUTPUT,
                                   .u.output = {.worker = *output->number,
                                                .size = piece->size,
                                                .task = piece->task,
                                                .record = piece->record,
                                                .bytes = output->pipes->bytes}};
        uint32_t size = event.u.output.size;
        if (size > PIPES_READ_MAX || at + lode_taken_span(size) > end || !is_taken(output, piece)) {
            return;
        }
        memcpy(output->pipes->bytes, piece + 1, size);
        drive_step(output->pipes->drive, &event);
        at += lode_taken_span(size);
    }
}

void
pipes_end(struct pool_output *output)
{
    read_taken(output);
    while (output->late != NULL) {
        (void)read_last(output->late, false);
        close_late(output, &output->late);
    }
    if (output->now != NULL) {
        (void)read_last(output->now, true);
        forget_pipe(output->now);
        output->now = NULL;
    }
}

lode_err
pipes_open(struct loop *loop, struct drive *drive, struct pipes **pipes_out)
{
    struct pipes *pipes = calloc(1, sizeof *pipes);
    if (pipes == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the workers' output");
    }
    pipes->loop = loop;
    pipes->drive = drive;
    TAILQ_INIT(&pipes->paused);
    STAILQ_INIT(&pipes->again);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    lode_err err = LODE_OK;
    pipes->timer = (struct loop_source){fd, timer_ready};
    err = fd < 0 ? lode_fail_errno("cannot make a timer") : loop_add(loop, &pipes->timer, EPOLLIN);
    if (err != LODE_OK) {
        pipes_close(pipes);
        return err;
    }
    *pipes_out = pipes;
    return LODE_OK;
}

/* The daemon's end needs it not: it goes with the process. */
void
pipes_close(struct pipes *pipes)
{
    struct errand *errand;
    if (pipes == NULL) {
        return;
    }
    while ((errand = STAILQ_FIRST(&pipes->again)) != NULL) {
        STAILQ_REMOVE_HEAD(&pipes->again, entry);
        free(errand);
    }
    loop_close(pipes->loop, &pipes->timer);
    free(pipes);
}
