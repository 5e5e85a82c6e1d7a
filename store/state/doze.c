#include "store/state/doze.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "store/state/file.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KEPT_BYTES = LODE_ENTRY_MAX * sizeof(uint32_t) }; /* touched where something is kept */

lode_err
doze_open(struct store *store)
{
    store->doze_fd = epoll_create1(EPOLL_CLOEXEC);
    if (store->doze_fd < 0) {
        return lode_fail_errno("cannot make an epoll");
    }
    void *kept = mmap(NULL, KEPT_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (kept == MAP_FAILED) {
        return lode_fail_errno("cannot map the counts of kept pins");
    }
    store->kept = kept;
    return LODE_OK;
}

void
doze_close(struct store *store)
{
    if (store->doze_fd >= 0) {
        close(store->doze_fd);
    }
    if (store->kept != NULL) {
        munmap(store->kept, KEPT_BYTES);
    }
}

/* ---- who is awake ---- */

static void
list(struct store *store, struct session *session)
{
    session->awake_at = store->awake_count;
    store->awake[store->awake_count++] = session;
}

/*
 * The last one takes its place. A walk goes from the last to the first, so it has looked at that
 * one, or will.
 */
static void
unlist(struct store *store, struct session *session)
{
    struct session *last = store->awake[--store->awake_count];
    store->awake[session->awake_at] = last;
    last->awake_at = session->awake_at;
    session->awake_at = DOZE_NOT_AWAKE;
}

void
doze_begin(struct store *store, struct session *session)
{
    doze_stir(session, store->turn_ns);
    list(store, session);
}

void
doze_end(struct store *store, struct session *session)
{
    LODE_ASSERT(!session->dozes);
    unlist(store, session);
}

/* ---- waking ---- */

static void
write_row(struct store *store, const struct session *session, uint64_t word)
{
    atomic_store_explicit(&store->table.rows[session->row].session, word, memory_order_release);
}

static void
unwatch(struct store *store, struct session *session)
{
    if (session->bell_fd >= 0) {
        (void)epoll_ctl(store->doze_fd, EPOLL_CTL_DEL, session->bell_fd, NULL);
    }
}

static void
mark(struct store *store, uint32_t entry)
{
    if (store->table.truths[entry].flags & TRUTH_SCANNED) {
        store->table.truths[entry].flags |= TRUTH_PINNED;
    }
}

/* Whether the batch that is under way has still to decide what it frees. */
static bool
batch_believes_copies(const struct batch *batch)
{
    return batch->phase == BATCH_SCAN || batch->phase == BATCH_DRAIN || batch->phase == BATCH_JUDGE;
}

/*
 * A batch that is under way believes that what the session kept is pinned. So that counts on, also
 * if the pin is cleared by now: a reference may lie in the session's ring in its place. The last
 * scan of a batch only asks whether somebody tells of the release: it believes no copy.
 */
static void
tell_batch(struct store *store, const struct session *session)
{
    for (uint32_t i = 0; batch_believes_copies(&store->batch) && i < session->kept_count; i++) {
        mark(store, session->kept[i]);
    }
}

/* A walk over the keepers goes from the last to the first, as one over the awake. */
static void
keep_no_more(struct store *store, struct session *session)
{
    if (session->kept_count == 0) {
        return;
    }
    struct session *last = store->keepers[--store->keeper_count];
    store->keepers[session->keeper_at] = last;
    last->keeper_at = session->keeper_at;
    for (uint32_t i = 0; i < session->kept_count; i++) {
        store->kept[session->kept[i]]--;
    }
    store->kept_count -= session->kept_count;
    session->kept_count = 0;
    free(session->kept);
    session->kept = NULL;
}

void
doze_wake(struct store *store, struct session *session)
{
    if (!session->dozes) {
        return;
    }
    write_row(store, session, session->number);
    atomic_thread_fence(memory_order_seq_cst);
    unwatch(store, session);
    tell_batch(store, session);
    keep_no_more(store, session);
    session->dozes = false;
    store->doze_count--;
    doze_begin(store, session);
}

static int
next_rings(struct store *store, struct epoll_event *events, int most)
{
    int count = epoll_wait(store->doze_fd, events, most, 0);
    return count > 0 ? count : 0;
}

enum { RINGS_AT_ONCE = 64 };

void
doze_hear(struct store *store)
{
    struct epoll_event events[RINGS_AT_ONCE];
    int count = store->doze_count > 0 ? RINGS_AT_ONCE : 0;
    store->has_heard = true;
    while (count == RINGS_AT_ONCE) {
        count = next_rings(store, events, RINGS_AT_ONCE);
        for (int i = 0; i < count; i++) {
            doze_wake(store, events[i].data.ptr);
        }
    }
}

void
doze_hear_once(struct store *store)
{
    if (!store->has_heard) {
        doze_hear(store);
    }
}

static bool
keeps_a_scanned_one(const struct store *store, const struct session *session)
{
    for (uint32_t i = 0; i < session->kept_count; i++) {
        if (store->table.truths[session->kept[i]].flags & TRUTH_SCANNED) {
            return true;
        }
    }
    return false;
}

enum { WORK_OF_KEEPER = 8 }; /* pins, as long as a session without any takes */

/*
 * From the last to the first: when a keeper wakes, the last one takes its place, and that one was
 * looked at, or will be. Meanwhile nobody becomes a keeper.
 */
bool
doze_wake_keepers(struct store *store, uint32_t *left, uint32_t *most)
{
    if (*left > store->keeper_count) {
        *left = store->keeper_count;
    }
    while (*left > 0 && *most > 0) {
        struct session *session = store->keepers[--*left];
        uint32_t work = WORK_OF_KEEPER + session->kept_count;
        if (keeps_a_scanned_one(store, session)) {
            work += session->kept_count;
            doze_wake(store, session);
        }
        *most -= work < *most ? work : *most;
    }
    return *left == 0;
}

/* ---- beginning to doze ---- */

static bool
may_doze(const struct store *store, const struct session *session)
{
    return store->turn_ns - session->stirred_ns >= DOZE_AFTER_NS &&
           (session->flags & LODE_HELLO_RINGS) != 0 && !session->ended && !session->cut &&
           !session->broken && session->bell_fd >= 0;
}

/*
 * An epoll that begins to watch a bell that was ever rung says so once. The caller takes that off
 * before the row changes.
 */
static bool
watch(struct store *store, struct session *session)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = session};
    return epoll_ctl(store->doze_fd, EPOLL_CTL_ADD, session->bell_fd, &event) == 0;
}

