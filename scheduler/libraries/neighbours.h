/*
 * neighbours.h: what a library finds by $ORIGIN, the directory in which it lies. A copy lies
 * elsewhere. So where the bytes of a library speak of $ORIGIN, each directory that they may mean is
 * made again around the copy, with links to the libraries in the true one: "$ORIGIN/../lib" is the
 * directory `../lib` beside the copy's. The loader then finds what it would find beside the
 * original, whatever it is called.
 *
 * The libraries that it needs are copied instead, and so are those that they need in their turn: a
 * neighbour that is built anew, or truncated, does not change what runs, and makes another version
 * of the library that needs it. What is opened by name while it runs (dlopen()) is linked only.
 */
#ifndef LODE_SCHEDULER_NEIGHBOURS_H
#define LODE_SCHEDULER_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NEIGHBOURS_PLACES_MAX = 16,  /* directories of one library */
    NEIGHBOURS_FILES_MAX = 4096, /* libraries in one of them */
    NEIGHBOURS_NEEDED_MAX = 64,  /* of them, those that are copied */
    NEIGHBOURS_DEPTH = 6         /* "$ORIGIN/.." may lead so far up */
};

struct neighbours {
    char place[NEIGHBOURS_PLACES_MAX][256]; /* what stands behind $ORIGIN: "", "/../lib" … */
    size_t count;
    struct {
        size_t place;
        char name[256];
    } needed[NEIGHBOURS_NEEDED_MAX];
    size_t needed_count;
    uint64_t state; /* of the needed ones: another one, once one of them was built anew */
};

/* Reads them out of a library's bytes, which are aligned to 8; `origin`: where it lies. */
void neighbours_find(const void *bytes, size_t size, const char *origin,
                     struct neighbours *neighbours_out);

/*
 * Makes the directory of the copy below `root`, NEIGHBOURS_DEPTH deep, and what lies around it.
 *
 *   origin    the directory of the original
 *   dir_out   `room` bytes: the copy's directory
 *
 * False: it cannot be made (errno).
 */
bool neighbours_make(const struct neighbours *neighbours, const char *origin, const char *root,
                     char *dir_out, size_t room);

#endif
