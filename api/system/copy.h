/*
 * copy.h: memcpy of much into memory that another process will read.
 *
 * An ordinary store reads the line from memory before it writes it. A large copy so moves each
 * byte three times, and throws out of the caches what the program needs. Non-temporal stores write
 * whole lines past the caches: two thirds of the traffic. What they cost is the first read, which
 * finds nothing in the caches. For a copy that would not stay in the caches anyway they win.
 *
 * What that is, the size of the last cache decides: from half of it on. A virtual machine often
 * says nothing of it, or tells the host's whole cache, of which it has a small share: less than
 * 8 MiB is taken for 8 MiB; more than 32 MiB, or nothing, for 16 MiB. There, put and first read by
 * another process took, by memcpy and past the caches: 0.9 and 0.8 ms for 4 MiB, 2.7 and 1.7 ms for
 * 8 MiB, 4.9 and 3.4 ms for 16 MiB.
 *
 * Where there are no such stores (not x86-64), all is memcpy.
 */
#ifndef LODE_SYSTEM_COPY_H
#define LODE_SYSTEM_COPY_H

#include <stddef.h>
#include <string.h>

/* As memcpy, past the caches where the machine can; any size. Threads: any. */
void lode_copy_stream(void *to, const void *from, size_t size);

/* From how many bytes on lode_copy() goes past the caches; SIZE_MAX: never. */
size_t lode_copy_streams_from(void);

/*
 * As memcpy, or, from lode_copy_streams_from() bytes on, as lode_copy_stream(). When it returns,
 * the bytes may be published by whatever releases them.
 */
static inline void
lode_copy(void *to, const void *from, size_t size)
{
    if (size >= lode_copy_streams_from()) {
        lode_copy_stream(to, from, size);
    } else if (size > 0) {
        memcpy(to, from, size);
    }
}

/* What is believed of the last cache's size, and what is taken for it where nothing is. */
#define LODE_COPY_CACHE_MIN     (8L << 20)
#define LODE_COPY_CACHE_MAX     (32L << 20)
#define LODE_COPY_CACHE_UNKNOWN (16L << 20)

/* lode_copy_streams_from(), by what the system says; 0 or less: it does not know. */
static inline size_t
lode_copy_threshold(long cache_bytes)
{
    if (cache_bytes <= 0 || cache_bytes > LODE_COPY_CACHE_MAX) {
        return LODE_COPY_CACHE_UNKNOWN / 2;
    }
    return (size_t)(cache_bytes < LODE_COPY_CACHE_MIN ? LODE_COPY_CACHE_MIN : cache_bytes) / 2;
}

#endif
