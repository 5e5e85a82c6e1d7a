/* Floors of small objects: rings of records, and cache misses. */
#include "tests/bench/floor_private.h"

#include "api/base/assert.h"
#include "api/base/clock.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WRITERS_MAX = 4, PLACES = 1000, PLACE_MAX = 1024, RECORDS = 1024, LINE = 64 };

/* ---- rings ---------------------------------------------------------------------------------- */

struct record {
    uint64_t word[LINE / sizeof(uint64_t)];
};

struct floor_ring {
    _Alignas(LINE) _Atomic uint64_t tail;
    _Alignas(LINE) _Atomic uint64_t head;
    struct record record[RECORDS];
    uint8_t place[PLACES][PLACE_MAX];
};

struct floor_writer {
    struct floor_ring *ring;
    size_t size_bytes;
};

static void
write_on(void *arg)
{
    const struct floor_writer *writer = arg;
    struct floor_ring *ring = writer->ring;
    static uint8_t bytes[PLACE_MAX] = {1};
    for (uint64_t at = 0;; at++) {
        while (at - atomic_load_explicit(&ring->head, memory_order_acquire) == RECORDS) {
            sched_yield();
        }
        memcpy(ring->place[at % PLACES], bytes, writer->size_bytes);
        ring->record[at % RECORDS] = (struct record){{at}};
        atomic_store_explicit(&ring->tail, at + 1, memory_order_release);
    }
}

/* Returns how many there were. */
static uint64_t
read_ring(struct floor_ring *ring, uint64_t *sum)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed), from = head;
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    for (; head != tail; head++) {
        *sum += ring->record[head % RECORDS].word[0];
    }
    atomic_store_explicit(&ring->head, head, memory_order_release);
    return head - from;
}

double
floor_rings_m_s(int writers, size_t size_bytes, int ms)
{
    struct floor_writer writer[WRITERS_MAX];
    pid_t pid[WRITERS_MAX];
    uint64_t records = 0, sum = 0;
    LODE_ASSERT(writers <= WRITERS_MAX);
    LODE_ASSERT(size_bytes <= PLACE_MAX);
    for (int i = 0; i < writers; i++) {
        writer[i] = (struct floor_writer){floor_shared(sizeof(struct floor_ring)), size_bytes};
        pid[i] = floor_child(write_on, &writer[i]);
    }
    int64_t start = lode_now_ns(), end = start + (int64_t)ms * 1000000;
    while (lode_now_ns() < end) {
        uint64_t before = records;
        for (int i = 0; i < writers; i++) {
            records += read_ring(writer[i].ring, &sum);
        }
        if (records == before) {
            sched_yield();
        }
    }
    double us = (double)(lode_now_ns() - start) / 1e3;
    __asm__ volatile("" : : "r"(sum));
    for (int i = 0; i < writers; i++) {
        floor_end_child(pid[i]);
        munmap(writer[i].ring, sizeof(struct floor_ring));
    }
    return (double)records / us;
}

/* ---- misses --------------------------------------------------------------------------------- */

double
floor_miss_us(size_t lines)
{
    enum { READS = 1000000 };
    uint64_t *array = malloc(lines * LINE), at = 0;
    LODE_ASSERT(array != NULL);
    memset(array, 0, lines * LINE);
    int64_t start = lode_now_ns();
    for (uint64_t i = 0, random = 1; i < READS; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        at = (random >> 32) + array[at % lines * (LINE / sizeof *array)]; /* after the one before */
    }
    double us = (double)(lode_now_ns() - start) / 1e3 / READS;
    __asm__ volatile("" : : "r"(at));
    free(array);
    return us;
}
