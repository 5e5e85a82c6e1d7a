/*
 * segment.h: one file of shared memory in LODE_SHM_DIR, and how much of it may be touched.
 *
 * The file is sparse and has mode 0600. It has its full size from the start, so it is never
 * truncated while a process has it mapped. A page may be touched only after segment_warm() of its
 * place has returned LODE_OK: fallocate gives the page its memory, and no access can be SIGBUS
 * then, whatever else fills the tmpfs later. The store's own mapping is read-write and whole.
 *
 * Threads  segment_warm(): any thread; the rest: the loop thread.
 */
#ifndef LODE_STORE_ALLOC_SEGMENT_H
#define LODE_STORE_ALLOC_SEGMENT_H

#include <lode/error.h>
#include <stdint.h>

struct segment {
    int fd;      /* read-write: for those who create objects */
    int read_fd; /* read-only: for everybody */
    uint32_t number;
    uint64_t bytes;
    uint8_t *base;
};

/*
 * Makes "segment-N" of `bytes` (a multiple of a page) in `dir`, all of it cold; an old file of
 * that name is unlinked first.
 * Errors: LODE_EFULL, LODE_EDENIED, LODE_ESYS, LODE_ENOMEM (no address space).
 */
LODE_MUST_CHECK lode_err segment_create(const char *dir, uint32_t number, uint64_t bytes,
                                        struct segment *segment_out);

/* Unmaps and closes; `dir`: unlinks the file there too, NULL: leaves it. */
void segment_destroy(struct segment *segment, const char *dir);

/*
 * Gives memory to [offset, offset + bytes). Blocks about 1 ms for 4 MiB. All or nothing.
 * Errors: LODE_EFULL the tmpfs is full, with what to do; LODE_ENOMEM; LODE_ESYS.
 */
LODE_MUST_CHECK lode_err segment_warm(const struct segment *segment, uint64_t offset,
                                      uint64_t bytes);

#endif
