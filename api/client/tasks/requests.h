/*
 * requests.h: questions to the scheduler that have an answer. The asking thread sleeps until a
 * thread of nng's brings the answer, or the session goes down, or time runs out.
 */
#ifndef LODE_CLIENT_REQUESTS_H
#define LODE_CLIENT_REQUESTS_H

#include "api/client/tasks/tasks.h"
#include "api/wire/task_msg.h"

/* A question that the scheduler answers; lives on the asking thread's stack. */
struct lode_request {
    struct lode_request *next;
    uint32_t tag;
    uint16_t answer; /* the type of record that answers it */
    bool done;
    lode_err err;
    uint32_t function, results; /* RESOLVED */
    uint64_t times_forgotten;   /* of tasks.functions, when the answer came */
    lode_scheduler_stats stats; /* STATS_ARE */
    uint64_t at;                /* LISTED: where the next question begins; 0: these were the last */
    char *text;                 /* malloc'ed: of an error, or the JSON document; may be NULL */
};

/*
 * Sends the question, with a new tag and `rest` behind it, and waits for the answer. STATS: `rest`
 * is NULL. LIST: `rest` is `at` of the question.
 *
 *   flags        LOAD: LODE_LOAD_…; STATS: LODE_STATS_…; or 0
 *   request_out  the answer; text is the caller's to free, also when it fails
 *
 * Blocking  timeout_ms at most; 5 s where the scheduler does not answer at all
 * Errors  LODE_ETIMEDOUT, LODE_EDOWN; what the answer says, with its text
 */
LODE_MUST_CHECK lode_err lode_tasks_ask(struct lode_tasks *tasks, uint16_t type, uint16_t answer,
                                        uint32_t flags, const void *rest, uint32_t rest_size,
                                        int64_t timeout_ms, struct lode_request *request_out);

/* Gives an answer to the thread that waits for it, or drops it if none does. On nng's threads. */
void lode_tasks_answer(struct lode_tasks *tasks, const struct lode_request *answer,
                       const void *text, size_t text_size);

#endif
