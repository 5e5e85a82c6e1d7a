#include "api/client/session/segments.h"

#include "api/base/fail.h"
#include "api/client/session/write_key.h"
#include "api/system/copy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

enum { CHUNK_LOG2 = 18, CHUNK = 1 << CHUNK_LOG2 }; /* populated or not is noted for so many bytes */

void
lode_segments_init(struct lode_segments *segments, struct lode_store_calls *calls, bool unprotected)
{
    memset(segments, 0, sizeof *segments);
    lode_mutex_init(&segments->mu, LODE_LOCK_SEGMENT_MAPS);
    segments->calls = calls;
    segments->unprotected = unprotected;
}

void
lode_segments_fini(struct lode_segments *segments)
{
    for (size_t i = 0; i < LODE_SEGMENT_MAX; i++) {
        struct lode_segment_map *map = &segments->map[i];
        if (map->read != NULL) {
            munmap((void *)(uintptr_t)map->read, map->bytes);
        }
        if (map->write != NULL) {
            munmap(map->write, map->bytes);
        }
        free((void *)map->read_chunks);
        free((void *)map->write_chunks);
    }
    lode_mutex_fini(&segments->mu);
}

void
lode_segments_forbid(struct lode_segments *segments)
{
    for (size_t i = 0; i < LODE_SEGMENT_MAX; i++) {
        struct lode_segment_map *map = &segments->map[i];
        const uint8_t *read = atomic_load_explicit(&map->read, memory_order_acquire);
        if (read != NULL) {
            (void)mprotect((void *)(uintptr_t)read, map->bytes, PROT_NONE);
        }
    }
}

lode_err
lode_segments_except(struct lode_segments *segments, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return lode_fail_errno("cannot look at the session's file");
    }
    segments->file_device = st.st_dev;
    segments->file_inode = st.st_ino;
    return LODE_OK;
}

/* ---- mapping ------------------------------------------------------------------------------ */

static bool
may_be_segment(const struct lode_segments *segments, int fd, uint64_t bytes)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (uint64_t)st.st_size >= bytes &&
           (st.st_dev != segments->file_device || st.st_ino != segments->file_inode);
}

static lode_err
ask_for(struct lode_segments *segments, uint32_t number, int64_t answer_by,
        struct lode_reply *reply, uint64_t *bytes_out)
{
    struct lode_msg_segment request = {.head.type = LODE_MSG_SEGMENT, .segment = number};
    struct lode_msg_segment answer;
    *reply = (struct lode_reply){.type = LODE_MSG_SEGMENT_FD,
                                 .packet = &answer,
                                 .room = sizeof answer,
                                 .exactly = true,
                                 .fds_wanted = 2,
                                 .answer_by = answer_by};
    LODE_TRY(lode_store_ask(segments->calls, &request.head, sizeof request, NULL, 0, reply));
    if (answer.bytes > 0 && may_be_segment(segments, reply->fds[0], answer.bytes) &&
        may_be_segment(segments, reply->fds[1], answer.bytes)) {
        *bytes_out = answer.bytes;
        return LODE_OK;
    }
    for (size_t i = 0; i < reply->fd_count; i++) {
        close(reply->fds[i]);
    }
    return lode_fail_with(LODE_EPROTO, "the store's answer about segment %u makes no sense",
                          (unsigned)number);
}

static lode_err
make_map(int fd, uint64_t bytes, int protection, void **map_out, _Atomic uint64_t **chunks_out)
{
    uint64_t words = (bytes >> CHUNK_LOG2) / 64 + 1;
    _Atomic uint64_t *chunks = calloc(words, sizeof *chunks);
    void *map = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
    if (chunks == NULL || map == MAP_FAILED) {
        lode_err err =
            lode_fail_errno("cannot map a segment of %llu bytes", (unsigned long long)bytes);
        free((void *)chunks);
        if (map != MAP_FAILED) {
            munmap(map, bytes);
        }
        return err;
    }
    *map_out = map;
    *chunks_out = chunks;
    return LODE_OK;
}

static bool
is_mapped(const struct lode_segment_map *map, bool to_write)
{
    return to_write ? atomic_load_explicit(&map->write, memory_order_acquire) != NULL
                    : atomic_load_explicit(&map->read, memory_order_acquire) != NULL;
}

/*
 * The writable map is not inherited: a child must not write into what its parent creates, least of
 * all once that is sealed.
 *
 * Where no draft is open, its pages are read-only, and not unreadable: the kernel closes and opens
 * them in half the time (100 MB: 0.9 ms each in place of 1.8 and 1.6 ms), since it need not hide
 * and find again which page it was.
 */
