/* The arena: what the rest of the store relies on, with a real segment and a real helper. */
#include "store/alloc/arena.h"
#include "tests/unit/store/tmpfs.h"

enum { MIB = 1 << 20 };

static struct helper *helper;
static struct arena *arena;

static void
open_arena(uint64_t capacity)
{
    struct arena_options options = {.dir = tmpfs_dir, .capacity_bytes = capacity, .helper = helper};
    must(arena_open(&options, &arena));
}

static void
setup(void)
{
    tmpfs_setup();
    must(helper_create(&helper));
}

static void
teardown(void)
{
    expect(arena == NULL || arena_check(arena));
    arena_close(arena, true);
    helper_destroy(helper);
    tmpfs_teardown();
}

TestSuite(arena, .init = setup, .fini = teardown, .timeout = 300);

struct told {
    int calls;
    uint64_t token;
    lode_err err;
};

static void
tell(void *owner, uint64_t token, lode_err err)
{
    struct told *told = owner;
    told->calls++;
    told->token = token;
    told->err = err;
}

static lode_err
warm(uint64_t extent, uint64_t size)
{
    struct told told = {0};
    must(arena_warm(arena, extent, size, tell, &told, 77));
    expect_eq(told.calls, 0);
    while (told.calls == 0) {
        (void)helper_wait(helper, LODE_FOREVER);
    }
    expect_eq(told.calls, 1);
    expect_eq(told.token, 77);
    return told.err;
}

/* Room of that size, warmed and written from end to end. */
static uint64_t
make(uint64_t size, enum arena_kind kind)
{
    struct arena_room room;
    must(arena_allocate(arena, size, kind, false, &room));
    if (room.is_cold) {
        must(warm(room.extent, size));
    }
    memset(arena_address(arena, room.extent), 0xab, size);
    return room.extent;
}

static struct arena_stats
now(void)
{
    struct arena_stats stats;
    arena_stats(arena, &stats);
    return stats;
}

Test(arena, begins_empty_with_a_little_warm_room)
{
    open_arena(64 * MIB);
    expect_eq(now().capacity_bytes, 64 * MIB);
    expect_eq(now().free_bytes, 64 * MIB);
    expect_eq(now().largest_free_bytes, 64 * MIB);
    expect_eq(now().committed_bytes, 2 * MIB);
    expect_eq(arena_segment_count(arena), 1);
}

Test(arena, large_rooms_are_page_aligned_and_warmed_on_demand)
{
    open_arena(64 * MIB);
    struct arena_room room;
    must(arena_allocate(arena, 10 * MIB + 1, ARENA_LARGE, false, &room));
    expect(room.is_cold);
    expect_eq(lode_extent_segment(room.extent), 0);
    expect_eq(lode_extent_offset(room.extent) % LODE_PAGE, 0);
    expect_eq(now().used_bytes, 10 * MIB + LODE_PAGE);
    must(warm(room.extent, 10 * MIB + 1));
    memset(arena_address(arena, room.extent), 1, 10 * MIB + 1);
    arena_free(arena, room.extent, 10 * MIB + 1);
    must(arena_allocate(arena, 10 * MIB, ARENA_LARGE, false, &room));
    expect(!room.is_cold); /* recycled warm */
    arena_free(arena, room.extent, 10 * MIB);
    expect_eq(now().used_bytes, 0);
}

/* The last one lies on pages of both kinds. */
Test(arena, a_fresh_one_holds_as_many_large_rooms_as_one_that_is_all_warm)
{
    enum { LARGE = 16000000 };
    uint64_t at[4];
    open_arena(64 * MIB);
    expect(arena_credit_reserve(arena, 16));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++) {
            struct arena_room room;
            uint64_t most = now().largest_free_bytes;
            expect_le(LARGE, most);
            fails(arena_allocate(arena, most + 1, ARENA_LARGE, false, &room), LODE_EFULL);
            must(arena_allocate(arena, most, ARENA_LARGE, false, &room));
            arena_free(arena, room.extent, most);
            at[i] = make(LARGE, ARENA_LARGE);
        }
        for (int i = 0; i < 4; i++) {
            arena_free(arena, at[i], LARGE);
        }
    }
    expect_eq(now().used_bytes, 0);
}

Test(arena, a_size_of_zero_has_a_room_of_its_own)
{
    open_arena(4 * MIB);
    uint64_t a = make(0, ARENA_LARGE), b = make(0, ARENA_SMALL), c = make(0, ARENA_SMALL);
    expect_ne(a, b);
    expect_ne(b, c);
    arena_free(arena, a, 0);
    arena_free(arena, b, 0);
    arena_free(arena, c, 0);
    expect_eq(now().used_bytes, 0);
}

Test(arena, small_rooms_share_pages)
{
    open_arena(4 * MIB);
    uint64_t at[100];
    for (int i = 0; i < 100; i++) {
        at[i] = make(100, ARENA_SMALL);
    }
    expect_eq(now().small_objects, 100);
    expect_eq(now().used_bytes, 64 << 10);
    for (int i = 0; i < 100; i++) {
        arena_free(arena, at[i], 100);
    }
    expect_eq(now().used_bytes, 0);
}

