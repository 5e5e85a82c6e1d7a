#include "api/layout/births.h"

#include "api/base/hash.h"

#include <stdlib.h>

struct lode_births_chunk {
    uint64_t number; /* counters number * LODE_BIRTHS_CHUNK .. + LODE_BIRTHS_CHUNK - 1 */
    uint32_t born;
    uint64_t bits[LODE_BIRTHS_CHUNK / 64];
    UT_hash_handle hh;
};

static struct lode_births_chunk *
find(const struct lode_births *births, uint64_t number)
{
    struct lode_births_chunk *chunk = births->last;
    if (chunk == NULL || chunk->number != number) {
        HASH_FIND(hh, births->chunks, &number, sizeof number, chunk);
    }
    return chunk;
}

static struct lode_births_chunk *
make(struct lode_births *births, uint64_t number)
{
    if (births->count >= LODE_BIRTHS_CHUNKS_MAX) {
        return NULL;
    }
    struct lode_births_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk != NULL) {
        chunk->number = number;
        if (number == 0) { /* counters begin at 1 */
            chunk->bits[0] = 1;
            chunk->born = 1;
        }
        HASH_ADD(hh, births->chunks, number, sizeof chunk->number, chunk);
        if (!hash_has(hh, chunk)) {
            free(chunk);
            return NULL;
        }
        births->count++;
    }
    return chunk;
}

static void
drop(struct lode_births *births, struct lode_births_chunk *chunk)
{
    HASH_DELETE(hh, births->chunks, chunk);
    births->count--;
    births->last = births->last == chunk ? NULL : births->last;
    free(chunk);
}

static void
raise_floor(struct lode_births *births)
{
    struct lode_births_chunk *chunk;
    while ((chunk = find(births, births->floor)) != NULL && chunk->born == LODE_BIRTHS_CHUNK) {
        drop(births, chunk);
        births->floor++;
    }
}

bool
lode_births_prepare(struct lode_births *births, uint64_t counter)
{
    uint64_t number = counter / LODE_BIRTHS_CHUNK;
    return number < births->floor || births->count >= LODE_BIRTHS_CHUNKS_MAX ||
           find(births, number) != NULL || make(births, number) != NULL;
}

bool
lode_births_note(struct lode_births *births, uint64_t counter)
{
    uint64_t number = counter / LODE_BIRTHS_CHUNK, bit = counter % LODE_BIRTHS_CHUNK;
    if (number < births->floor) {
        return true;
    }
    struct lode_births_chunk *chunk = find(births, number);
    chunk = chunk == NULL ? make(births, number) : chunk;
    if (chunk == NULL) {
        births->lossy = true;
        return false;
    }
    births->last = chunk;
    uint64_t mask = UINT64_C(1) << bit % 64;
    if (!(chunk->bits[bit / 64] & mask)) {
        chunk->bits[bit / 64] |= mask;
        if (++chunk->born == LODE_BIRTHS_CHUNK) {
            raise_floor(births);
        }
    }
    return true;
}

bool
lode_births_has(const struct lode_births *births, uint64_t counter)
{
    uint64_t number = counter / LODE_BIRTHS_CHUNK, bit = counter % LODE_BIRTHS_CHUNK;
    if (number < births->floor) {
        return true;
    }
    const struct lode_births_chunk *chunk = find(births, number);
    return chunk != NULL && (chunk->bits[bit / 64] >> bit % 64 & 1) != 0;
}

static bool
is_none_in(const struct lode_births_chunk *chunk, uint64_t first, uint64_t last)
{
    uint64_t bits = 0;
    for (uint64_t word = first / 64; word <= last / 64; word++) {
        uint64_t mask = UINT64_MAX;
        mask &= word == first / 64 ? UINT64_MAX << first % 64 : mask;
        mask &= word == last / 64 ? UINT64_MAX >> (63 - last % 64) : mask;
        bits |= chunk->bits[word] & mask;
    }
    return bits == 0;
}

bool
lode_births_none(const struct lode_births *births, uint64_t first, uint64_t last)
{
    if (births->lossy || first / LODE_BIRTHS_CHUNK < births->floor) {
        return false;
    }
    for (uint64_t at = first; at <= last;) {
        uint64_t number = at / LODE_BIRTHS_CHUNK;
        uint64_t end = number * LODE_BIRTHS_CHUNK + LODE_BIRTHS_CHUNK - 1;
        uint64_t upto = end < last ? end : last;
        const struct lode_births_chunk *chunk = find(births, number);
        if (chunk != NULL && !is_none_in(chunk, at % LODE_BIRTHS_CHUNK, upto % LODE_BIRTHS_CHUNK)) {
            return false;
        }
        if (upto == last) {
            break; /* at + 1 may be 0 */
        }
        at = upto + 1;
    }
    return true;
}

void
lode_births_forget(struct lode_births *births, uint64_t counter)
{
    uint64_t number = counter / LODE_BIRTHS_CHUNK, bit = counter % LODE_BIRTHS_CHUNK;
    struct lode_births_chunk *chunk = number < births->floor ? NULL : find(births, number);
    uint64_t mask = UINT64_C(1) << bit % 64;
    if (chunk == NULL || !(chunk->bits[bit / 64] & mask)) {
        return;
    }
    chunk->bits[bit / 64] &= ~mask;
    chunk->born--;
    if (chunk->born == (number == 0)) { /* nothing but counter 0, which does not exist */
        drop(births, chunk);
    }
}

void
lode_births_clear(struct lode_births *births)
{
    struct lode_births_chunk *chunk, *next;
    HASH_ITER(hh, births->chunks, chunk, next)
    {
        drop(births, chunk);
    }
    births->floor = 0;
    births->lossy = false;
}
