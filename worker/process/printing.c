#include "worker/process/printing.h"

#include "api/base/fail.h"
#include "api/layout/output_lock.h"
#include "api/system/descriptor.h"
#include "api/client/tasks/rendezvous.h"
#include "api/wire/task_msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    LOCK_NS = 1000000000, /* so long the scheduler may have the lock */
    BACKLOG_MS = 1000     /* so long it may not take the records that fill the area */
};
_Static_assert(sizeof(struct lode_taken) + PRINTING_READ_MAX <= LODE_TAKEN_BYTES, "a whole read");

void
printing_init(struct printing *printing, struct lode_worker_page *page)
{
    *printing = (struct printing){.page = page, .fd = -1};
}

/* ---- a new pipe ------------------------------------------------------------------------------ */

/* The reading end keeps its high number: the user's code may close what lies low. */
static lode_err
keep_reading_end(struct printing *printing, int fd)
{
    if (printing->fd < 0) {
        printing->fd = lode_descriptor_hang_high(fd);
        return LODE_OK;
    }
    int kept = dup3(fd, printing->fd, O_CLOEXEC);
    close(fd);
    return kept >= 0 ? LODE_OK : lode_fail_errno("cannot keep the output pipe");
}

static lode_err
become_output(int fd)
{
    bool done = dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0;
    lode_err err = done ? LODE_OK : lode_fail_errno("cannot make the pipe stdout and stderr");
    close(fd);
    return err;
}

/* Only the reading end does not block: a task whose pipe is full waits for the scheduler. */
lode_err
printing_renew(struct printing *printing, uint64_t program)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return lode_fail_errno("cannot make an output pipe");
    }
    lode_err err = fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0
                       ? lode_rendezvous_pass_pipe(printing->tasks->rendezvous, program, ends[0])
                       : lode_fail_errno("cannot make an output pipe");
    if (err != LODE_OK) {
        close(ends[0]);
        close(ends[1]);
        return err;
    }
    LODE_TRY(become_output(ends[1]));
    return keep_reading_end(printing, ends[0]);
}

bool
printing_is_lost(const struct printing *printing)
{
    return atomic_load_explicit(&printing->page->pipe_lost, memory_order_relaxed) != 0;
}

/* ---- a task ---------------------------------------------------------------------------------- */

void
printing_begin(struct printing *printing, uint64_t task)
{
    printing->begun = task;
    printing->code_ns = INT64_MAX;
    atomic_store_explicit(&printing->page->printing, task, memory_order_relaxed);
}

/* True if there was something. */
static bool
flush_streams(void)
{
    bool is_pending = __fpending(stdout) > 0 || __fpending(stderr) > 0;
    if (__fpending(stdout) > 0) {
        fflush(stdout);
    }
    if (__fpending(stderr) > 0) {
        fflush(stderr);
    }
    return is_pending;
}

/*
 * True if the pipe must be looked at. That is a system call, and costs more than all else that is
 * done for a short task. A write is a system call, too: a function that returns sooner than one
 * does has made none. Threads that an earlier task has left may have; their bytes come with the
 * next look, here or in the scheduler.
 */
static bool
may_have_written(const struct printing *printing)
{
    return printing->code_ns < 0 || printing->code_ns >= PRINTING_WRITE_NS;
}

static void
set_taken_end(struct printing *printing, uint32_t end)
{
    printing->taken_end = end;
    atomic_store_explicit(&printing->page->taken_end, end, memory_order_release);
}

static void
await_scheduler(struct lode_link *link)
{
    if (lode_link_drain(link, BACKLOG_MS) != LODE_OK) {
        return; /* it is stopped, or gone: the link says so in its time */
    }
}

/*
 * Names the next piece. Where there is no room for it, all that is there goes, since the scheduler
 * has it. A task that prints without end is slowed down by that.
 */
static struct lode_taken *
begin_piece(struct printing *printing, uint32_t size, uint32_t was_there)
{
    if (printing->taken_end + lode_taken_span(size) > LODE_TAKEN_BYTES) {
        await_scheduler(printing->tasks->link);
        set_taken_end(printing, 0);
    }
    struct lode_taken *piece = (void *)(lode_taken_area(printing->page) + printing->taken_end);
    *piece = (struct lode_taken){.record = printing->records + 1,
                                 .task = printing->begun,
                                 .size = size,
                                 .was_there = was_there};
    atomic_store_explicit(&printing->page->taken_end, printing->taken_end + lode_taken_span(size),
                          memory_order_release);
    return piece;
}

/*
 * `printed` counts the record before it is sent: a scheduler that sees it knows what is to come.
 *
 *   hold  the record is the task's last one: it goes with the task's DONE, in one message
 */
static lode_err
send_piece(struct printing *printing, struct lode_taken *piece, uint32_t size, bool hold)
{
    const struct lode_task_printed record = {.task = printing->begun, .size = size};
    piece->size = size;
    atomic_store_explicit(&piece->is_out, 1, memory_order_release);
    set_taken_end(printing, printing->taken_end + lode_taken_span(size));
    printing->records++;
    atomic_fetch_add_explicit(&printing->page->printed, 1, memory_order_release);
    return lode_link_send(printing->tasks->link, LODE_TASK_PRINTED, &record, sizeof record,
                          piece + 1, size, hold);
}

/* What others add meanwhile, threads or processes that the task has left, is left to the next. */
static lode_err
take_out(struct printing *printing, uint32_t size)
{
    while (size > 0) {
        uint32_t most = size < PRINTING_READ_MAX ? size : PRINTING_READ_MAX;
        struct lode_taken *piece = begin_piece(printing, most, size);
        ssize_t got = read(printing->fd, piece + 1, most);
        if (got <= 0) {
            set_taken_end(printing, printing->taken_end);
            if (got < 0 && errno == EINTR) {
                continue;
            }
            return LODE_OK; /* user code has closed it, or somebody reads as well */
        }
        LODE_TRY(send_piece(printing, piece, (uint32_t)got, (uint32_t)got == size));
        size -= (uint32_t)got;
    }
    return LODE_OK;
}

lode_err
printing_end(struct printing *printing)
{
    int left = 0;
    lode_err err = LODE_OK;
    bool flushed = flush_streams();
    if (printing->fd < 0) {
        return LODE_OK;
    }
    /* Without it, too: the user's code may have written to it. That is mended at the end. */
    (void)lode_output_lock(&printing->page->output_lock, LOCK_NS);
    if ((flushed || may_have_written(printing)) && ioctl(printing->fd, FIONREAD, &left) == 0 &&
        left > 0) {
        err = take_out(printing, (uint32_t)left);
    }
    atomic_store_explicit(&printing->page->printing, 0, memory_order_relaxed);
    lode_output_unlock(&printing->page->output_lock);
    return err;
}
