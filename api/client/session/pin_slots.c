#include "api/client/session/pin_slots.h"

#include "api/base/fail.h"

#include <sys/mman.h>

enum { NEXT_BYTES = LODE_PIN_MAX * sizeof(uint32_t) };

lode_err
lode_pin_slots_init(struct lode_pin_slots *slots, _Atomic uint32_t *high, uint32_t limit)
{
    void *next = mmap(NULL, NEXT_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (next == MAP_FAILED) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the pins of a session");
    }
    *slots = (struct lode_pin_slots){.next = next, .high = high, .limit = limit};
    return LODE_OK;
}

void
lode_pin_slots_fini(struct lode_pin_slots *slots)
{
    munmap((void *)slots->next, NEXT_BYTES);
}

static uint64_t
head_make(uint64_t old_head, uint32_t slot_plus_one)
{
    return ((old_head >> 32) + 1) << 32 | slot_plus_one;
}

static int64_t
take_fresh(struct lode_pin_slots *slots)
{
    uint32_t high = atomic_load_explicit(slots->high, memory_order_relaxed);
    while (high < atomic_load_explicit(&slots->limit, memory_order_acquire)) {
        /* session.h [2]: published before the slot is first used. */
        if (atomic_compare_exchange_weak_explicit(slots->high, &high, high + 1,
                                                  memory_order_seq_cst, memory_order_relaxed)) {
            return high;
        }
    }
    return -1;
}

int64_t
lode_pin_slots_take(struct lode_pin_slots *slots)
{
    uint64_t head = atomic_load_explicit(&slots->head, memory_order_acquire);
    while ((uint32_t)head != 0) {
        uint32_t slot = (uint32_t)head - 1;
        /* Another thread may have taken it meanwhile; then the tag differs and this is void. */
        uint32_t next = atomic_load_explicit(&slots->next[slot], memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&slots->head, &head, head_make(head, next),
                                                  memory_order_acquire, memory_order_acquire)) {
            return slot;
        }
    }
    return take_fresh(slots);
}

void
lode_pin_slots_give(struct lode_pin_slots *slots, uint32_t slot)
{
    uint64_t head = atomic_load_explicit(&slots->head, memory_order_relaxed);
    do {
        atomic_store_explicit(&slots->next[slot], (uint32_t)head, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&slots->head, &head, head_make(head, slot + 1),
                                                    memory_order_release, memory_order_relaxed));
}

bool
lode_pins_all_clear(const struct lode_pin_slots *slots, const _Atomic uint32_t *pins)
{
    /*
     * The caller has said that the session closes, or has cleared its own pin. Of two threads that
     * do so at once, one must see what the other did.
     */
    atomic_thread_fence(memory_order_seq_cst);
    uint32_t high = atomic_load_explicit(slots->high, memory_order_seq_cst);
    high = high < LODE_PIN_MAX ? high : LODE_PIN_MAX; /* it lies in a file that others may write */
    for (uint32_t i = 0; i < high; i++) {
        if (atomic_load_explicit(&pins[i], memory_order_acquire) != 0) {
            return false;
        }
    }
    return true;
}
