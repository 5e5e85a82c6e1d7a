#include "api/client/channel/ring_wait.h"

#include "api/base/clock.h"

/*
 * A packet that finds no room costs the store a look at all rings. So the slices grow. A slot that
 * comes free is found at the end of a slice at the latest.
 */
enum { FIRST_NS = 2000000, MOST_NS = 128000000 };

static int64_t
end_of_slice(const struct lode_ring_wait *wait, int64_t now)
{
    int64_t until = now + wait->slice_ns;
    return until < wait->deadline ? until : wait->deadline;
}

void
lode_ring_wait_begin(struct lode_ring_wait *wait, struct lode_ring *ring,
                     const struct lode_hooks *hooks, const struct lode_ring_need *need,
                     int64_t deadline)
{
    *wait = (struct lode_ring_wait){
        .ring = ring, .hooks = hooks, .deadline = deadline, .slice_ns = FIRST_NS};
    int64_t now = lode_now_ns();
    bool sleeps =
        now < deadline && !atomic_load_explicit(&ring->packets_serve, memory_order_relaxed);
    lode_ring_stand_in_line(ring, need, sleeps);
    if (sleeps) {
        wait->until = end_of_slice(wait, now);
    }
}

bool
lode_ring_wait_again(struct lode_ring_wait *wait)
{
    if (wait->deadline != LODE_NEVER && lode_now_ns() >= wait->deadline) {
        return false;
    }
    wait->err = lode_hooks_interrupted(wait->hooks);
    if (wait->err != LODE_OK) {
        return false;
    }
    if (wait->until != 0 && !wait->is_blocked) {
        wait->is_blocked = true;
        lode_hooks_blocked(wait->hooks, LODE_SLEEPS_FOR_ROOM);
    }
    wait->slice_ns = wait->until == 0               ? FIRST_NS
                     : wait->slice_ns * 2 < MOST_NS ? wait->slice_ns * 2
                                                    : MOST_NS;
    wait->until = end_of_slice(wait, lode_now_ns());
    return true;
}

void
lode_ring_wait_needs(struct lode_ring_wait *wait, const struct lode_ring_need *need)
{
    lode_ring_leave_line(wait->ring);
    lode_ring_stand_in_line(wait->ring, need, true); /* if it is not served by now */
}

void
lode_ring_wait_end(struct lode_ring_wait *wait, bool by_packet)
{
    lode_ring_leave_line(wait->ring);
    atomic_store_explicit(&wait->ring->packets_serve, by_packet, memory_order_relaxed);
    if (wait->is_blocked) {
        lode_hooks_blocked(wait->hooks, LODE_AWAKE);
    }
}
