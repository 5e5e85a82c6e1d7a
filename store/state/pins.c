#include "store/state/pins.h"

#include "store/state/file.h"
#include "store/state/forks.h"

void
pins_each_of(struct store *store, const struct session *session, pins_each_fn *each, void *arg)
{
    uint32_t high = file_pin_high(session);
    for (uint32_t slot = 0; slot < high; slot++) {
        uint32_t pin = file_pin(session, slot);
        if (pin != 0 && pin - 1 < store->table.entry_count) {
            each(store, pin - 1, arg);
        }
    }
}

void
pins_each(struct store *store, pins_each_fn *each, void *arg)
{
    for (uint32_t i = 0; i < store->session_count; i++) {
        pins_each_of(store, store->sessions[i], each, arg);
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
