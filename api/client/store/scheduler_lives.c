#include "api/client/store/scheduler_lives.h"

#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/hold.h"

/* In what was seen: there was no lock file at the last look. */
#define SAW_NO_FILE UINT64_C(1)

/* Pid and start time name one process; the pid is below 2^22 (the kernel's PID_MAX_LIMIT). */
static uint64_t
identity_of(const struct lode_holder *holder)
{
    return holder->pid == 0 ? 0 : (uint64_t)holder->start << 23 | (uint64_t)holder->pid << 1;
}

static lode_err
fail_ended(const struct lode_paths *paths)
{
    return lode_fail_with(LODE_EDOWN, "the scheduler in %s has ended: nobody will make this result",
                          paths->dir);
}

/*
 * There is no lock file. A scheduler makes a file that was removed anew at once, so one look says
 * nothing: two in a row do.
 */
static lode_err
no_file(const struct lode_paths *paths, uint64_t *seen)
{
    if (*seen & SAW_NO_FILE) {
        return fail_ended(paths);
    }
    *seen |= SAW_NO_FILE;
    return LODE_OK;
}

lode_err
lode_scheduler_lives(const struct lode_paths *paths, uint64_t *seen)
{
    char path[LODE_PATH_MAX];
    struct lode_holder holder = {0};
    LODE_TRY(lode_path_join(path, sizeof path, paths->dir, LODE_FILE_SCHEDULER_LOCK));
    lode_err err = lode_hold_ask(path, &holder);
    if (err == LODE_ENOTFOUND) {
        return no_file(paths, seen);
    }
    if (err != LODE_EDOWN && err != LODE_OK) {
        return LODE_OK; /* nobody can tell */
    }
    uint64_t before = *seen & ~SAW_NO_FILE;
    uint64_t now = identity_of(&holder);
    if (err == LODE_EDOWN || (before != 0 && now != 0 && before != now)) {
        return fail_ended(paths);
    }
    *seen = now != 0 ? now : before;
    return LODE_OK;
}
