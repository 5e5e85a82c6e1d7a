/*
 * recall_world.h: for the tests of recall: the store's membarrier(2) is the test's own, and may be
 * refused. A test says `ctest: wrap syscall`.
 */
#ifndef LODE_TESTS_STORE_RECALL_WORLD_H
#define LODE_TESTS_STORE_RECALL_WORLD_H

#include "store/rings/recall.h"
#include "api/base/clock.h"
#include "api/system/membarrier.h"
#include "tests/support/own_syscall.h"
#include "tests/unit/store/fake_client.h"

#include <errno.h>

enum {
    FENCED = LODE_HELLO_FENCED,
    WASTED = 8 /* pages: the most that small objects leave free in front of a large one */
};

/* What happens while the store is inside membarrier(2), and whether the system refuses that. */
static void (*meanwhile)(void);
static int refused_with;     /* an error number; 0: it is not refused */
static int refusals_at_most; /* so many calls are refused at most; 0: all */
static int membarriers;

static bool
play_syscall(long number, long *result_out)
{
    if (number != SYS_membarrier) {
        return false;
    }
    membarriers++;
    if (meanwhile != NULL) {
        meanwhile();
    }
    bool refuses = refused_with != 0 && (refusals_at_most == 0 || membarriers <= refusals_at_most);
    errno = refuses ? refused_with : 0;
    *result_out = refuses ? -1 : 0;
    return true;
}

static inline uint64_t
pages_left(const struct fake *fake)
{
    return fake->session->pages_granted - fake->session->pages_used;
}

static inline uint64_t
entries_left(const struct fake *fake)
{
    return fake->session->entries_granted - fake->session->entries_used;
}

static inline const struct lode_session_row *
row_of(const struct fake *fake)
{
    return &store->table.rows[fake->row];
}

/* What the client sees. */
static inline void
expect_shown(const struct fake *fake)
{
    expect_eq(atomic_load(&row_of(fake)->credit_pages), fake->session->pages_granted);
    expect_eq(atomic_load(&row_of(fake)->credit_entries), fake->session->entries_granted);
}

/* As if so much time had passed for one that has spent some. */
static inline void
becomes_idle(struct fake *fake)
{
    fake->session->active_ns -= RECALL_IDLE_NS;
    store->recall_again_ns = 0;
}

#endif
