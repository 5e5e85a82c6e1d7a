#include "worker/runtime/sleeping.h"

uint64_t
sleeping_set(struct sleeping *sleeping, bool sleeps)
{
    sleeping->calls += sleeps;
    atomic_store_explicit(&sleeping->call, sleeps ? sleeping->calls : 0, memory_order_relaxed);
    return sleeping->calls;
}

void
sleeping_give_up(struct sleeping *sleeping, uint64_t call, uint32_t workers)
{
    atomic_store_explicit(&sleeping->workers, workers, memory_order_relaxed);
    atomic_store_explicit(&sleeping->told, call, memory_order_release);
}

bool
sleeping_gives_up(const struct sleeping *sleeping, uint32_t *workers_out)
{
    uint64_t call = atomic_load_explicit(&sleeping->call, memory_order_relaxed);
    if (call == 0 || atomic_load_explicit(&sleeping->told, memory_order_acquire) != call) {
        return false;
    }
    *workers_out = atomic_load_explicit(&sleeping->workers, memory_order_relaxed);
    return true;
}
