#include "api/client/cluster/starting.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/hold.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

enum { PAUSE_MS = 5 };

lode_err
lode_starting_wait(const char *dir, int64_t deadline)
{
    char lock[LODE_PATH_MAX], said[LODE_FAIL_MAX];
    struct lode_holder supervisor;
    snprintf(said, sizeof said, "%s", lode_last_error());
    LODE_TRY(lode_path_join(lock, sizeof lock, dir, LODE_FILE_SUPERVISOR_LOCK));
    lode_err err = lode_hold_ask(lock, &supervisor);
    if (err == LODE_ESYS && (errno == EMFILE || errno == ENFILE)) {
        return err; /* it cannot be told */
    }
    if (err != LODE_OK) {
        (void)lode_fail_with(LODE_EDOWN, "%s", said);
        return LODE_EAGAIN;
    }
    if (lode_now_ns() >= deadline) {
        return lode_fail_with(LODE_EDOWN,
                              "the cluster in '%s' has not come up within %d s: its supervisor "
                              "(pid %d) is still trying; what it says on stderr tells why",
                              dir, LODE_STARTING_MS / 1000, (int)supervisor.pid);
    }
    poll(NULL, 0, PAUSE_MS);
    return LODE_OK;
}
