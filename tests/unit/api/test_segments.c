/*
 * The writable map of a segment, under a protection key and without one. The key is played with
 * mprotect(), since few machines have keys; the last tests use a real one where there is one. The
 * test plays the store, too.
 *
 * ctest: wrap pkey_alloc
 * ctest: wrap pkey_mprotect
 * ctest: wrap pkey_set
 */
#include "api/base/clock.h"
#include "api/client/session/segments.h"
#include "api/client/session/write_key.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAGES = 16, BYTES = PAGES * LODE_PAGE, KEY = 5, ELSEWHERE = 3 * LODE_PAGE, SIZE = 5000 };

static struct lode_store_calls calls;
static struct lode_segments segments;
static int store, file, zeros[2];

/* ---- the played key ------------------------------------------------------------------------- */

int __real_pkey_alloc(unsigned flags, unsigned rights);
int __real_pkey_mprotect(void *at, size_t bytes, int protection, int key);
int __real_pkey_set(int key, unsigned rights);
int __wrap_pkey_alloc(unsigned flags, unsigned rights);
int __wrap_pkey_mprotect(void *at, size_t bytes, int protection, int key);
int __wrap_pkey_set(int key, unsigned rights);

static struct {
    int allocated, sets, protects;
    bool real, none_left, no_set, refuses_maps, is_open;
    uint8_t *map;
    bool covered[PAGES];
} played;

static void
play_rights(void)
{
    for (size_t i = 0; i < PAGES; i++) {
        if (played.covered[i]) {
            mprotect(played.map + i * LODE_PAGE, LODE_PAGE,
                     played.is_open ? PROT_READ | PROT_WRITE : PROT_NONE);
        }
    }
}

int
__wrap_pkey_alloc(unsigned flags, unsigned rights)
{
    if (played.real) {
        return __real_pkey_alloc(flags, rights);
    }
    cr_assert_eq(flags, 0);
    cr_assert_eq(rights, PKEY_DISABLE_ACCESS);
    played.allocated++;
    errno = ENOSPC;
    return played.none_left ? -1 : KEY;
}

int
__wrap_pkey_mprotect(void *at, size_t bytes, int protection, int key)
{
    if (played.real) {
        return __real_pkey_mprotect(at, bytes, protection, key);
    }
    played.protects++;
    if (played.refuses_maps) {
        errno = ENOMEM;
        return -1;
    }
    if (bytes == BYTES) {
        played.map = at;
    }
    size_t first = (size_t)((uint8_t *)at - played.map) / LODE_PAGE;
    for (size_t i = first; i < first + bytes / LODE_PAGE; i++) {
        played.covered[i] = key == KEY;
    }
    cr_assert_eq(mprotect(at, bytes, protection), 0);
    play_rights();
    return 0;
}

int
__wrap_pkey_set(int key, unsigned rights)
{
    if (played.real) {
        return __real_pkey_set(key, rights);
    }
    cr_assert_eq(key, KEY);
    played.sets++;
    if (played.no_set) {
        errno = ENOSYS;
        return -1;
    }
    played.is_open = rights == 0;
    play_rights();
    return 0;
}

/* ---- the played store ----------------------------------------------------------------------- */

static void *
answer(void *arg)
{
    struct lode_msg_segment ask;
    size_t size;
    (void)arg;
    while (lode_socket_receive(store, 0, &ask, sizeof ask, &size, NULL, NULL) == LODE_OK) {
        const int fds[2] = {file, file};
        ask.head.type = LODE_MSG_SEGMENT_FD;
        ask.bytes = BYTES;
        (void)!lode_socket_send(store, &ask, sizeof ask, NULL, 0, fds, 2);
    }
    return NULL;
}

static pthread_t thread;

