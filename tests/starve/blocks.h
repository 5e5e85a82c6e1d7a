/*
 * blocks.h: the blocks of memory that are in use, for the files of libstarve.so. What a test asks
 * of them is in starve.h. Any thread; no lock, and no memory of its own.
 */
#ifndef TESTS_STARVE_BLOCKS_H
#define TESTS_STARVE_BLOCKS_H

/* A block of liblode's is in use; `from`: the code that asked for it. */
void blocks_note(const void *block, const void *from);

/* It is not any more. Returns who had asked for it; NULL: it was none of liblode's. */
const void *blocks_forget(const void *block);

/* Of all blocks, whoever asked for them: one more (1), or one fewer (-1). */
void blocks_count(int change);

#endif
