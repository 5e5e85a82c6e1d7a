#include "api/base/clock.h"
#include "api/cluster/directories.h"
#include "api/base/fail.h"
#include "api/base/log.h"
#include "api/base/options.h"
#include "api/client/session/session.h"
#include "api/client/cluster/private_cluster.h"
#include "api/client/cluster/starting.h"
#include "api/client/tasks/task_client.h"
#include "api/system/tricks.h"
#include "api/wire/private_start.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static lode_err
check_options(const char *dir, const lode_open_options *options)
{
    uint32_t known =
        LODE_OPEN_ATTACH | LODE_OPEN_PRIVATE | LODE_OPEN_STORE_ONLY | LODE_OPEN_UNPROTECTED;
    if ((options->flags & ~known) != 0) {
        return lode_fail_with(LODE_EINVAL, "lode_open: there are no flags 0x%x",
                              (unsigned)(options->flags & ~known));
    }
    if ((options->flags & LODE_OPEN_PRIVATE) != 0 &&
        ((options->flags & LODE_OPEN_ATTACH) != 0 || dir != NULL)) {
        return lode_fail_with(LODE_EINVAL,
                              "lode_open: a private cluster chooses its own directory; give "
                              "neither one nor LODE_OPEN_ATTACH with LODE_OPEN_PRIVATE");
    }
    return LODE_OK;
}

/* What only a private cluster has. */
static lode_err
check_cluster(const lode_open_options *options)
{
    if (options->num_cpus < 0 || options->num_cpus > LODE_PRIVATE_CPUS_MAX) {
        return lode_fail_with(LODE_EINVAL,
                              "lode_open: a cluster of %d CPUs; give 1 to %d, or 0 for those that "
                              "this process may use",
                              (int)options->num_cpus, LODE_PRIVATE_CPUS_MAX);
    }
    if (options->max_workers < 0 || options->max_workers > LODE_MAX_WORKERS_MAX) {
        return lode_fail_with(LODE_EINVAL,
                              "lode_open: %d workers for a program; give 1 to %d, or 0 for 1,024",
                              (int)options->max_workers, LODE_MAX_WORKERS_MAX);
    }
    if (options->capacity_bytes != 0 && (options->capacity_bytes < LODE_PRIVATE_CAPACITY_MIN ||
                                         options->capacity_bytes > LODE_PRIVATE_CAPACITY_MAX)) {
        return lode_fail_with(LODE_EINVAL,
                              "lode_open: a store of %llu bytes; give 1 MiB to 16 TiB, or 0 for a "
                              "part of what there is",
                              (unsigned long long)options->capacity_bytes);
    }
    return LODE_OK;
}

/* Attaches, and gives the session its task client. */
static lode_err
open_session(const struct lode_paths *paths, uint32_t flags, struct lode_private_cluster *cluster,
             lode **db_out)
{
    struct lode_tasks *tasks;
    lode *db;
    LODE_TRY(lode_session_attach(paths, 0, flags, &db));
    lode_err err = lode_tasks_install(db, &tasks);
    if (err != LODE_OK) {
        lode_session_close(db);
        return err;
    }
    tasks->cluster = cluster;
    if (lode_hooks_host() != NULL) {
        (void)lode_session_hook(db, LODE_HOOKS_WORKER, lode_hooks_host());
    }
    *db_out = db;
    return LODE_OK;
}

/*
 * A cluster that is starting, or whose store is being replaced, serves in a moment. A program that
 * did not wait would start a private cluster beside it, and never see the other's objects.
 *
 *   is_starting_out  true on LODE_EDOWN: a supervisor is there, but no store has come up in time
 */
static lode_err
open_running(const struct lode_paths *paths, uint32_t flags, bool *is_starting_out, lode **db_out)
{
    int64_t deadline = lode_deadline(LODE_STARTING_MS);
    for (;;) {
        lode_err err = open_session(paths, flags, NULL, db_out);
        lode_err waited =
            err != LODE_EDOWN ? LODE_EAGAIN : lode_starting_wait(paths->dir, deadline);
        waited = waited != LODE_OK ? waited : lode_hooks_host_stopped();
        if (waited != LODE_OK) {
            *is_starting_out = waited == LODE_EDOWN;
            return waited == LODE_EAGAIN ? err : waited;
        }
    }
}

