#include "api/client/session/write_key.h"

#include "api/base/assert.h"
#include "api/system/tricks.h"

#include <stdatomic.h>
#include <sys/mman.h>

/* No other key means that: 0 is the one that covers all memory. */
enum { KEY_UNKNOWN = 0, KEY_NONE = -1, KEY_OF_ALL = 0 };

static _Atomic int key; /* KEY_UNKNOWN, KEY_NONE, or the key; changes once */

/*
 * The key, or KEY_NONE. Two threads with a session each may come here for the first time at once:
 * the second takes the key of the first, and gives its own back.
 */
static int
key_of_process(void)
{
    int known = atomic_load_explicit(&key, memory_order_relaxed), mine;
    if (known != KEY_UNKNOWN) {
        return known;
    }
    mine = lode_trick_wanted(LODE_TRICK_KEY) ? pkey_alloc(0, PKEY_DISABLE_ACCESS) : KEY_NONE;
    mine = mine > KEY_OF_ALL ? mine : KEY_NONE;
    if (mine != KEY_NONE && pkey_set(mine, PKEY_DISABLE_ACCESS) != 0) { /* an old libc's stub */
        (void)pkey_free(mine);
        mine = KEY_NONE;
    }
    if (atomic_compare_exchange_strong_explicit(&key, &known, mine, memory_order_relaxed,
                                                memory_order_relaxed)) {
        return mine;
    }
    if (mine != KEY_NONE) {
        (void)pkey_free(mine);
    }
    return known;
}

bool
lode_write_key_cover(void *at, size_t bytes)
{
    int taken = key_of_process();
    return taken != KEY_NONE && pkey_mprotect(at, bytes, PROT_READ | PROT_WRITE, taken) == 0;
}

int
lode_write_key_uncover(void *at, size_t bytes)
{
    return pkey_mprotect(at, bytes, PROT_READ | PROT_WRITE, KEY_OF_ALL);
}

static void
set_rights(unsigned rights)
{
    int taken = atomic_load_explicit(&key, memory_order_relaxed);
    LODE_ASSERT(taken > KEY_OF_ALL);
    LODE_ASSERT(pkey_set(taken, rights) == 0);
}

void
lode_write_key_open(void)
{
    set_rights(0);
}

/* The call keeps the compiler, and the key the processor, from moving a write behind it. */
void
lode_write_key_close(void)
{
    set_rights(PKEY_DISABLE_ACCESS);
}
