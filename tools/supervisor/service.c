#include "tools/supervisor/service.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static const int64_t START_LIMIT_NS = 30000 * MS;
static const int64_t STEADY_NS = 10000 * MS;
static const int64_t BACKOFF_FIRST_NS = 100 * MS;
static const int64_t BACKOFF_MOST_NS = 1000 * MS;     /* it had come up */
static const int64_t BACKOFF_UNREADY_NS = 10000 * MS; /* it had not */

void
service_init(struct service *service, const char *name)
{
    memset(service, 0, sizeof *service);
    service->name = name;
    service->ready_fd = -1;
    service->deadline = LODE_NEVER;
}

static lode_err
make_ready_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return lode_fail_errno("cannot make a pipe");
    }
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        lode_err err = lode_fail_errno("cannot make a pipe");
        close(ends[0]);
        close(ends[1]);
        return err;
    }
    return LODE_OK;
}

lode_err
service_start(struct service *service, const struct spawn_plan *plan, char *ready_text)
{
    struct spawn_plan with_ready = *plan;
    int ends[2];
    LODE_TRY(make_ready_pipe(ends));
    with_ready.pass[with_ready.pass_count++] = ends[1];
    snprintf(ready_text, SPAWN_NUMBER_SIZE, "%d", ends[1]);
    lode_err err = spawn_program(&with_ready, &service->pid);
    close(ends[1]);
    if (err != LODE_OK) {
        service->pid = 0;
        close(ends[0]);
        return err;
    }
    service->ready_fd = ends[0];
    service->ready = service->told = service->lost = false;
    service->deadline = lode_now_ns() + START_LIMIT_NS;
    return LODE_OK;
}

static void
close_ready(struct service *service)
{
    if (service->ready_fd >= 0) {
        close(service->ready_fd);
        service->ready_fd = -1;
    }
}

bool
service_read_ready(struct service *service)
{
    char byte;
    ssize_t got = read(service->ready_fd, &byte, 1);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    close_ready(service);
    if (got != 1) {
        if (!service->told) {
            /* Most often it has ended by itself, and is reaped in a moment. */
            kill(service->pid, SIGKILL);
        }
        return false;
    }
    service->ready = true;
    service->ready_ns = lode_now_ns();
    if (!service->told) {
        service->deadline = LODE_NEVER;
    }
    return true;
}

void
service_stop(struct service *service, int64_t grace_ms)
{
    if (service->pid == 0 || service->told) {
        return;
    }
    service->told = true;
    service->deadline = lode_now_ns() + grace_ms * MS;
    kill(service->pid, SIGTERM);
}

void
service_enforce(struct service *service, int64_t now_ns)
{
    if (service->pid == 0 || now_ns < service->deadline) {
        return;
    }
    service->deadline = LODE_NEVER;
    lode_log("SUPERVISOR-DAEMON-KILLED", "%s (pid %d) did not %s in time", service->name,
             (int)service->pid, service->told ? "end" : "come up");
    kill(service->pid, SIGKILL);
}

static int64_t
backoff_ns(unsigned failures, bool was_up)
{
    int64_t most = was_up ? BACKOFF_MOST_NS : BACKOFF_UNREADY_NS;
    int64_t ns = BACKOFF_FIRST_NS;
    for (unsigned i = 1; i < failures && ns < most; i++) {
        ns *= 2;
    }
    return ns < most ? ns : most;
}

void
service_not_started(struct service *service, int64_t now_ns)
{
    service->lost = true;
    service->failures++;
    service->start_at = now_ns + backoff_ns(service->failures, false);
}

void
service_reaped(struct service *service, int status, int64_t now_ns)
{
    close_ready(service);
    if (service->ready && now_ns - service->ready_ns >= STEADY_NS) {
        service->failures = 0;
    }
    bool was_up = service->ready;
    service->pid = 0;
    service->ready = false;
    service->deadline = LODE_NEVER;
    service->status = status;
    service->lost = !service->told;
    service->start_at = now_ns;
    if (service->lost) {
        service->failures++;
        service->start_at += backoff_ns(service->failures, was_up);
    }
}

const char *
service_describe_end(int status, char *text_out, size_t room)
{
    if (WIFSIGNALED(status)) {
        snprintf(text_out, room, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else {
        snprintf(text_out, room, "exited with status %d", WEXITSTATUS(status));
    }
    return text_out;
}
