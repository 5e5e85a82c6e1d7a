#include "api/client/tasks/burst.h"

#include "api/base/clock.h"

/*
 * SOON_NS is longer than a program takes between two calls, and shorter than the scheduler for one
 * message. The timer is for a program that calls, and then neither waits nor calls: it loses
 * RING_NS the first time. While it goes on so, it loses RING_SOON_NS.
 */
enum {
    SOON_NS = 20000,
    RING_NS = 1000000,
    RING_SOON_NS = 100000,
    BURST_HELD_MAX = 64,
    BURST_HELD_ALONE_MAX = 256, /* on one CPU */
    BURST_BYTES_MAX = 32 << 10
};

/*
 * The counter is raised behind the append (lode_burst_appended()), and cleared before the flush. So
 * of any record that is held, somebody still finds the counter set, or flushes after the append.
 */
static bool
flush(struct lode_burst *burst, uint32_t *count_out)
{
    *count_out = 0;
    if (atomic_load_explicit(&burst->held, memory_order_relaxed) == 0) {
        return false;
    }
    *count_out = atomic_exchange(&burst->held, 0);
    lode_link_flush(burst->link);
    return true;
}

/* NULL: the session is being closed, by another thread than the one on which the timer rings. */
static void
set_timer(struct lode_burst *burst)
{
    struct lode_later *timer = atomic_load_explicit(&burst->timer, memory_order_acquire);
    bool rang = atomic_load_explicit(&burst->rang, memory_order_relaxed);
    if (timer != NULL) {
        lode_later_call(timer, rang ? RING_SOON_NS : RING_NS);
    }
}

/*
 * While calls come, their thread sends what is held, and this would be a message more. A single
 * call that none has followed, nor a wait, is no burst.
 */
static void
ring(void *arg)
{
    struct lode_burst *burst = arg;
    int64_t last = atomic_load_explicit(&burst->last_ns, memory_order_relaxed);
    uint32_t count;
    if (lode_now_ns() - last < SOON_NS) {
        set_timer(burst);
    } else if (flush(burst, &count)) {
        atomic_store_explicit(&burst->rang, true, memory_order_relaxed);
        if (count == 1 && atomic_load_explicit(&burst->since_wait, memory_order_relaxed) == 1) {
            atomic_store_explicit(&burst->is_expected, false, memory_order_relaxed);
        }
    }
}

void
lode_burst_open(struct lode_burst *burst, struct lode_link *link, uint32_t cpus)
{
    struct lode_later *timer;
    burst->link = link;
    burst->held_max = cpus > 1 ? BURST_HELD_MAX : BURST_HELD_ALONE_MAX;
    if (lode_later_open(ring, burst, &timer) == LODE_OK) {
        atomic_store_explicit(&burst->timer, timer, memory_order_release);
    }
}

struct lode_later *
lode_burst_close(struct lode_burst *burst)
{
    return atomic_exchange(&burst->timer, NULL);
}

bool
lode_burst_holds(struct lode_burst *burst, uint32_t bytes)
{
    int64_t now = lode_now_ns();
    int64_t pause = now - atomic_load_explicit(&burst->last_ns, memory_order_relaxed);
    bool is_first = atomic_fetch_add_explicit(&burst->since_wait, 1, memory_order_relaxed) == 0;
    bool comes_more = is_first ? atomic_load_explicit(&burst->is_expected, memory_order_relaxed)
                               : pause < SOON_NS;
    atomic_store_explicit(&burst->last_ns, now, memory_order_relaxed);
    return comes_more && atomic_load_explicit(&burst->timer, memory_order_relaxed) != NULL &&
           burst->held_bytes + bytes < BURST_BYTES_MAX &&
           atomic_load_explicit(&burst->held, memory_order_relaxed) + 1 < burst->held_max;
}

/*
 * A message wakes the scheduler, which may take the CPU before this thread goes on. That is no
 * pause of the program's: the next one begins behind the message.
 */
void
lode_burst_appended(struct lode_burst *burst, uint32_t bytes, bool held)
{
    if (!held) {
        burst->held_bytes = 0;
        atomic_store(&burst->held, 0);
        atomic_store_explicit(&burst->last_ns, lode_now_ns(), memory_order_relaxed);
        return;
    }
    burst->held_bytes = atomic_fetch_add(&burst->held, 1) > 0 ? burst->held_bytes + bytes : bytes;
    set_timer(burst);
}

void
lode_burst_wait(struct lode_burst *burst)
{
    uint32_t count;
    uint32_t calls = atomic_load_explicit(&burst->since_wait, memory_order_relaxed);
    if (calls > 0) {
        atomic_store_explicit(&burst->since_wait, 0, memory_order_relaxed);
        atomic_store_explicit(&burst->is_expected, calls > 1, memory_order_relaxed);
    }
    if (flush(burst, &count)) {
        atomic_store_explicit(&burst->rang, false, memory_order_relaxed);
    }
}
