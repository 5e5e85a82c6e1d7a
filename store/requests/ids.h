/* ids.h: the ids behind the fixed part of a packet. */
#ifndef LODE_STORE_REQUESTS_IDS_H
#define LODE_STORE_REQUESTS_IDS_H

#include "api/base/fail.h"
#include "api/wire/store_msg.h"

#include <string.h>

/* Errors: LODE_EPROTO: there are too many, or not as many as the packet says. */
LODE_MUST_CHECK static inline lode_err
ids_check(uint32_t count, size_t rest_size)
{
    return count > LODE_STORE_IDS_MAX || rest_size != count * sizeof(lode_id)
               ? lode_fail_with(LODE_EPROTO, "%u ids in %zu bytes", count, rest_size)
               : LODE_OK;
}

static inline lode_id
ids_at(const void *ids, uint32_t i)
{
    lode_id id;
    memcpy(&id, (const uint8_t *)ids + i * sizeof id, sizeof id);
    return id;
}

#endif
