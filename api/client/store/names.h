/*
 * names.h: what the calls with a name share: a name that has passed its checks, and its look-up
 * by message.
 */
#ifndef LODE_CLIENT_NAMES_H
#define LODE_CLIENT_NAMES_H

#include "api/client/channel/patience.h"
#include "api/client/session/handle.h"
#include "api/layout/name_key.h"

struct lode_name {
    const char *space, *text; /* as given; space "" is the default one */
    size_t space_size, text_size;
    lode_id id; /* of its index entry */
    uint64_t hash;
    char key[LODE_NAME_TEXT_MAX]; /* what the entry holds */
    size_t key_size;
};

/* Errors: those of every call; LODE_EINVAL. */
LODE_MUST_CHECK lode_err lode_name_make(const lode *db, const char *space, const char *text,
                                        struct lode_name *name_out);

/* lode_name_lookup() of a checked name. */
LODE_MUST_CHECK lode_err lode_name_look_up(lode *db, const struct lode_name *name,
                                           const struct lode_patience *patience, lode_id *id_out);

/* The error of a call that has waited so long for the name to exist. */
lode_err lode_name_fail_missing(const struct lode_name *name, int64_t timeout_ms);

#endif
