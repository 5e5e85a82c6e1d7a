/*
 * reaper.h: one thread that does what nng must not be asked for in its own callbacks: closing
 * sockets and listeners. It also does what is to be done at a later time (later.h). It takes no
 * signals, and sleeps when idle.
 */
#ifndef LODE_WIRE_REAPER_H
#define LODE_WIRE_REAPER_H

#include <lode/error.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* A job is part of what it works on. Zeroed: not queued. */
struct lode_reaper_job {
    void (*run)(struct lode_reaper_job *job); /* may free what the job is part of */
    TAILQ_ENTRY(lode_reaper_job) entry;
    bool queued;
    int64_t due_ns; /* 0: at once */
};

/* Starts the thread, if it does not run; jobs wait for that. Errors: LODE_ELIMIT. */
LODE_MUST_CHECK lode_err lode_reaper_start(void);

/* Queues a job; one that is queued already stays where it is. Any thread, callbacks included. */
void lode_reaper_add(struct lode_reaper_job *job);

/*
 * The same, to be run at that time (lode_now_ns()), or as soon after it as no other job runs. Jobs
 * that close something may take long.
 */
void lode_reaper_add_at(struct lode_reaper_job *job, int64_t due_ns);

/* After this the job is neither queued nor running, unless it is this very thread that runs it. */
void lode_reaper_cancel(struct lode_reaper_job *job);

#endif
