#include "store/rings/credit.h"

#include "api/base/assert.h"
#include "api/base/futex.h"

enum {
    PAGES_FIRST = 16,  /* 64 KiB */
    PAGES_MOST = 1024, /* 4 MiB: several rings full */
    ENTRIES_FIRST = 256,
    ENTRIES_MOST = 8192,
    PRESSED_PAGES = 640, /* what one COMMIT can spend at most: small arrays, a page each */
    PRESSED_ENTRIES = 1024
};

/* All sessions together get an eighth of the store, or a little for each. */
static uint64_t
pages_most(const struct store *store)
{
    uint64_t pages = store->table.header->segment_bytes[0] / LODE_PAGE / 8;
    uint64_t share = pages / (store->session_count + 1);
    return share < PAGES_FIRST ? PAGES_FIRST : share < PAGES_MOST ? share : PAGES_MOST;
}

bool
credit_has(const struct session *session, uint64_t pages, uint64_t entries)
{
    return session->pages_granted - session->pages_used >= pages &&
           session->entries_granted - session->entries_used >= entries;
}

void
credit_spend(struct session *session, uint64_t pages, uint64_t entries)
{
    session->pages_used += pages;
    session->entries_used += entries;
}

void
credit_waste(struct store *store, struct session *session, uint64_t pages, uint64_t entries)
{
    (void)session;
    arena_credit_give_back(store->arena, pages);
    table_unreserve(&store->table, (uint32_t)entries);
}

static void
publish(struct store *store, const struct session *session)
{
    struct lode_session_row *row = &store->table.rows[session->row];
    atomic_store_explicit(&row->credit_pages, session->pages_granted, memory_order_release);
    atomic_store_explicit(&row->credit_entries, session->entries_granted, memory_order_release);
}

static bool
fill_pages(struct store *store, struct session *session)
{
    uint64_t left = session->pages_granted - session->pages_used;
    uint64_t want = session->pages_target > left ? session->pages_target - left : 0;
    while (want > 0 && !arena_credit_reserve(store->arena, want)) {
        want /= 2;
    }
    session->pages_granted += want;
    return left + want >= session->pages_target;
}

static bool
fill_entries(struct store *store, struct session *session)
{
    uint64_t left = session->entries_granted - session->entries_used;
    if (session->entries_target <= left) {
        return true;
    }
    uint32_t want = (uint32_t)(session->entries_target - left);
    if (table_reserve(&store->table, want) != LODE_OK) {
        return false;
    }
    session->entries_granted += want;
    return true;
}

/* Whether a tick must look for its room, and how many there are of these, changes here alone. */
static void
set_starved(struct store *store, struct session *session, bool starved, bool rang)
{
    store->starving -= session->starved && session->rang;
    session->starved = starved;
    session->rang = rang;
    store->starving += session->starved && session->rang;
}

static uint64_t
grown(uint64_t target, uint64_t floor, uint64_t most)
{
    target *= 2;
    target = target < floor ? floor : target;
    return target < most ? target : most;
}

void
credit_refill(struct store *store, struct session *session, bool pressed)
{
    if (pressed) {
        session->pages_target = grown(session->pages_target, PRESSED_PAGES, pages_most(store));
        session->entries_target = grown(session->entries_target, PRESSED_ENTRIES, ENTRIES_MOST);
    }
    bool pages = fill_pages(store, session), entries = fill_entries(store, session);
    set_starved(store, session, !pages || !entries, session->rang);
    publish(store, session);
}

void
credit_start(struct store *store, struct session *session)
{
    session->pages_target = PAGES_FIRST;
    session->entries_target = ENTRIES_FIRST;
    credit_refill(store, session, false);
}

static bool
is_waited_for(const struct session *session)
{
    const struct lode_session_header *header = (const struct lode_session_header *)session->file;
    return atomic_load_explicit(&header->credit_waits, memory_order_relaxed) != 0;
}

/* session.h [4]: most changes find nobody asleep, and cost no system call. */
static void
wake(struct store *store, const struct session *session)
{
    struct lode_session_row *row = &store->table.rows[session->row];
    atomic_fetch_add_explicit(&row->credit_wake, 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (is_waited_for(session)) {
        lode_futex_wake_all(&row->credit_wake);
    }
}

void
credit_after_drain(struct store *store, struct session *session, uint64_t pages_before,
                   uint64_t entries_before)
{
    struct lode_session_row *row = &store->table.rows[session->row];
    uint64_t pages_left = session->pages_granted - session->pages_used;
    uint64_t entries_left = session->entries_granted - session->entries_used;
    uint64_t pages_spent = session->pages_used - pages_before;
    uint64_t entries_spent = session->entries_used - entries_before;
    bool pressed = (pages_spent > 0 && pages_left < session->pages_target / 2) ||
                   (entries_spent > 0 && entries_left < session->entries_target / 2);
    /* [index.h 5] the position before the credit: who sees the credit sees the room too. */
    atomic_store_explicit(&row->ring_head, session->ring_head, memory_order_release);
    if (pages_spent > 0 || entries_spent > 0 || session->starved) {
        credit_refill(store, session, pressed);
    }
    wake(store, session);
}

void
credit_rang(struct store *store, struct session *session, bool drained_nothing)
{
    /* Nothing was in the ring, and yet it rings and waits: a record may want more than the target. */
    bool pressed = drained_nothing && is_waited_for(session);
    if (pressed || session->starved) {
        credit_refill(store, session, pressed);
        wake(store, session);
    }
    set_starved(store, session, session->starved, session->starved);
}

void
credit_feed(struct store *store)
{
    for (uint32_t i = 0; i < store->session_count; i++) {
        struct session *session = store->sessions[i];
        uint64_t pages = session->pages_granted, entries = session->entries_granted;
        if (!session->starved || session->ended) {
            continue;
        }
        credit_refill(store, session, false);
        if (session->pages_granted != pages || session->entries_granted != entries) {
            wake(store, session);
        }
    }
}

bool
credit_anyone_starves(const struct store *store)
{
    return store->starving > 0;
}

void
credit_end(struct store *store, struct session *session)
{
    arena_credit_give_back(store->arena, session->pages_granted - session->pages_used);
    table_unreserve(&store->table, (uint32_t)(session->entries_granted - session->entries_used));
    session->pages_granted = session->pages_used;
    session->entries_granted = session->entries_used;
    set_starved(store, session, false, false);
}
