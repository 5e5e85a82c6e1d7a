/*
 * births.h: which results of a session were made once, also after they are freed: so that a get of
 * a freed one says GONE and does not wait for ever, a second drop is nothing, and an attempt that
 * comes late changes nothing. Results are counted from 1 without gaps, so what lies below the first
 * one that is missing takes no memory: a bitmap of what is outstanding is all that there is.
 *
 * Bounded: a client that counts wildly has BIRTHS_CHUNKS_MAX bitmaps; what goes beyond, or
 * finds no memory, is forgotten.
 */
#ifndef LODE_STORE_SESSIONS_BIRTHS_H
#define LODE_STORE_SESSIONS_BIRTHS_H

#include <stdbool.h>
#include <stdint.h>

enum { BIRTHS_CHUNK = 4096, BIRTHS_CHUNKS_MAX = 16384 };

struct births_chunk;

struct births {
    uint64_t floor; /* every counter in chunks below this one was born */
    struct births_chunk *chunks, *last;
    uint32_t count;
};

void births_note(struct births *births, uint64_t counter);
bool births_has(const struct births *births, uint64_t counter);
void births_clear(struct births *births);

#endif
