/*
 * spawn.h: starts a program with exactly the descriptors that it is meant to have. posix_spawn
 * only: nothing of ours runs in a half-copied process, and what is CLOEXEC stays here.
 */
#ifndef LODE_TOOLS_SPAWN_H
#define LODE_TOOLS_SPAWN_H

#include <lode/error.h>
#include <sys/types.h>

enum { SPAWN_PASS_MAX = 4, SPAWN_NUMBER_SIZE = 16 };

struct spawn_plan {
    const char *path;
    const char *const *argv;  /* ends with NULL */
    int pass[SPAWN_PASS_MAX]; /* descriptors that the child has under the same number */
    size_t pass_count;
    int lifeline;        /* reading end; the child gets one with flags of its own */
    char *lifeline_text; /* SPAWN_NUMBER_SIZE bytes of argv, where its number is written */
    int output;          /* its stdout and stderr; -1: our stderr for both */
    int oom_score_raise; /* added to our own; out-of-memory kills prefer higher ones */
};

/*
 * Starts it in a process group of its own, with stdin from /dev/null, no signal blocked or ignored.
 * Errors: LODE_ENOTFOUND there is no such program; LODE_ELIMIT no more processes; LODE_ESYS,
 * LODE_ENOMEM, LODE_EDENIED.
 */
LODE_MUST_CHECK lode_err spawn_program(const struct spawn_plan *plan, pid_t *pid_out);

/*
 * The directory of the running program, without the slash: the daemons lie beside it.
 * Errors: LODE_ESYS, LODE_EINVAL too long.
 */
LODE_MUST_CHECK lode_err spawn_own_dir(char *dir_out, size_t room);

#endif
