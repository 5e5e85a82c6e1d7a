#include "tests/starve/blocks.h"

#include "tests/starve/starve.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEN __attribute__((visibility("default")))

/*
 * A table by address, without a lock: a block has one owner at a time, so that nobody looks for a
 * slot that another thread changes. A slot that was used is never NULL again.
 */
enum { SLOTS = 1 << 16 };
#define FREED ((uintptr_t)1)

static struct block {
    _Atomic uintptr_t address;
    _Atomic uintptr_t from; /* the code that asked for it */
    atomic_long number;
} table[SLOTS];
static atomic_long all_blocks, our_blocks, last_number;

static size_t
hash_of(uintptr_t address)
{
    return (size_t)((address >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 48) % SLOTS;
}

void
blocks_note(const void *block, const void *from)
{
    size_t at = hash_of((uintptr_t)block);
    for (int i = 0; i < SLOTS; i++, at = (at + 1) % SLOTS) {
        uintptr_t there = atomic_load(&table[at].address);
        if (there <= FREED &&
            atomic_compare_exchange_strong(&table[at].address, &there, (uintptr_t)block)) {
            atomic_store(&table[at].from, (uintptr_t)from);
            atomic_store(&table[at].number, atomic_fetch_add(&last_number, 1) + 1);
            atomic_fetch_add(&our_blocks, 1);
            return;
        }
    }
    abort();
}

const void *
blocks_forget(const void *block)
{
    size_t at = hash_of((uintptr_t)block);
    for (int i = 0; i < SLOTS; i++, at = (at + 1) % SLOTS) {
        uintptr_t there = atomic_load(&table[at].address);
        if (there == 0) {
            return NULL;
        }
        if (there == (uintptr_t)block) {
            const void *from = (const void *)atomic_load(&table[at].from);
            atomic_store(&table[at].address, FREED);
            atomic_fetch_sub(&our_blocks, 1);
            return from;
        }
    }
    return NULL;
}

void
blocks_count(int change)
{
    atomic_fetch_add_explicit(&all_blocks, change, memory_order_relaxed);
}

SEEN long
starve_blocks(bool ours)
{
    return atomic_load(ours ? &our_blocks : &all_blocks);
}

SEEN long
starve_last_block(void)
{
    return atomic_load(&last_number);
}

SEEN void
starve_print_blocks(long after)
{
    for (size_t i = 0; i < SLOTS; i++) {
        Dl_info object;
        const char *from = (const char *)atomic_load(&table[i].from);
        if (atomic_load(&table[i].address) > FREED && atomic_load(&table[i].number) > after &&
            dladdr(from, &object) != 0) {
            fprintf(stderr, "a block is left that was asked for at %s+0x%lx\n", object.dli_fname,
                    (unsigned long)(from - (const char *)object.dli_fbase));
        }
    }
}
