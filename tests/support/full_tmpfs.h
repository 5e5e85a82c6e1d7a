/*
 * full_tmpfs.h: somebody else fills the tmpfs. A test that uses this has a tmpfs of its own: any
 * other is the machine's.
 */
#ifndef TESTS_SUPPORT_FULL_TMPFS_H
#define TESTS_SUPPORT_FULL_TMPFS_H

/*
 * Takes all memory that the tmpfs of that directory has left, to the last page. Gives a descriptor:
 * when it is closed, the memory is there again.
 *
 * A store that is warming a piece of a segment at this moment gives back what it has got of it, and
 * then not all is taken. Let it be done before.
 */
int full_tmpfs(const char *dir);

#endif
