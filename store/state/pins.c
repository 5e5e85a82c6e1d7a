#include "store/state/pins.h"

#include "store/state/file.h"
#include "store/state/forks.h"

uint32_t
pins_each_from(struct store *store, const struct session *session, uint32_t slot, uint32_t most,
               pins_each_fn *each, void *arg)
{
    uint32_t high = file_pin_high(session);
    uint32_t end = high > slot && high - slot > most ? slot + most : high;
    for (; slot < end; slot++) {
        uint32_t pin = file_pin(session, slot);
        if (pin != 0 && pin - 1 < store->table.entry_count) {
            each(store, pin - 1, arg);
        }
    }
    return end < high ? end : 0;
}

void
pins_each(struct store *store, pins_each_fn *each, void *arg)
{
    for (uint32_t i = 0; i < store->session_count; i++) {
        if (!store->sessions[i]->pins_are_over) {
            pins_each_from(store, store->sessions[i], 0, UINT32_MAX, each, arg);
        }
    }
    forks_each_pin(store, each, arg);
}

bool
pins_any(const struct session *session)
{
    uint32_t high = file_pin_high(session);
    for (uint32_t slot = 0; slot < high; slot++) {
        if (file_pin(session, slot) != 0) {
            return true;
        }
    }
    return false;
}