/*
 * A directory that the user has named, and that `lode start` would refuse, is a mistake of the
 * user's. One that is missing is none, as long as its parent is there: `lode start` would make it.
 */
static lode_err
check_chosen_dir(const char *dir)
{
    const char *chosen = getenv("LODE_DIR");
    char parent[LODE_DIR_MAX + 1];
    struct stat st;
    if (chosen == NULL || chosen[0] == '\0') {
        return LODE_OK;
    }
    if (lstat(dir, &st) == 0) {
        return lode_directory_check(dir, "LODE_DIR");
    }
    snprintf(parent, sizeof parent, "%s", dir);
    *strrchr(parent, '/') = '\0';
    if (errno == ENOENT && (parent[0] == '\0' || (stat(parent, &st) == 0 && S_ISDIR(st.st_mode)))) {
        return LODE_OK;
    }
    return lode_fail_with(LODE_EINVAL, "LODE_DIR is '%s', and there is no directory '%s'", dir,
                          parent);
}

/*
 * Nothing runs in a directory that is another user's, or open to others, because no cluster of ours
 * could. That is what the user is to hear.
 */
static lode_err
check_owner(const char *dir)
{
    struct stat st;
    bool is_refused = stat(dir, &st) == 0 && lode_directory_check(dir, "LODE_DIR") == LODE_EDENIED;
    return is_refused ? LODE_EDENIED : LODE_OK;
}

static lode_err
open_private(const lode_open_options *options, lode **db_out)
{
    struct lode_private_cluster *cluster;
    lode_err err = LODE_EDOWN;
    /* A private cluster that was started before may have died. Then another one is started. */
    for (int i = 0; i < 2 && err == LODE_EDOWN; i++) {
        LODE_TRY(lode_private_cluster_use(options, &cluster));
        err = open_session(lode_private_cluster_paths(cluster), options->flags, cluster, db_out);
        if (err != LODE_OK) {
            lode_private_cluster_forget(cluster);
            lode_private_cluster_drop(cluster);
        }
    }
    return err;
}

/*
 * Once in a process. It is no error: the words may be those of another version, which this
 * environment was made for. But a measurement with a mistyped one would show nothing.
 */
static void
tell_of_unknown_tricks(void)
{
    static atomic_flag is_told = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&is_told) && lode_tricks_check() != LODE_OK) {
        lode_log_plain("lode: %s", lode_last_error());
    }
}

lode_err
lode_open(const char *dir, const lode_open_options *given, lode **db_out)
{
    lode_open_options options;
    struct lode_paths paths;
    LODE_NEED("lode_open", db_out);
    tell_of_unknown_tricks();
    LODE_TRY(lode_options_read("lode_open_options", given, sizeof options, &options));
    LODE_TRY(check_options(dir, &options));
    LODE_TRY(check_cluster(&options));
    if ((options.flags & LODE_OPEN_PRIVATE) == 0) {
        LODE_TRY(lode_paths_resolve(dir, &paths));
        bool is_starting = false;
        lode_err err = open_running(&paths, options.flags, &is_starting, db_out);
        if (err != LODE_EDOWN || is_starting) {
            return err;
        }
        if (dir != NULL || (options.flags & LODE_OPEN_ATTACH) != 0) {
            LODE_TRY(check_owner(paths.dir));
            return lode_fail_with(
                LODE_EDOWN, "no cluster runs in '%s': start one with `lode start`", paths.dir);
        }
        LODE_TRY(check_chosen_dir(paths.dir));
    }
    return open_private(&options, db_out);
}

/* A private cluster ends last: the session needs its store until it has closed. */
void
lode_close(lode *db)
{
    if (db == NULL) {
        return;
    }
    const struct lode_tasks *tasks = lode_tasks_peek(db);
    struct lode_private_cluster *cluster = tasks != NULL ? tasks->cluster : NULL;
    if (lode_session_close(db)) {
        lode_private_cluster_drop(cluster);
    }
}
