/*
 * submissions.h: what the session's unfinished calls hold: references to their arguments, and which
 * ids belong together. Only calls that pass references or have several results are noted: for an
 * empty call there is nothing to keep.
 *
 * Ownership  the table holds the lists that lode_submissions_add() is given. Few references need no
 *            list: most calls have one or two, and would allocate one for each call
 * Threads    locking is the caller's (task_client.h: tasks.mu); nothing blocks
 */
#ifndef LODE_CLIENT_SUBMISSIONS_H
#define LODE_CLIENT_SUBMISSIONS_H

#include <lode/object.h>

enum { LODE_REFS_FEW = 2 };

/* Either few, or a list: malloc'ed. */
union lode_refs {
    lode_id few[LODE_REFS_FEW];
    lode_id *list;
};

struct lode_submission {
    uint64_t number; /* 0: an empty slot */
    lode_id results; /* the first of result_count consecutive ids */
    uint32_t result_count;
    uint32_t ref_count;
    union lode_refs refs; /* a list: ref_count > LODE_REFS_FEW */
};

static inline lode_id *
lode_refs_of(union lode_refs *refs, uint32_t count)
{
    return count > LODE_REFS_FEW ? refs->list : refs->few;
}

/* Frees the list, if there is one. */
void lode_refs_free(union lode_refs *refs, uint32_t count);

/* Open addressing with linear probing, at most half full. */
struct lode_submissions_far {
    struct lode_submission *slot;
    size_t slot_count; /* a power of two, or 0 */
    size_t used;
};

/*
 * Numbers run on, so each call has a slot of its own by the lowest bits of its number: at most half
 * of these slots are used. A call whose slot is still taken, by a much older one, goes to the far
 * ones. A zeroed table is empty.
 */
struct lode_submissions {
    struct lode_submission *near;
    size_t near_count; /* a power of two, or 0 */
    size_t near_used;
    struct lode_submissions_far far;
};

static inline size_t
lode_submissions_used(const struct lode_submissions *table)
{
    return table->near_used + table->far.used;
}

/* Makes room for one more, so that the next add cannot fail. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err lode_submissions_reserve(struct lode_submissions *table);

/* Adds a submission whose number is not in the table; there must be room. */
void lode_submissions_add(struct lode_submissions *table, const struct lode_submission *submission);

/* Takes a submission out: its refs are the caller's now. False: nothing is noted of it. */
bool lode_submissions_take(struct lode_submissions *table, uint64_t number,
                           struct lode_submission *submission_out);

/* The first result id of the call that makes `id`; `id` itself if nothing is noted. */
lode_id lode_submissions_first_result(const struct lode_submissions *table, lode_id id);

void lode_submissions_fini(struct lode_submissions *table);

#endif
