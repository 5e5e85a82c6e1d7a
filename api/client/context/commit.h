/*
 * commit.h: how the results of one attempt of a task are published: all in one step, or none.
 */
#ifndef LODE_CLIENT_COMMIT_H
#define LODE_CLIENT_COMMIT_H

#include <lode/object.h>

/* One result of one attempt of a task: a draft of this session, or a value that is copied. */
struct lode_result {
    lode_id id;
    lode_draft *draft;       /* NULL: a value; ended by the commit (zeroed), also when it fails */
    const lode_array *array; /* of a value; NULL: bytes of kind `kind` */
    lode_kind kind;
    const void *data; /* of a value */
    size_t size;
};

/*
 * Commits all results of one attempt in one step. The first attempt wins: if the first id is sealed
 * already, nothing changes. Small values ride in the ring; values too large for it are copied into
 * drafts. The results are published when it returns: a reader that gets one of the ids finds it.
 * Only for sessions that attached as makers.
 *
 *   task  the scheduler's number, for diagnosis
 *
 * Blocking  up to timeout_ms for room in the ring, credit, or room for large values
 * Errors    LODE_EFULL, LODE_ETOOBIG; LODE_EDOWN; LODE_EINVAL
 */
LODE_MUST_CHECK lode_err lode_ring_commit(lode *db, uint64_t task, struct lode_result *results,
                                          uint32_t count, int64_t timeout_ms);

#endif
