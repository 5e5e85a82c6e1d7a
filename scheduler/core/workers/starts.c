#include "scheduler/core/workers/starts.h"

#include "scheduler/core/state/errors.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- kinds ----------------------------------------------------------------------------------- */

static void
wait_longer(struct core *core)
{
    uint32_t waits = core->starts.waits++;
    int64_t wait = CORE_BACKOFF_NS << (waits < 10 ? waits : 10);
    core->spawn_after = core->now + (wait < CORE_BACKOFF_MAX_NS ? wait : CORE_BACKOFF_MAX_NS);
}

LODE_PRINTF(3, 4)
static void
failed(struct core *core, bool is_hunger, const char *format, ...)
{
    struct core_starts *starts = &core->starts;
    va_list args;
    va_start(args, format);
    vsnprintf(starts->why, sizeof starts->why, format, args);
    va_end(args);
    starts->is_hunger = is_hunger;
    if (starts->failures++ == 0) {
        starts->failing_since = core->now;
    }
    starts->is_hopeless = starts->failures >= CORE_START_FAILURES &&
                          (!is_hunger || core->now - starts->failing_since >= CORE_HUNGER_NS);
    wait_longer(core);
}

static void
hunger(struct core *core)
{
    failed(core, true,
           "the system has no process, thread or memory for one: see the scheduler's log, "
           "`ulimit -u`, `ulimit -v` and pids.max");
}

/* By somebody else, and not for a fault of its own. */
static bool
was_killed(const struct core_worker *worker)
{
    switch (worker->death->signal) {
    case 0:
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGABRT:
    case SIGTRAP:
    case SIGSYS:
        return false;
    default:
        return !worker->killed; /* by the core: it hung, say */
    }
}

/* ---- what happened --------------------------------------------------------------------------- */

void
core_start_lacks_memory(struct core *core)
{
    hunger(core);
}

void
core_start_refused(struct core *core, lode_err err)
{
    if (err == LODE_ELIMIT || err == LODE_ENOMEM || err == LODE_EAGAIN) {
        hunger(core);
    } else if (err == LODE_ENOTFOUND) {
        failed(core, false,
               "the program lode-worker is not beside `lode`: is the installation complete?");
    } else {
        failed(core, false, "lode-worker cannot be started: %s: see the scheduler's log",
               lode_err_text(err));
    }
}

void
core_start_ended(struct core *core, const struct core_worker *worker)
{
    char text[128];
    if (was_killed(worker)) {
        wait_longer(core);
    } else if (worker->death->exit_status == LODE_WORKER_LACKS) {
        hunger(core);
    } else if (worker->killed) {
        failed(core, false, "the last one was not up after %d s",
               (int)(CORE_START_NS / 1000000000));
    } else {
        core_describe_death(worker->death, text, sizeof text);
        failed(core, false, "the last one %s as it started: see the scheduler's log", text);
    }
}

void
core_start_succeeded(struct core *core)
{
    core->starts = (struct core_starts){0};
    core->spawn_after = 0;
}

/* ---- what it means --------------------------------------------------------------------------- */

lode_err
core_start_error(const struct core *core)
{
    return core->starts.is_hunger ? LODE_ELIMIT : LODE_ECRASHED;
}
