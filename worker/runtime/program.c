#include "worker/runtime/program.h"

#include "worker/process/confines.h"
#include "worker/process/origin.h"
#include "worker/process/streams.h"
#include "worker/process/surroundings.h"

#include <errno.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { LOOKS = 8 }; /* a thread that was joined may be counted for a moment longer */

/* /proc/self/task has a link for each thread. 0: there is no /proc, and nobody can tell. */
static uint32_t
count_threads(void)
{
    struct stat info;
    return stat("/proc/self/task", &info) == 0 && info.st_nlink > 2 ? (uint32_t)info.st_nlink - 2
                                                                    : 0;
}

static uint32_t
count_ours(struct worker *worker)
{
    return worker->own_threads + (populate_has_thread(&worker->populate) ? 1 : 0);
}

static bool
has_left_threads(struct worker *worker)
{
    for (int i = 0; i < LOOKS; i++) {
        if (count_threads() <= count_ours(worker)) {
            return false;
        }
        sched_yield();
    }
    return true;
}

/* Children that have ended, and that nobody waited for, are forgotten here. */
static bool
has_left_children(void)
{
    siginfo_t info;
    for (;;) {
        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) != 0) {
            return errno != ECHILD && errno != EINTR;
        }
        if (info.si_pid == 0) {
            return true;
        }
    }
}

void
program_init(struct worker *worker)
{
    worker->own_threads = count_threads();
    worker->program = 0;
    confines_remember_descriptors();
}

/* What a task has left there, or changed, would reach the other program's. */
static bool
is_spoiled(struct worker *worker)
{
    return has_left_threads(worker) || has_left_children() || !confines_are_as_they_were();
}

bool
program_enter(struct worker *worker, const struct lode_task_run *run)
{
    uint64_t program = run != NULL ? run->program : 0;
    bool has_pipe = worker->printing.fd >= 0 && !printing_is_lost(&worker->printing);
    if (worker->program == program && has_pipe) {
        return true;
    }
    if (worker->program != program && worker->is_used && is_spoiled(worker)) {
        return false;
    }
    if (worker->program != program) {
        streams_flush();
    }
    if (printing_renew(&worker->printing, program) != LODE_OK) {
        return false;
    }
    if (worker->program != program) {
        surroundings_enter(run != NULL ? run->program_pid : 0);
        origin_set_key(run != NULL ? run->program_key : 0);
        worker->program = program;
    }
    worker->is_used = true;
    return true;
}

uint32_t
program_pool_begin(void)
{
    return count_threads();
}

void
program_pool_end(struct worker *worker, uint32_t threads_before)
{
    uint32_t threads = count_threads();
    worker->own_threads += threads > threads_before ? threads - threads_before : 0;
}
