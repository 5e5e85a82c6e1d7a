/*
 * write_key.h: the memory protection key of this process (pkeys(7)), under which the writable maps
 * of segments lie. A key is a bit of each thread, which the thread sets by itself in some 10 ns. So
 * a put opens all of a segment for its own thread while it copies, and for nobody else. Without
 * keys it takes two mprotect() a put, which go over every page.
 *
 * What follows from how keys work:
 *
 * - A thread that has not opened the key can neither write nor read under it: threads begin with
 *   all keys closed but the first, or as the thread that started them was. So nobody reads through
 *   a map under the key. Readers have a map of their own, which no key covers (segments.h).
 * - A draft is written by threads that the library does not know. Its pages are taken out from
 *   under the key with mprotect() until it ends, as without keys.
 * - A signal handler begins with the key closed. It needs none: it could only write a draft.
 * - A process has 15 keys. All sessions share one, taken with the first map that needs it, and
 *   never given back. Where there is none left, or the processor or the kernel has no keys,
 *   mprotect() does it all.
 * - A child after fork() has the same key, and none of the maps under it.
 * - Where another library had the key before and gave it back, threads that had opened it still
 *   have: the kernel forgets that of no thread. They can write, until they end.
 */
#ifndef LODE_CLIENT_WRITE_KEY_H
#define LODE_CLIENT_WRITE_KEY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Puts a map under the key: readable and writable for threads that open it, closed to the others.
 * False: there is no key, and the map is as it was. Threads: any, one at a time for each map.
 */
bool lode_write_key_cover(void *at, size_t bytes);

/* Takes pages out from under the key, for all threads to write. 0, or -1 with errno. */
int lode_write_key_uncover(void *at, size_t bytes);

/* Opens and closes everything under the key for the calling thread. Only between the two writes. */
void lode_write_key_open(void);
void lode_write_key_close(void);

#endif
