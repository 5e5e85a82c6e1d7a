/*
 * births.h: which of a session's promised ids (results, reserved ones) were made once, also after
 * they are freed. So a get of a freed one says GONE, and does not wait for ever. A second drop does
 * nothing. A late attempt that makes the object again changes nothing. The ids are counted from 1
 * without gaps. Those below the first one that is missing take no memory: only what is outstanding
 * has bitmaps.
 *
 * A client that counts wildly gets LODE_BIRTHS_CHUNKS_MAX bitmaps. An id that lies beyond them, or
 * for which there is no memory, is not remembered. Threads: one at a time.
 */
#ifndef LODE_LAYOUT_BIRTHS_H
#define LODE_LAYOUT_BIRTHS_H

#include <stdbool.h>
#include <stdint.h>

enum { LODE_BIRTHS_CHUNK = 4096, LODE_BIRTHS_CHUNKS_MAX = 16384 };

struct lode_births_chunk;

struct lode_births {
    uint64_t floor; /* every counter in chunks below this one was born */
    struct lode_births_chunk *chunks, *last;
    uint32_t count;
    bool lossy; /* one was not remembered: nobody can tell any more who was not born */
};

/* Makes the bitmap for a counter, so that noting it needs no memory. False: there is none. */
bool lode_births_prepare(struct lode_births *births, uint64_t counter);

/* False: it is not remembered. */
bool lode_births_note(struct lode_births *births, uint64_t counter);
bool lode_births_has(const struct lode_births *births, uint64_t counter);

/*
 * True: none of the counters from `first` to `last` was born. That is certain. False: one was, or
 * perhaps was, and is not remembered.
 */
bool lode_births_none(const struct lode_births *births, uint64_t first, uint64_t last);

/* Takes a counter out again. A bitmap in which nothing is left takes no memory. */
void lode_births_forget(struct lode_births *births, uint64_t counter);
void lode_births_clear(struct lode_births *births);

#endif