/*
 * Reads the pins, and copies them. False: there are too many, or there is one that the client is
 * about to clear again, or no memory.
 */
static bool
copy_pins(const struct store *store, struct session *session)
{
    uint32_t kept[DOZE_PINS_MAX], count = 0, high = file_pin_high(session);
    if (high > DOZE_SLOTS_MAX) {
        return false;
    }
    for (uint32_t slot = 0; slot < high; slot++) {
        uint32_t pin = file_pin(session, slot);
        if (pin == 0) {
            continue;
        }
        if (count == DOZE_PINS_MAX || pin - 1 >= store->table.entry_count ||
            !entry_is_sealed(&store->table, pin - 1)) {
            return false;
        }
        kept[count++] = pin - 1;
    }
    if (count > 0 && (session->kept = malloc(count * sizeof kept[0])) == NULL) {
        return false;
    }
    session->kept_count = count;
    for (uint32_t i = 0; i < count; i++) {
        session->kept[i] = kept[i];
    }
    return true;
}

/* Looked at after the row said that the session dozes, and a fence. */
static bool
is_quiet(const struct session *session)
{
    const struct lode_session_header *header = (const struct lode_session_header *)session->file;
    return atomic_load_explicit(&header->ring_tail, memory_order_acquire) == session->ring_head &&
           atomic_load_explicit(&header->credit_waits, memory_order_relaxed) == 0;
}

static void
keep(struct store *store, struct session *session)
{
    if (session->kept_count == 0) {
        return;
    }
    session->keeper_at = store->keeper_count;
    store->keepers[store->keeper_count++] = session;
    for (uint32_t i = 0; i < session->kept_count; i++) {
        store->kept[session->kept[i]]++;
    }
    store->kept_count += session->kept_count;
}

static void
let_doze(struct store *store, struct session *session)
{
    bool is_still = is_quiet(session);
    if (!is_still || !copy_pins(store, session)) {
        write_row(store, session, session->number);
        unwatch(store, session);
        doze_stir(session, store->turn_ns + (is_still ? DOZE_IN_VAIN_NS : 0));
        return;
    }
    keep(store, session);
    session->dozes = true;
    store->doze_count++;
    unlist(store, session);
}

/* As many as can have their pins looked at in one go: one alone, if it has few enough to doze. */
static uint32_t
choose(struct store *store, struct session *chosen[DOZE_AT_ONCE])
{
    uint32_t count = 0, slots = 0;
    for (uint32_t i = 0; i < store->awake_count && count < DOZE_AT_ONCE; i++) {
        struct session *session = store->awake[i];
        uint32_t high = may_doze(store, session) ? file_pin_high(session) : UINT32_MAX;
        if (high > DOZE_SLOTS_MAX) {
            continue;
        }
        if (slots + high > DOZE_SLOTS_MAX) {
            break;
        }
        slots += high;
        if (watch(store, session)) {
            chosen[count++] = session;
        }
    }
    return count;
}

/*
 * Those that are still awake were rung before; their ring is handled as a doorbell, as always. Each
 * bell that is watched is asked for once: clients that ring all the time do not hold up the store.
 */
static void
take_off_old_rings(struct store *store, uint32_t chosen)
{
    struct epoll_event events[RINGS_AT_ONCE];
    int count = RINGS_AT_ONCE;
    for (int64_t left = (int64_t)store->doze_count + chosen; left > 0 && count == RINGS_AT_ONCE;
         left -= RINGS_AT_ONCE) {
        count = next_rings(store, events, RINGS_AT_ONCE);
        for (int i = 0; i < count; i++) {
            doze_wake(store, events[i].data.ptr);
        }
    }
}

void
doze_settle(struct store *store)
{
    struct session *chosen[DOZE_AT_ONCE];
    LODE_ASSERT(store->batch.phase == BATCH_NONE);
    if (store->turn_ns < store->doze_again_ns) {
        return;
    }
    store->doze_again_ns = store->turn_ns + DOZE_LOOK_NS;
    uint32_t count = choose(store, chosen);
    if (count == 0) {
        return;
    }
    take_off_old_rings(store, count);
    for (uint32_t i = 0; i < count; i++) {
        write_row(store, chosen[i], chosen[i]->number | LODE_ROW_DOZES);
    }
    atomic_thread_fence(memory_order_seq_cst);
    for (uint32_t i = 0; i < count; i++) {
        let_doze(store, chosen[i]);
    }
}
