/*
 * populate.h: a thread that maps the pages of large arguments of tasks that are queued, while the
 * main thread is still busy with another task. The first such argument starts it. It sleeps
 * otherwise.
 *
 * Threads  populate_ask(): any; nothing blocks. An argument that does not fit into the list is left
 *          out: its pages will be mapped when they are used.
 */
#ifndef WORKER_RUNTIME_POPULATE_H
#define WORKER_RUNTIME_POPULATE_H

#include "api/base/lock.h"

#include <lode/object.h>

enum { POPULATE_LIST = 64, POPULATE_MIN_BYTES = 1 << 20 };

struct populate {
    struct lode_mutex mu; /* WORKER_POPULATE */
    struct lode_cond asked;
    lode_id list[POPULATE_LIST]; /* mu; a ring */
    uint32_t first, count;       /* mu */
    bool started;                /* mu */
    bool stop;                   /* mu */
    pthread_t thread;
    lode *db;
};

void populate_init(struct populate *populate, lode *db);

bool populate_has_thread(struct populate *populate);

/* Stops the thread. */
void populate_fini(struct populate *populate);

/* Populates the object soon, if it is there and large. */
void populate_ask(struct populate *populate, lode_id id);

#endif