static lode_err
map_locked(struct lode_segments *segments, uint32_t number, bool to_write, int fd, uint64_t bytes)
{
    struct lode_segment_map *map = &segments->map[number];
    void *at;
    _Atomic uint64_t *chunks;
    int protection = to_write && segments->unprotected ? PROT_READ | PROT_WRITE : PROT_READ;
    lode_mutex_assert_held(&segments->mu);
    if (is_mapped(map, to_write)) {
        return LODE_OK; /* another thread was faster */
    }
    if (map->bytes != 0 && map->bytes != bytes) {
        return lode_fail_with(
            LODE_EPROTO, "segment %u had %llu bytes, and is said to have %llu now",
            (unsigned)number, (unsigned long long)map->bytes, (unsigned long long)bytes);
    }
    LODE_TRY(make_map(fd, bytes, protection, &at, &chunks));
    if (map->bytes == 0) {
        map->bytes = bytes; /* before the first map is published: readers take no lock */
    }
    if (to_write) {
        madvise(at, bytes, MADV_DONTFORK);
        map->keyed = !segments->unprotected && lode_write_key_cover(at, bytes);
        map->write_chunks = chunks;
        atomic_store_explicit(&map->write, at, memory_order_release);
    } else {
        map->read_chunks = chunks;
        atomic_store_explicit(&map->read, at, memory_order_release);
    }
    return LODE_OK;
}

/*
 * The store is asked without the lock: each thread waits for the answer as long as it may itself.
 */
static lode_err
map_segment(struct lode_segments *segments, uint32_t number, bool to_write, int64_t answer_by)
{
    struct lode_reply reply;
    uint64_t bytes;
    LODE_TRY(ask_for(segments, number, answer_by, &reply, &bytes));
    lode_mutex_lock(&segments->mu);
    lode_err err = map_locked(segments, number, to_write, reply.fds[to_write], bytes);
    lode_mutex_unlock(&segments->mu);
    close(reply.fds[0]);
    close(reply.fds[1]);
    return err;
}

static lode_err
check_extent(const struct lode_segment_map *map, uint64_t extent, uint64_t size)
{
    if (lode_segment_holds(map, extent, size)) {
        return LODE_OK;
    }
    return lode_fail_with(LODE_ECORRUPT,
                          "%llu bytes at %llu of segment %u are said to hold an object, but it has "
                          "%llu bytes",
                          (unsigned long long)size, (unsigned long long)lode_extent_offset(extent),
                          (unsigned)lode_extent_segment(extent), (unsigned long long)map->bytes);
}

static lode_err
segment_of(struct lode_segments *segments, uint64_t extent, struct lode_segment_map **map_out)
{
    uint32_t number = lode_extent_segment(extent);
    if (number >= LODE_SEGMENT_MAX) {
        return lode_fail_with(LODE_ECORRUPT, "an object is said to lie in segment %u",
                              (unsigned)number);
    }
    *map_out = &segments->map[number];
    return LODE_OK;
}

lode_err
lode_segments_read(struct lode_segments *segments, uint64_t extent, uint64_t size,
                   int64_t answer_by, const void **bytes_out)
{
    struct lode_segment_map *map;
    LODE_TRY(segment_of(segments, extent, &map));
    const uint8_t *base = atomic_load_explicit(&map->read, memory_order_acquire);
    if (base == NULL && answer_by == 0) {
        return LODE_EAGAIN;
    }
    if (base == NULL) {
        LODE_TRY(map_segment(segments, lode_extent_segment(extent), false, answer_by));
        base = atomic_load_explicit(&map->read, memory_order_acquire);
    }
    LODE_TRY(check_extent(map, extent, size));
    *bytes_out = base + lode_extent_offset(extent);
    return LODE_OK;
}

/* ---- populating --------------------------------------------------------------------------- */

/*
 * True if all chunks that lie wholly in the range are noted. Pages of a chunk that lies in it in
 * part come by faults, if they are not there.
 */
static bool
chunks_noted(const _Atomic uint64_t *chunks, uint64_t begin, uint64_t end)
{
    uint64_t first = (begin + CHUNK - 1) >> CHUNK_LOG2, last = end >> CHUNK_LOG2;
    for (uint64_t i = first; i < last;) {
        uint64_t word = atomic_load_explicit(&chunks[i / 64], memory_order_relaxed);
        uint64_t wanted = UINT64_MAX << i % 64;
        uint64_t next = (i / 64 + 1) * 64;
        if (next > last) {
            wanted &= UINT64_MAX >> (next - last);
        }
        if ((word & wanted) != wanted) {
            return false;
        }
        i = next;
    }
    return first < last;
}

static void
note_chunks(_Atomic uint64_t *chunks, uint64_t begin, uint64_t end)
{
    uint64_t first = (begin + CHUNK - 1) >> CHUNK_LOG2, last = end >> CHUNK_LOG2;
    for (uint64_t i = first; i < last; i++) {
        atomic_fetch_or_explicit(&chunks[i / 64], UINT64_C(1) << i % 64, memory_order_relaxed);
    }
}

static void
populate(const uint8_t *base, _Atomic uint64_t *chunks, uint64_t offset, uint64_t size, int advice)
{
    uint64_t begin = offset & ~(uint64_t)(LODE_PAGE - 1);
    uint64_t end = (offset + size + LODE_PAGE - 1) & ~(uint64_t)(LODE_PAGE - 1);
    if (size == 0 || chunks_noted(chunks, offset, offset + size)) {
        return;
    }
    /* This is only a hint: if it fails, each page comes by a fault. */
    if (madvise((void *)(uintptr_t)(base + begin), end - begin, advice) == 0) {
        note_chunks(chunks, begin, end);
    }
}

