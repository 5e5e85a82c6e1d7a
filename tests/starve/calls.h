/*
 * calls.h: the public calls, each as a function that uses one session and can be repeated. A call
 * that gives LODE_OK has done its work: the functions look at what it has made.
 *
 * An outcome that only a missing object or a timeout of 1 ms can have is LODE_OK here.
 */
#ifndef TESTS_STARVE_CALLS_H
#define TESTS_STARVE_CALLS_H

#include <lode/lode.h>

enum { LARGE = 300000, SMALL = 96 }; /* bytes; a small object has SMALL / 8 doubles */

/* What a call is called with. Each round has a session of its own. */
struct round {
    lode *db;
    lode_id ids[2];  /* of objects that are there: small, large; "large" is the second's name */
    lode_id absent;  /* of one that is not */
    lode_id made[4]; /* by the call; dropped after it */
    lode_view views[2];
    lode_draft draft;
    char name[32]; /* differs from round to round */
};

struct call {
    const char *name;
    lode_err (*run)(struct round *r);
};

/* Closed by an entry without a name. */
extern const struct call store_calls[]; /* they ask the store alone */
extern const struct call task_calls[];  /* they also ask the scheduler */
extern const struct call open_calls[];  /* they open a session themselves, and close it */

/* Makes what the calls use; the second releases and drops what a call has given. */
void prepare_calls(lode *db, lode_id ids_out[2]);
void end_call(struct round *r);

#endif