Test(arena, more_than_the_store_has_never_fits)
{
    open_arena(4 * MIB);
    struct arena_room room;
    fails(arena_allocate(arena, 4 * MIB + 1, ARENA_LARGE, false, &room), LODE_ETOOBIG);
    fails(arena_allocate(arena, UINT64_MAX, ARENA_SMALL, false, &room), LODE_ETOOBIG);
    expect_text(lode_last_error(), "4194304");
}

Test(arena, full_says_the_numbers_and_then_there_is_room)
{
    open_arena(4 * MIB);
    struct arena_room room;
    uint64_t a = make(3 * MIB, ARENA_LARGE);
    fails(arena_allocate(arena, 2 * MIB, ARENA_LARGE, false, &room), LODE_EFULL);
    expect_text(lode_last_error(), "no room for 2097152 bytes: 1048576 of 4194304 are free");
    arena_free(arena, a, 3 * MIB);
    uint64_t b = make(4 * MIB, ARENA_LARGE);
    arena_free(arena, b, 4 * MIB);
}

Test(arena, kept_empty_runs_do_not_stand_in_the_way)
{
    open_arena(1 * MIB);
    for (uint64_t size = 64; size <= 4096; size *= 2) {
        arena_free(arena, make(size, ARENA_SMALL), size);
    }
    uint64_t all = make(1 * MIB, ARENA_LARGE);
    arena_free(arena, all, 1 * MIB);
}

Test(arena, credit_lasts_when_all_else_is_full)
{
    open_arena(8 * MIB);
    struct arena_room room;
    expect(arena_credit_reserve(arena, 32));
    while (arena_allocate(arena, 1, ARENA_LARGE, false, &room) == LODE_OK) {
    }
    while (arena_allocate(arena, 500, ARENA_SMALL, false, &room) == LODE_OK) {
    }
    uint64_t left = 32;
    while (left > 0) {
        uint64_t pages = left < 9 ? left : 9;
        uint64_t size = (pages - 1) * LODE_PAGE + LODE_LINE; /* 32 KiB + 64 at most */
        must(arena_allocate(arena, size, ARENA_SMALL, true, &room));
        expect(!room.is_cold);
        memset(arena_address(arena, room.extent), 1, size);
        left -= pages;
    }
    fails(arena_allocate(arena, 1, ARENA_SMALL, true, &room), LODE_EINVAL);
}

Test(arena, credit_that_nobody_has_cannot_be_spent)
{
    open_arena(8 * MIB);
    struct arena_room room;
    expect(arena_credit_reserve(arena, 20));
    fails(arena_allocate(arena, 100, ARENA_LARGE, true, &room), LODE_EINVAL);
    fails(arena_allocate(arena, 40 << 10, ARENA_SMALL, true, &room), LODE_EINVAL);
    arena_credit_give_back(arena, 20);
    fails(arena_allocate(arena, 100, ARENA_SMALL, true, &room), LODE_EINVAL);
}

static void
count_room(void *owner)
{
    ++*(int *)owner;
}

Test(arena, warms_ahead_when_credit_runs_out_and_says_so)
{
    int rooms = 0;
    open_arena(64 * MIB);
    arena_on_room(arena, count_room, &rooms);
    uint64_t reserved = 0;
    while (arena_credit_reserve(arena, 64)) {
        reserved += 64;
    }
    expect_lt(reserved, 2 * MIB / LODE_PAGE); /* all that was warm at the start */
    while (rooms == 0) {
        (void)helper_wait(helper, LODE_FOREVER);
    }
    expect(arena_credit_reserve(arena, 64));
    expect_lt(2 * MIB, now().committed_bytes);
}

Test(arena, warmings_of_the_same_pages_are_all_told_once)
{
    struct told told[8] = {{0}};
    struct arena_room room;
    open_arena(256 * MIB);
    must(arena_allocate(arena, 200 * MIB, ARENA_LARGE, false, &room));
    for (int i = 0; i < 8; i++) {
        must(arena_warm(arena, room.extent, (uint64_t)(i + 1) * 25 * MIB, tell, &told[i],
                        (uint64_t)i));
    }
    while (told[7].calls == 0) {
        (void)helper_wait(helper, LODE_FOREVER);
    }
    for (int i = 0; i < 8; i++) {
        expect_eq(told[i].calls, 1);
        expect_eq(told[i].err, LODE_OK);
        expect_eq(told[i].token, i);
    }
}

