#include "tools/lode/calls/session.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/layout/error_object.h"
#include "api/wire/private_start.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/program.h"
#include "tools/cli/size.h"
#include "tools/clusters/clusters.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct argp_option options[] = {
    {"num-cpus", 'c', "N", 0, "CPUs of a private cluster, which starts where none runs", 2},
    {"capacity", 'm', "SIZE", 0, "room for objects in a private cluster, as 4G", 2},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct session_options *wanted = state->input;
    double cpus = 0;
    switch (key) {
    case 'c':
        options_cpus(state, "num-cpus", arg, &cpus);
        if (cpus != (int32_t)cpus) {
            options_error(state, "--num-cpus: '%s' is not a whole number of CPUs", arg);
        }
        wanted->open.num_cpus = (int32_t)cpus;
        return 0;
    case 'm':
        if (size_parse(arg, &wanted->open.capacity_bytes) != LODE_OK) {
            options_error(state, "--capacity: %s", lode_last_error());
        } else if (wanted->open.capacity_bytes < LODE_PRIVATE_CAPACITY_MIN ||
                   wanted->open.capacity_bytes > LODE_PRIVATE_CAPACITY_MAX) {
            options_error(state, "--capacity: '%s' is not from 1 MiB to 16 TiB", arg);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp session_argp = {options, parse_option, 0, 0, 0, 0, 0};
const struct argp_child session_children[] = {
    {&session_argp, 0, NULL, 0}, {&options_dir_json_argp, 0, NULL, 0}, {0}};

void
session_inputs(struct argp_state *state, struct session_options *wanted)
{
    state->child_inputs[0] = wanted;
    state->child_inputs[1] = &wanted->common;
}

lode_err
session_open(const struct session_options *wanted, lode **db_out)
{
    lode_open_options open = wanted->open;
    bool is_shaped = open.num_cpus != 0 || open.capacity_bytes != 0;
    bool runs = false;
    open.struct_size = sizeof open;
    if (is_shaped) { /* one that runs already stays as it is: not in silence */
        struct cluster cluster;
        runs = clusters_find(wanted->common.dir, &cluster) == LODE_OK && !cluster.is_private;
    }
    lode_err err = lode_open(wanted->common.dir, &open, db_out);
    if (err == LODE_OK && runs) {
        program_error(0, "a cluster runs already: --num-cpus and --capacity are for a private one, "
                         "and change nothing");
    }
    return err;
}

/*
 * Slices, because a signal that comes just before lode_wait() sleeps does not end its sleep. The
 * result itself may say that time was up: that of its task.
 */
static lode_err
get_in_slices(lode *db, lode_id id, int64_t deadline, lode_view *view_out)
{
    enum { SLICE_MS = 200 };
    lode_err err = LODE_ETIMEDOUT;
    bool is_last = false;
    while (err == LODE_ETIMEDOUT && !is_last && interrupts_came() == 0) {
        int64_t left_ms = lode_remaining_ms(deadline);
        is_last = left_ms >= 0 && left_ms <= SLICE_MS;
        err = lode_wait(db, &id, 1, 1, is_last ? left_ms : SLICE_MS, NULL, NULL);
    }
    return err == LODE_OK ? lode_get(db, id, 0, view_out) : err;
}

lode_err
session_get(lode *db, lode_id id, int64_t deadline, lode_view *view_out)
{
    interrupts_defer(true);
    lode_err err = get_in_slices(db, id, deadline, view_out);
    interrupts_defer(false);
    if (interrupts_came() != 0) {
        if (err == LODE_OK) {
            lode_release(view_out);
        }
        return lode_fail_with(LODE_ECANCELLED, "interrupted");
    }
    return err;
}

static bool
may_be_of_task(lode_err err)
{
    return err == LODE_ETASK || err == LODE_ECRASHED || err == LODE_ECANCELLED ||
           err == LODE_ELIBRARY || err == LODE_ETIMEDOUT;
}

/* What session_close() says. */
static char failure_told[2 * LODE_FAIL_MAX];

static LODE_PRINTF(2, 3) int tell_later(int exit_code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(failure_told, sizeof failure_told, format, args);
    va_end(args);
    return exit_code;
}

void
session_close(lode *db)
{
    lode_close(db);
    if (failure_told[0] != '\0') {
        program_error(0, "%s", failure_told);
        failure_told[0] = '\0';
    }
}

/*
 * The failure as one sentence: whose, why, and where, unless the reason says that itself. The pid
 * is that of the task's own worker, so it does not stand behind the reason of another task.
 */
static int
say_failure(const char *what, const lode_failure_info *failure)
{
    char where[64] = "", attempt[32] = "", told[LODE_FAIL_MAX];
    int exit_code = exit_code_of(failure->code);
    const char *message =
        failure->message[0] != '\0' ? failure->message : lode_err_text(failure->code);
    if (failure->attempt > 1) {
        snprintf(attempt, sizeof attempt, ", attempt %d", failure->attempt);
    }
    if (failure->pid != 0 && strstr(message, "(pid ") == NULL) {
        snprintf(where, sizeof where, " (pid %lld%s)", (long long)failure->pid, attempt);
    }
    lode_error_tell(message, told, sizeof told);
    if (strcmp(told, message) != 0) {
        return tell_later(exit_code, "%s%s: %s", what, where, told);
    }
    bool is_named = strncmp(message, what, strlen(what)) == 0;
    return tell_later(exit_code, "%s%s%s%s", is_named ? "" : what, is_named ? "" : ": ", message,
                      where);
}

/* True if the sentence begins with it, in quotes or not, or with the file of "FILE:FUNCTION". */
static bool
names(const char *sentence, const char *what)
{
    const char *colon = strrchr(what, ':');
    size_t length = strlen(what);
    sentence += sentence[0] == '\'' ? 1 : 0;
    return strncmp(sentence, what, length) == 0 ||
           (colon != NULL && strncmp(sentence, what, (size_t)(colon - what) + 1) == 0);
}

int
session_failed(lode *db, lode_id id, lode_err err, const char *what, int64_t timeout_ms)
{
    static lode_failure_info failure;
    char sentence[LODE_FAIL_MAX];
    snprintf(sentence, sizeof sentence, "%s", lode_last_error());
    if (interrupts_came() != 0) {
        return tell_later(128 + interrupts_came(), "interrupted");
    }
    if (may_be_of_task(err) && !lode_id_is_zero(id) && lode_failure(db, id, &failure) == LODE_OK) {
        return say_failure(what, &failure);
    }
    if (err == LODE_ETIMEDOUT && !lode_id_is_zero(id) && timeout_ms != LODE_FOREVER) {
        snprintf(sentence, sizeof sentence, "there is no result within %g s (--timeout)",
                 (double)timeout_ms / 1000);
    } else if (names(sentence, what)) {
        return tell_later(exit_code_of(err), "%s", sentence);
    }
    return tell_later(exit_code_of(err), "%s: %s", what,
                      sentence[0] != '\0' ? sentence : lode_err_text(err));
}
