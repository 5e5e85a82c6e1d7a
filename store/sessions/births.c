#include "store/sessions/births.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1 /* the element then has no table */
#include <uthash.h>

struct births_chunk {
    uint64_t number; /* counters number * BIRTHS_CHUNK .. + BIRTHS_CHUNK - 1 */
    uint32_t born;
    uint64_t bits[BIRTHS_CHUNK / 64];
    UT_hash_handle hh;
};

static struct births_chunk *
find(const struct births *births, uint64_t number)
{
    struct births_chunk *chunk = births->last;
    if (chunk == NULL || chunk->number != number) {
        HASH_FIND(hh, births->chunks, &number, sizeof number, chunk);
    }
    return chunk;
}

static struct births_chunk *
make(struct births *births, uint64_t number)
{
    if (births->count >= BIRTHS_CHUNKS_MAX) {
        return NULL;
    }
    struct births_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk != NULL) {
        chunk->number = number;
        if (number == 0) { /* counters begin at 1 */
            chunk->bits[0] = 1;
            chunk->born = 1;
        }
        HASH_ADD(hh, births->chunks, number, sizeof chunk->number, chunk);
        if (chunk->hh.tbl == NULL) {
            free(chunk);
            return NULL;
        }
        births->count++;
    }
    return chunk;
}

static void
drop(struct births *births, struct births_chunk *chunk)
{
    HASH_DELETE(hh, births->chunks, chunk);
    births->count--;
    births->last = births->last == chunk ? NULL : births->last;
    free(chunk);
}

static void
raise_floor(struct births *births)
{
    struct births_chunk *chunk;
    while ((chunk = find(births, births->floor)) != NULL && chunk->born == BIRTHS_CHUNK) {
        drop(births, chunk);
        births->floor++;
    }
}

void
births_note(struct births *births, uint64_t counter)
{
    uint64_t number = counter / BIRTHS_CHUNK, bit = counter % BIRTHS_CHUNK;
    if (number < births->floor) {
        return;
    }
    struct births_chunk *chunk = find(births, number);
    chunk = chunk == NULL ? make(births, number) : chunk;
    if (chunk == NULL) {
        return;
    }
    births->last = chunk;
    uint64_t mask = UINT64_C(1) << bit % 64;
    if (!(chunk->bits[bit / 64] & mask)) {
        chunk->bits[bit / 64] |= mask;
        if (++chunk->born == BIRTHS_CHUNK) {
            raise_floor(births);
        }
    }
}

bool
births_has(const struct births *births, uint64_t counter)
{
    uint64_t number = counter / BIRTHS_CHUNK, bit = counter % BIRTHS_CHUNK;
    if (number < births->floor) {
        return true;
    }
    const struct births_chunk *chunk = find(births, number);
    return chunk != NULL && (chunk->bits[bit / 64] >> bit % 64 & 1) != 0;
}

void
births_clear(struct births *births)
{
    struct births_chunk *chunk, *next;
    HASH_ITER(hh, births->chunks, chunk, next)
    {
        drop(births, chunk);
    }
    births->floor = 0;
}