Test(arena, an_extent_may_be_freed_while_it_is_being_warmed)
{
    struct told told = {0};
    struct arena_room room;
    open_arena(256 * MIB);
    must(arena_allocate(arena, 200 * MIB, ARENA_LARGE, false, &room));
    must(arena_warm(arena, room.extent, 200 * MIB, tell, &told, 1));
    arena_free(arena, room.extent, 200 * MIB);
    struct arena_room again;
    must(arena_allocate(arena, 250 * MIB, ARENA_LARGE, false, &again));
    while (told.calls == 0) {
        (void)helper_wait(helper, LODE_FOREVER);
    }
    expect(arena_check(arena));
    must(warm(again.extent, 250 * MIB));
    memset(arena_address(arena, again.extent), 1, 250 * MIB);
}

Test(arena, closing_tells_those_who_wait_for_memory)
{
    struct told told[2] = {{0}};
    struct arena_room room;
    open_arena(256 * MIB);
    must(arena_allocate(arena, 200 * MIB, ARENA_LARGE, false, &room));
    must(arena_warm(arena, room.extent, 200 * MIB, tell, &told[0], 0));
    must(arena_warm(arena, room.extent, 200 * MIB, tell, &told[1], 1));
    arena_close(arena, true);
    arena = NULL;
    expect_eq(told[0].calls, 1);
    expect_eq(told[1].calls, 1);
    expect_eq(told[1].err, LODE_ECLOSED);
}

Test(arena, a_segment_that_does_not_exist_is_refused)
{
    uint64_t bytes;
    int read_fd, write_fd;
    open_arena(4 * MIB);
    must(arena_segment(arena, 0, &bytes, &read_fd, &write_fd));
    expect_eq(bytes, 4 * MIB);
    fails(arena_segment(arena, 1, &bytes, &read_fd, &write_fd), LODE_EINVAL);
    fails(arena_segment(arena, UINT32_MAX, &bytes, &read_fd, &write_fd), LODE_EINVAL);
}

Test(arena, a_tmpfs_of_one_mebibyte_is_refused)
{
    struct arena_options options = {.dir = tmpfs_dir, .helper = helper};
    tmpfs_of("1m");
    fails(arena_open(&options, &arena), LODE_EFULL);
    expect_text(lode_last_error(), "--shm-size");
    expect(arena == NULL);
}

/* Somebody else fills the tmpfs after the start: an error, no SIGBUS, and the store goes on. */
Test(arena, a_tmpfs_that_others_fill_is_an_error_and_passes)
{
    char path[96];
    struct arena_room room;
    tmpfs_of("32m");
    open_arena(16 * MIB);
    snprintf(path, sizeof path, "%s/other", tmpfs_dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    expect_eq(posix_fallocate(fd, 0, 26 * MIB), 0);
    must(arena_allocate(arena, 10 * MIB, ARENA_LARGE, false, &room));
    fails(warm(room.extent, 10 * MIB), LODE_EFULL);
    expect_text(lode_last_error(), "tmpfs");
    arena_free(arena, room.extent, 10 * MIB);
    expect_eq(now().used_bytes, 0);
    /* What was warm before can still be used. */
    arena_free(arena, make(1000, ARENA_SMALL), 1000);
    expect_eq(ftruncate(fd, 0), 0);
    close(fd);
    expect_eq(unlink(path), 0);
    arena_free(arena, make(10 * MIB, ARENA_LARGE), 10 * MIB);
}

/* ---- a long life ----------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t
draw(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % below;
}

struct object {
    uint64_t extent, size;
    uint8_t byte;
};

static void
check_and_free(const struct object *object)
{
    const uint8_t *bytes = arena_address(arena, object->extent);
    for (uint64_t i = 0; i < object->size; i += i < 64 ? 1 : 61) {
        expect_eq(bytes[i], object->byte);
    }
    arena_free(arena, object->extent, object->size);
}

Test(arena, objects_keep_their_bytes_through_a_long_life)
{
    static struct object objects[4000];
    size_t live = 0, full = 0;
    random_state = 4711;
    open_arena(16 * MIB);
    for (int i = 0; i < 60000; i++) {
        bool small = draw(10) != 0;
        struct object object = {.size = small ? draw(4000) + 1 : draw(200000) + 1,
                                .byte = (uint8_t)i};
        struct arena_room room;
        bool filling = i / 10000 % 2 == 0;
        if (live == 4000 || (live > 0 && draw(10) < (filling ? 4U : 6U))) {
            size_t victim = draw(live);
            check_and_free(&objects[victim]);
            objects[victim] = objects[--live];
        } else if (arena_allocate(arena, object.size, small ? ARENA_SMALL : ARENA_LARGE, false,
                                  &room) != LODE_OK) {
            full++;
        } else {
            if (room.is_cold) {
                must(warm(room.extent, object.size));
            }
            object.extent = room.extent;
            memset(arena_address(arena, object.extent), object.byte, object.size);
            objects[live++] = object;
        }
    }
    expect_lt(0, full);
    expect(arena_check(arena));
    while (live > 0) {
        check_and_free(&objects[--live]);
    }
    expect_eq(now().used_bytes, 0);
    expect_eq(now().largest_free_bytes, 16 * MIB);
}
