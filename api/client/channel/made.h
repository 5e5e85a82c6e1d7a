/*
 * made.h: a value in a record, as the client writes it: struct lode_made (api/layout/ring.h), and
 * what it carries.
 */
#ifndef LODE_CLIENT_MADE_H
#define LODE_CLIENT_MADE_H

#include "api/layout/ring.h"

/* How a value lies behind its struct lode_made: sizes in bytes. */
struct lode_made_layout {
    uint32_t head;    /* shape and strides, filled to 16 */
    uint32_t carried; /* head and bytes, filled to 16 */
};
struct lode_made_layout lode_made_layout(uint64_t size, uint8_t ndim, uint8_t flags);

/* Writes struct lode_made, shape, strides and bytes; returns where the next one goes. */
uint8_t *lode_made_write(uint8_t *at, const struct lode_made *made, const int64_t *shape,
                         const int64_t *strides, const void *bytes);

#endif