static void
setup(void)
{
    int ends[2];
    cr_assert_eq(pipe(zeros), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    store = ends[1];
    file = memfd_create("segment", 0);
    cr_assert_eq(ftruncate(file, BYTES), 0);
    cr_assert_eq(lode_store_calls_init(&calls), LODE_OK);
    calls.socket.fd = ends[0];
    cr_assert_eq(lode_store_calls_start(&calls), LODE_OK);
    cr_assert_eq(pthread_create(&thread, NULL, answer, NULL), 0);
}

static void
teardown(void)
{
    lode_segments_fini(&segments);
    shutdown(store, SHUT_RDWR);
    pthread_join(thread, NULL);
    lode_store_calls_fini(&calls);
    close(store);
    close(file);
}

TestSuite(segments, .init = setup, .fini = teardown);

/* ---- what holds ----------------------------------------------------------------------------- */

/* Asks the kernel, which says EFAULT where a store would be a fault. */
static bool
can_write(uint64_t offset)
{
    uint8_t *at = atomic_load(&segments.map[0].write) + offset;
    cr_assert_eq(write(zeros[1], "\7", 1), 1);
    if (read(zeros[0], at, 1) == 1) {
        return true;
    }
    char rest;
    cr_assert_eq(errno, EFAULT);
    cr_assert_eq(read(zeros[0], &rest, 1), 1);
    return false;
}

static void
fill(uint64_t offset)
{
    static const char head[] = "strides.";
    static char data[SIZE - 8];
    memset(data, 'x', sizeof data);
    const struct iovec parts[] = {{(void *)(uintptr_t)head, 8}, {data, sizeof data}};
    cr_assert_eq(
        lode_segments_fill(&segments, lode_extent_make(0, offset), SIZE, parts, 2, LODE_NEVER),
        LODE_OK);
}

static void
expect_filled(uint64_t offset)
{
    const void *bytes;
    cr_assert_eq(
        lode_segments_read(&segments, lode_extent_make(0, offset), SIZE, LODE_NEVER, &bytes),
        LODE_OK);
    cr_assert_eq(memcmp(bytes, "strides.xxx", 11), 0);
    cr_assert_eq(((const char *)bytes)[SIZE - 1], 'x');
}

static void *
open_draft(uint64_t offset)
{
    void *bytes;
    cr_assert_eq(
        lode_segments_open(&segments, lode_extent_make(0, offset), SIZE, LODE_NEVER, &bytes),
        LODE_OK);
    return bytes;
}

static void
close_draft(uint64_t offset)
{
    cr_assert_eq(lode_segments_close(&segments, lode_extent_make(0, offset), SIZE), LODE_OK);
}

static void
expect_guarded(void)
{
    fill(0);
    expect_filled(0);
    cr_assert(!can_write(0));
    uint8_t *draft = open_draft(ELSEWHERE);
    draft[SIZE - 1] = 1;
    cr_assert(can_write(ELSEWHERE));
    cr_assert(!can_write(0) && !can_write(ELSEWHERE - 1));
    cr_assert(!can_write(ELSEWHERE + 2 * LODE_PAGE));
    fill(0); /* while a draft is open */
    cr_assert(can_write(ELSEWHERE));
    close_draft(ELSEWHERE);
    cr_assert(!can_write(ELSEWHERE));
    fill(ELSEWHERE); /* where a draft was */
    expect_filled(ELSEWHERE);
    cr_assert(!can_write(ELSEWHERE));
}

Test(segments, under_a_key_are_writable_only_in_drafts_and_while_a_put_copies)
{
    lode_segments_init(&segments, &calls, false);
    expect_guarded();
    cr_assert_eq(played.allocated, 1);
    cr_assert_eq(played.sets, 1 + 2 * 3, "each of three puts opens and closes the key");
    cr_assert_eq(played.protects, 1 + 2, "the map once, and a draft twice: no put");
    cr_assert(!played.is_open);
}

Test(segments, without_a_key_left_are_guarded_by_pages)
{
    played.none_left = true;
    lode_segments_init(&segments, &calls, false);
    expect_guarded();
    cr_assert_eq(played.allocated, 1, "it asks once");
    cr_assert_eq(played.sets + played.protects, 0);
}

/* A kernel that has keys, and a libc that does not know this machine's. */
Test(segments, whose_key_cannot_be_opened_are_guarded_by_pages)
{
    played.no_set = true;
    lode_segments_init(&segments, &calls, false);
    expect_guarded();
    cr_assert_eq(played.allocated, 1, "it asks once");
    cr_assert_eq(played.protects, 0);
}

Test(segments, that_the_key_cannot_cover_are_guarded_by_pages)
{
    played.refuses_maps = true;
    lode_segments_init(&segments, &calls, false);
    expect_guarded();
    cr_assert_eq(played.sets, 1, "only to see that the key works");
    cr_assert_eq(played.protects, 1);
}

Test(segments, unprotected_take_no_key)
{
    lode_segments_init(&segments, &calls, true);
    fill(0);
    expect_filled(0);
    cr_assert(can_write(0) && can_write(ELSEWHERE));
    cr_assert_eq(played.allocated + played.sets + played.protects, 0);
}

Test(segments, a_put_beyond_the_segment_is_refused_and_opens_nothing)
{
    const struct iovec part = {zeros, 1};
    lode_segments_init(&segments, &calls, false);
    cr_assert_eq(lode_segments_fill(&segments, lode_extent_make(0, BYTES), 1, &part, 1, LODE_NEVER),
                 LODE_ECORRUPT);
    cr_assert_eq(lode_segments_fill(&segments, lode_extent_make(0, 64), 1, &part, 1, LODE_NEVER),
                 LODE_EPROTO);
    cr_assert_eq(played.sets, 1, "only to see that the key works");
}

/* ---- with this machine's own key, if it has one --------------------------------------------- */

Test(segments, are_guarded_by_what_this_machine_has)
{
    played.real = true;
    lode_segments_init(&segments, &calls, false);
    expect_guarded();
}

static void *
look_from_beside(void *arg)
{
    *(bool *)arg = can_write(0);
    return NULL;
}

/* A key that this thread opens is open for no other, and a draft needs none. */
Test(segments, that_one_thread_opens_stay_closed_to_the_others)
{
    bool beside = true;
    pthread_t other;
    played.real = true;
    lode_segments_init(&segments, &calls, false);
    fill(0);
    if (!segments.map[0].keyed) {
        cr_skip_test("no protection keys here");
    }
    cr_assert_eq(pthread_create(&other, NULL, look_from_beside, &beside), 0);
    pthread_join(other, NULL);
    cr_assert(!beside);
    lode_write_key_open();
    cr_assert(can_write(0));
    lode_write_key_close();
    cr_assert(!can_write(0));
    open_draft(ELSEWHERE);
    cr_assert(can_write(ELSEWHERE));
    close_draft(ELSEWHERE);
}
