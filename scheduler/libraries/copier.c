#include "scheduler/libraries/copier.h"

#include "api/base/clock.h"
#include "api/cluster/directories.h"
#include "api/base/fail.h"
#include "api/system/limit.h"
#include "api/cluster/files.h"
#include "api/base/log.h"
#include "scheduler/libraries/copies.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { END_MS = 1000 }; /* a disk that hangs holds up nobody's end */

struct job {
    STAILQ_ENTRY(job) entry;
    uint64_t cookie;
    bool removes; /* else it copies */
    char path[];
};

struct copier {
    char state_dir[LODE_PATH_MAX], dir[LODE_PATH_MAX]; /* the second lies in the first */
    struct drive *drive;
    bool started;
    struct copies copies; /* the thread's, until it has ended */
    struct lode_mutex mu;
    struct lode_cond changed;
    bool open;               /* mu: there are `copies` */
    bool busy, ends;         /* mu */
    STAILQ_HEAD(, job) jobs; /* mu */
};

static void
say_copied(struct copier *copier, uint64_t cookie, lode_err err, const char *path)
{
    struct core_event event = {.type = CORE_LIBRARY_COPIED,
                               .u.copied = {.cookie = cookie,
                                            .err = (uint32_t)err,
                                            .path = path,
                                            .text = err != LODE_OK ? lode_last_error() : ""}};
    drive_step(copier->drive, &event);
}

/* The first library is what the state directory is needed for. */
static lode_err
copy(struct copier *copier, const char *path, char *copy_out)
{
    if (copier->state_dir[0] == '\0') {
        return lode_fail_with(LODE_EINVAL, "there is no directory for copies of libraries, since "
                                           "HOME is no path: set LODE_STATE_DIR");
    }
    LODE_TRY(lode_directory_prepare(copier->state_dir, "LODE_STATE_DIR"));
    if (copier->open && !copies_are_there(&copier->copies)) {
        copies_close(&copier->copies);
        copier->open = false;
    }
    if (!copier->open) {
        LODE_TRY(copies_open(copier->dir, &copier->copies));
        copier->open = true;
    }
    return library_copy(path, copier->copies.dir, copy_out);
}

static void
do_job(struct copier *copier, const struct job *job)
{
    char path[LIBRARY_PATH_MAX] = "";
    if (job->removes) {
        copies_remove(&copier->copies, job->path);
        return;
    }
    lode_err err = copy(copier, job->path, path);
    if (err != LODE_OK) {
        lode_log("LIBRARY-REFUSED", "%s", lode_last_error());
    }
    say_copied(copier, job->cookie, err, path);
}

static void *
run(void *arg)
{
    struct copier *copier = arg;
    for (;;) {
        lode_mutex_lock(&copier->mu);
        struct job *job;
        copier->busy = false;
        lode_cond_broadcast(&copier->changed);
        while (copier->ends || (job = STAILQ_FIRST(&copier->jobs)) == NULL) {
            lode_cond_wait(&copier->changed, &copier->mu, LODE_NEVER);
        }
        STAILQ_REMOVE_HEAD(&copier->jobs, entry);
        copier->busy = true;
        lode_mutex_unlock(&copier->mu);
        do_job(copier, job);
        free(job);
    }
    return NULL;
}

lode_err
copier_create(const char *state_dir, struct drive *drive, struct copier **copier_out)
{
    struct copier *copier = calloc(1, sizeof *copier);
    if (copier == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the copier");
    }
    lode_err err =
        lode_path_join(copier->dir, sizeof copier->dir, state_dir, LODE_FOLDER_LIBRARIES);
    if (err != LODE_OK) {
        free(copier);
        return err;
    }
    snprintf(copier->state_dir, sizeof copier->state_dir, "%s", state_dir);
    copier->drive = drive;
    lode_mutex_init(&copier->mu, LODE_LOCK_LIBRARY_JOBS);
    lode_cond_init(&copier->changed);
    STAILQ_INIT(&copier->jobs);
    *copier_out = copier;
    return LODE_OK;
}

/* Signals are blocked in this thread, and so in the new one. */
static lode_err
start(struct copier *copier)
{
    pthread_t thread;
    if (!copier->started) {
        int code = pthread_create(&thread, NULL, run, copier);
        if (code != 0) {
            return lode_fail_start(code, "the thread that copies libraries");
        }
        pthread_detach(thread);
        copier->started = true;
    }
    return LODE_OK;
}

static lode_err
add_job(struct copier *copier, uint64_t cookie, bool removes, const char *path)
{
    size_t size = strlen(path) + 1;
    struct job *job = malloc(sizeof *job + size);
    lode_err err = job == NULL ? lode_fail_with(LODE_ENOMEM, "no memory for a job") : start(copier);
    if (err != LODE_OK) {
        free(job);
        return err;
    }
    job->cookie = cookie;
    job->removes = removes;
    memcpy(job->path, path, size);
    lode_mutex_lock(&copier->mu);
    STAILQ_INSERT_TAIL(&copier->jobs, job, entry);
    lode_cond_broadcast(&copier->changed);
    lode_mutex_unlock(&copier->mu);
    return LODE_OK;
}

void
copier_copy(struct copier *copier, uint64_t cookie, const char *path)
{
    lode_err err = add_job(copier, cookie, false, path);
    if (err != LODE_OK) {
        say_copied(copier, cookie, err, "");
    }
}

void
copier_remove(struct copier *copier, const char *copy)
{
    (void)!add_job(copier, 0, true, copy); /* else it goes with the others */
}

void
copier_end(struct copier *copier)
{
    if (copier == NULL) {
        return;
    }
    int64_t deadline = lode_deadline(END_MS);
    lode_mutex_lock(&copier->mu);
    copier->ends = true;
    while (copier->busy && lode_cond_wait(&copier->changed, &copier->mu, deadline)) {
    }
    bool removes = copier->open && !copier->busy;
    lode_mutex_unlock(&copier->mu);
    if (removes) {
        copies_close(&copier->copies);
    }
}
