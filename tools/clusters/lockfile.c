#include "tools/clusters/lockfile.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/hold.h"
#include "api/cluster/paths.h"

#include <errno.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* A supervisor takes the lock, and then writes its pid: the line is waited for so long. */
enum { PATIENCE_MS = 1000 };

static lode_err
ask(const char *dir, struct lode_holder *holder_out)
{
    char path[LODE_PATH_MAX];
    int64_t deadline = lode_deadline(PATIENCE_MS);
    LODE_TRY(lode_path_join(path, sizeof path, dir, LODE_FILE_SUPERVISOR_LOCK));
    for (;;) {
        lode_err err = lode_hold_ask(path, holder_out);
        if (err == LODE_ENOTFOUND || err == LODE_EDOWN) {
            return lode_fail_with(LODE_EDOWN, "no cluster runs in '%s'", dir);
        }
        if (err != LODE_OK || holder_out->pid != 0 || lode_now_ns() >= deadline) {
            return err;
        }
        poll(NULL, 0, 1);
    }
}

/* A pidfd that was opened before the process was seen to be the holder is the holder's. */
static int
open_holder(const struct lode_holder *holder)
{
    int pidfd = holder->pid > 0 ? pidfd_open(holder->pid, 0) : -1;
    if (pidfd >= 0 && !lode_holder_is_here(holder)) {
        close(pidfd);
        return -1;
    }
    return pidfd;
}

lode_err
lockfile_holder(const char *dir, pid_t *pid_out, int *pidfd_out)
{
    struct lode_holder holder = {0};
    LODE_TRY(ask(dir, &holder));
    errno = 0;
    int pidfd = open_holder(&holder);
    if (pidfd < 0 && (errno == EMFILE || errno == ENFILE)) {
        return lode_fail_errno("cannot look at process %d, which runs the cluster in '%s'",
                               (int)holder.pid, dir);
    }
    if (pidfd < 0) {
        LODE_TRY(ask(dir, &holder)); /* it may have ended just now */
        return lode_fail_with(
            LODE_EDENIED, "the cluster in '%s' runs in another container: see to it there", dir);
    }
    if (pidfd_out != NULL) {
        *pidfd_out = pidfd;
    } else {
        close(pidfd);
    }
    *pid_out = holder.pid;
    return LODE_OK;
}
