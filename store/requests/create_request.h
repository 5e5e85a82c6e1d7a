/*
 * create_request.h: one CREATE or PUT, as the store keeps it while it is worked on, and its checks.
 */
#ifndef LODE_STORE_REQUESTS_CREATE_REQUEST_H
#define LODE_STORE_REQUESTS_CREATE_REQUEST_H

#include "store/freeing/reclaim.h"

/* A request: its packet, and how far it has come. */
struct create {
    struct create *next;
    struct session *session;
    int64_t deadline;
    uint64_t stored; /* bytes asked of the arena */
    uint32_t entry;  /* WARMING: the draft */
    uint64_t word;
    struct reclaim_mark mark; /* until it is reached, more may be freed for the request */
    bool last_try;            /* its warming failed at its deadline */
    bool is_counted;          /* it waits already, or has waited: it may wait on */
    bool is_put;
    struct object_desc desc;
    uint32_t hold_count;
    uint32_t tag;
    size_t rest_size;
    const uint8_t *rest; /* holds, then a PUT's bytes */
};

/* False: the request is for a draft that a COMMIT will name. */
bool create_is_named(const struct create *create);

/* Copies a packet's fixed part; `rest` is only pointed to. Nothing is checked yet. */
void create_read(struct session *session, const struct lode_msg_create *msg, const uint8_t *rest,
                 size_t rest_size, struct create *create);

/*
 * Checks what does not depend on the time: sizes, kind, shape.
 * Errors: LODE_EPROTO the packet contradicts itself; LODE_EINVAL, LODE_ETOOBIG.
 */
LODE_MUST_CHECK lode_err create_check(const struct create *create);

/* Whether the session may make an object of that id now. Errors: LODE_EINVAL, LODE_EEXIST. */
LODE_MUST_CHECK lode_err create_check_id(const struct store *store, const struct session *session,
                                         const struct create *create);

/*
 * Whether the session may have one more id that is referred to and does not exist: an abort may
 * leave one. Not of an id that nobody knew before. Errors: LODE_ELIMIT.
 */
LODE_MUST_CHECK lode_err create_check_quota(const struct store *store, const struct create *create);

/*
 * Whether the request may wait beside those that are in the two lists. What waits of one process is
 * limited apart, or one program could fill the lists, and the creates of all others would fail.
 * What programs have in them keeps no worker and no scheduler out.
 * Errors: LODE_ELIMIT, LODE_EFULL.
 */
LODE_MUST_CHECK lode_err create_check_share(const struct create *create,
                                            const struct create *waiting,
                                            const struct create *warming);

#endif
