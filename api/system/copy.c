#include "api/system/copy.h"

#include "api/system/tricks.h"

#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __SSE2__

/*
 * Four pages are written at a time, a line of each in turn. So four of the processor's prefetchers
 * read ahead (each stops at the end of its page), and four pages of memory are open for writing.
 * One page after the other took half as long again. Wider registers gained less than 5 %: all that
 * counts is that the lines are written whole. So there is nothing to choose by processor.
 */
enum { LINE = 64, PAGE = 4096, PAGES = 4, BLOCK = PAGES * PAGE };

static inline void
stream_line(uint8_t *to, const uint8_t *from)
{
    const __m128i *source = (const __m128i *)(const void *)from;
    __m128i *target = (__m128i *)(void *)to;
    __m128i a = _mm_loadu_si128(source), b = _mm_loadu_si128(source + 1);
    __m128i c = _mm_loadu_si128(source + 2), d = _mm_loadu_si128(source + 3);
    _mm_stream_si128(target, a);
    _mm_stream_si128(target + 1, b);
    _mm_stream_si128(target + 2, c);
    _mm_stream_si128(target + 3, d);
}

/* `to` is the begin of a line. Gives how many bytes were copied: all whole lines. */
static size_t
stream_lines(uint8_t *to, const uint8_t *from, size_t size)
{
    size_t done = 0;
    for (; size - done >= BLOCK; done += BLOCK) {
        for (size_t i = done; i < done + PAGE; i += LINE) {
            for (size_t j = i; j < i + BLOCK; j += PAGE) {
                stream_line(to + j, from + j);
            }
        }
    }
    for (; size - done >= LINE; done += LINE) {
        stream_line(to + done, from + done);
    }
    /* No later store, such as the one that publishes the bytes, is seen before these. */
    _mm_sfence();
    return done;
}

void
lode_copy_stream(void *to, const void *from, size_t size)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    size_t head = (size_t)(-(uintptr_t)target % LINE);
    head = head < size ? head : size;
    memcpy(target, source, head);
    size_t done = head + stream_lines(target + head, source + head, size - head);
    memcpy(target + done, source + done, size - done);
}

size_t
lode_copy_streams_from(void)
{
    static _Atomic size_t known; /* threads that find it out at a time find the same */
    size_t from = atomic_load_explicit(&known, memory_order_relaxed);
    if (from == 0) {
        from = lode_trick_wanted(LODE_TRICK_STREAM)
                   ? lode_copy_threshold(sysconf(_SC_LEVEL3_CACHE_SIZE))
                   : SIZE_MAX;
        atomic_store_explicit(&known, from, memory_order_relaxed);
    }
    return from;
}

#else

void
lode_copy_stream(void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
}

size_t
lode_copy_streams_from(void)
{
    return SIZE_MAX;
}

#endif