void
lode_segments_populate_read(struct lode_segments *segments, uint64_t extent, uint64_t size)
{
    struct lode_segment_map *map = &segments->map[lode_extent_segment(extent)];
    const uint8_t *base = atomic_load_explicit(&map->read, memory_order_acquire);
    if (base != NULL) {
        populate(base, map->read_chunks, lode_extent_offset(extent), size, MADV_POPULATE_READ);
        atomic_store_explicit(&segments->populated, lode_segments_key(extent, size),
                              memory_order_relaxed);
    }
}

/* ---- writing ------------------------------------------------------------------------------ */

static uint64_t
page_bytes(uint64_t size)
{
    uint64_t pages = (size + LODE_PAGE - 1) / LODE_PAGE;
    return (pages > 0 ? pages : 1) * LODE_PAGE;
}

static lode_err
find_writable(struct lode_segments *segments, uint64_t extent, uint64_t bytes, int64_t answer_by,
              struct lode_segment_map **map_out, uint8_t **base_out)
{
    struct lode_segment_map *map;
    LODE_TRY(segment_of(segments, extent, &map));
    uint8_t *base = atomic_load_explicit(&map->write, memory_order_acquire);
    if (base == NULL) {
        LODE_TRY(map_segment(segments, lode_extent_segment(extent), true, answer_by));
        base = atomic_load_explicit(&map->write, memory_order_acquire);
    }
    LODE_TRY(check_extent(map, extent, bytes));
    if (lode_extent_offset(extent) % LODE_PAGE != 0) {
        return lode_fail_with(LODE_EPROTO, "the store gave a draft at %llu, inside a page",
                              (unsigned long long)lode_extent_offset(extent));
    }
    *map_out = map;
    *base_out = base;
    return LODE_OK;
}

static lode_err
open_pages(const struct lode_segments *segments, const struct lode_segment_map *map, uint8_t *at,
           uint64_t bytes)
{
    if (segments->unprotected || (map->keyed ? lode_write_key_uncover(at, bytes)
                                             : mprotect(at, bytes, PROT_READ | PROT_WRITE)) == 0) {
        return LODE_OK;
    }
    return lode_fail_errno("cannot make %llu bytes writable: the process has too many maps "
                           "(vm.max_map_count), or too many open drafts",
                           (unsigned long long)bytes);
}

static lode_err
close_pages(const struct lode_segments *segments, const struct lode_segment_map *map, uint8_t *at,
            uint64_t bytes)
{
    if (segments->unprotected ||
        (map->keyed ? lode_write_key_cover(at, bytes) : mprotect(at, bytes, PROT_READ) == 0)) {
        return LODE_OK;
    }
    return lode_fail_errno("cannot make the %llu bytes of a draft read-only, so they cannot be "
                           "sealed: the process has too many maps (vm.max_map_count)",
                           (unsigned long long)bytes);
}

static void
fill(struct lode_segment_map *map, uint8_t *base, uint64_t extent, uint64_t bytes,
     const struct iovec *parts, size_t count)
{
    uint8_t *at = base + lode_extent_offset(extent);
    populate(base, map->write_chunks, lode_extent_offset(extent), bytes, MADV_POPULATE_WRITE);
    for (size_t i = 0; i < count; i++) {
        lode_copy(at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
}

lode_err
lode_segments_fill(struct lode_segments *segments, uint64_t extent, uint64_t size,
                   const struct iovec *parts, size_t count, int64_t answer_by)
{
    struct lode_segment_map *map;
    uint8_t *base;
    uint64_t offset = lode_extent_offset(extent), bytes = page_bytes(size);
    LODE_TRY(find_writable(segments, extent, bytes, answer_by, &map, &base));
    if (map->keyed) {
        lode_write_key_open();
        fill(map, base, extent, bytes, parts, count);
        lode_write_key_close();
        return LODE_OK;
    }
    LODE_TRY(open_pages(segments, map, base + offset, bytes));
    fill(map, base, extent, bytes, parts, count);
    return close_pages(segments, map, base + offset, bytes);
}

lode_err
lode_segments_open(struct lode_segments *segments, uint64_t extent, uint64_t size,
                   int64_t answer_by, void **bytes_out)
{
    struct lode_segment_map *map;
    uint8_t *base;
    uint64_t offset = lode_extent_offset(extent), bytes = page_bytes(size);
    LODE_TRY(find_writable(segments, extent, bytes, answer_by, &map, &base));
    LODE_TRY(open_pages(segments, map, base + offset, bytes));
    populate(base, map->write_chunks, offset, bytes, MADV_POPULATE_WRITE);
    *bytes_out = base + offset;
    return LODE_OK;
}

lode_err
lode_segments_close(struct lode_segments *segments, uint64_t extent, uint64_t size)
{
    struct lode_segment_map *map = &segments->map[lode_extent_segment(extent)];
    uint8_t *base = atomic_load_explicit(&map->write, memory_order_acquire);
    return close_pages(segments, map, base + lode_extent_offset(extent), page_bytes(size));
}
