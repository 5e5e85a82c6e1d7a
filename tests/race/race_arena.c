/*
 * Memory is committed by the helper thread while the loop allocates, writes and frees: what becomes
 * warm under way, is freed under way, or is asked for twice, is told once and can be written.
 */
#include "store/alloc/arena.h"
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 64, ROUNDS = 20, STEPS = 1000, MIB = 1 << 20 };

struct slot {
    uint64_t extent, size;
    bool used, waits, given_up;
};

static struct slot slots[SLOTS];
static struct helper *helper;
static struct arena *arena;
static uint64_t random_state = 7, told;

static uint64_t
draw(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % below;
}

static void
finish(struct slot *slot)
{
    arena_free(arena, slot->extent, slot->size);
    *slot = (struct slot){0};
}

static void
committed(void *owner, uint64_t token, lode_err err)
{
    struct slot *slot = &slots[token];
    must(err);
    expect(owner == slots && slot->used && slot->waits);
    slot->waits = false;
    told++;
    memset(arena_address(arena, slot->extent), (int)token, slot->size);
    if (slot->given_up) {
        finish(slot);
    }
}

static void
make(uint64_t token)
{
    struct slot *slot = &slots[token];
    struct arena_room room;
    uint64_t size = draw(3) == 0 ? draw(3 * MIB) + 1 : draw(8000) + 1;
    enum arena_kind kind = size < 8000 ? ARENA_SMALL : ARENA_LARGE;
    if (arena_allocate(arena, size, kind, false, &room) != LODE_OK) {
        return;
    }
    *slot = (struct slot){.extent = room.extent, .size = size, .used = true, .waits = room.is_cold};
    if (slot->waits) {
        must(arena_warm(arena, room.extent, size, committed, slots, token));
    } else {
        memset(arena_address(arena, room.extent), (int)token, size);
    }
}

static void
end(struct slot *slot)
{
    if (slot->waits) {
        slot->given_up = true;
    } else {
        finish(slot);
    }
}

static void
live(void)
{
    for (int i = 0; i < STEPS; i++) {
        uint64_t token = draw(SLOTS);
        if (slots[token].used) {
            end(&slots[token]);
        } else {
            make(token);
        }
        if (draw(4) == 0) {
            (void)helper_drain(helper);
        }
    }
    for (int i = 0; i < SLOTS; i++) {
        while (slots[i].waits) {
            (void)helper_wait(helper, LODE_FOREVER);
        }
        if (slots[i].used) {
            finish(&slots[i]);
        }
    }
}

/* A fresh arena each time: only what is cold is committed. */
static void
one_round(const char *dir)
{
    struct arena_stats stats;
    struct arena_options options = {.dir = dir, .capacity_bytes = 64 * MIB, .helper = helper};
    must(arena_open(&options, &arena));
    live();
    arena_stats(arena, &stats);
    expect_eq(stats.used_bytes, 0);
    expect(arena_check(arena));
    arena_close(arena, true);
}

int
main(void)
{
    char dir[] = "/dev/shm/lode-arena-XXXXXX";
    expect(mkdtemp(dir) != NULL);
    must(helper_create(&helper));
    for (int i = 0; i < ROUNDS || told <= ROUNDS; i++) { /* a busy helper tells less in a round */
        one_round(dir);
    }
    expect_lt(ROUNDS, told);
    helper_destroy(helper);
    expect_eq(rmdir(dir), 0);
    return 0;
}
