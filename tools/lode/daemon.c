#include "tools/lode/daemon.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/base/log.h"
#include "tools/lode/spawn.h"

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
static const int64_t BACKOFF_MOST_NS = 10000 * MS;

void
daemon_init(struct daemon *daemon, const char *name)
{
    memset(daemon, 0, sizeof *daemon);
    daemon->name = name;
    daemon->ready_fd = -1;
    daemon->deadline = LODE_NEVER;
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
daemon_start(struct daemon *daemon, const char *program, const char *const *argv, char *ready_text,
             const int *pass, size_t pass_count)
{
    struct spawn_plan plan = {.path = program, .argv = argv, .output = -1};
    int ends[2];
    LODE_TRY(make_ready_pipe(ends));
    memcpy(plan.pass, pass, pass_count * sizeof *pass);
    plan.pass[pass_count] = ends[1];
    plan.pass_count = pass_count + 1;
    snprintf(ready_text, 16, "%d", ends[1]);
    lode_err err = spawn_program(&plan, &daemon->pid);
    close(ends[1]);
    if (err != LODE_OK) {
        daemon->pid = 0;
        close(ends[0]);
        return err;
    }
    daemon->ready_fd = ends[0];
    daemon->ready = daemon->told = daemon->lost = false;
    daemon->deadline = lode_now_ns() + START_LIMIT_NS;
    return LODE_OK;
}

static void
close_ready(struct daemon *daemon)
{
    if (daemon->ready_fd >= 0) {
        close(daemon->ready_fd);
        daemon->ready_fd = -1;
    }
}

bool
daemon_read_ready(struct daemon *daemon)
{
    char byte;
    ssize_t got = read(daemon->ready_fd, &byte, 1);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    close_ready(daemon);
    if (got != 1) {
        if (!daemon->told) {
            /* Most often it has ended by itself, and is reaped in a moment. */
            kill(daemon->pid, SIGKILL);
        }
        return false;
    }
    daemon->ready = true;
    daemon->ready_ns = lode_now_ns();
    if (!daemon->told) {
        daemon->deadline = LODE_NEVER;
    }
    return true;
}

void
daemon_stop(struct daemon *daemon, int64_t grace_ms)
{
    if (daemon->pid == 0 || daemon->told) {
        return;
    }
    daemon->told = true;
    daemon->deadline = lode_now_ns() + grace_ms * MS;
    kill(daemon->pid, SIGTERM);
}

void
daemon_enforce(struct daemon *daemon, int64_t now_ns)
{
    if (daemon->pid == 0 || now_ns < daemon->deadline) {
        return;
    }
    daemon->deadline = LODE_NEVER;
    lode_log("SUPERVISOR-DAEMON-KILLED", "%s (pid %d) did not %s in time", daemon->name,
             (int)daemon->pid, daemon->told ? "end" : "come up");
    kill(daemon->pid, SIGKILL);
}

static int64_t
backoff_ns(unsigned failures)
{
    int64_t ns = BACKOFF_FIRST_NS;
    for (unsigned i = 1; i < failures && ns < BACKOFF_MOST_NS; i++) {
        ns *= 2;
    }
    return ns < BACKOFF_MOST_NS ? ns : BACKOFF_MOST_NS;
}

void
daemon_reaped(struct daemon *daemon, int status, int64_t now_ns)
{
    close_ready(daemon);
    if (daemon->ready && now_ns - daemon->ready_ns >= STEADY_NS) {
        daemon->failures = 0;
    }
    daemon->pid = 0;
    daemon->ready = false;
    daemon->deadline = LODE_NEVER;
    daemon->status = status;
    daemon->lost = !daemon->told;
    daemon->start_at = now_ns;
    if (daemon->lost) {
        daemon->failures++;
        daemon->start_at += backoff_ns(daemon->failures);
    }
}

const char *
daemon_describe_end(int status, char *text_out, size_t room)
{
    if (WIFSIGNALED(status)) {
        snprintf(text_out, room, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else {
        snprintf(text_out, room, "exited with status %d", WEXITSTATUS(status));
    }
    return text_out;
}
