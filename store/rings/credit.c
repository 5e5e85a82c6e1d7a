#include "store/rings/credit.h"

#include "api/base/clock.h"
#include "store/rings/account.h"
#include "store/rings/holders.h"

#include <string.h>

enum {
    PAGES_FIRST = 16,  /* 64 KiB */
    PAGES_MOST = 1024, /* 4 MiB: several rings full */
    ENTRIES_FIRST = 256,
    ENTRIES_MOST = 8192,
    /*
     * The first target beyond the first grant, and the most that one record can need: a COMMIT of
     * small arrays, with a page for each.
     */
    NEED_PAGES_MAX = 640,
    NEED_ENTRIES_MAX = 1024
};

/* What all sessions together may have ahead of need. */
static struct credit
most_ahead(const struct store *store)
{
    return (struct credit){.pages = store->table.header->segment_bytes[0] / LODE_PAGE / 8,
                           .entries = store->table.entry_max / 8};
}

static uint64_t
share_of(uint64_t all, uint64_t sessions, uint64_t most)
{
    uint64_t share = all / sessions;
    return share < 1 ? 1 : share < most ? share : most;
}

/* What one session's target may be: less when others come that put, too. */
static struct credit
share(const struct store *store)
{
    struct credit all = most_ahead(store);
    uint64_t sessions = (uint64_t)store->holder_count + 1;
    return (struct credit){.pages = share_of(all.pages, sessions, PAGES_MOST),
                           .entries = share_of(all.entries, sessions, ENTRIES_MOST)};
}

/* ---- ahead of need ---- */

/* How much the session lacks of its target, as far as all that is given stays within `most`. */
static uint64_t
missing(uint64_t left, uint64_t target, uint64_t given, uint64_t most)
{
    uint64_t want = target > left ? target - left : 0, may = most > given ? most - given : 0;
    return want < may ? want : may;
}

static void
fill_pages(struct store *store, struct session *session, uint64_t target)
{
    uint64_t want =
        missing(account_left(session).pages, target, store->credit_pages, most_ahead(store).pages);
    while (want > 0 && !arena_credit_reserve(store->arena, want)) {
        want /= 2;
    }
    account_grant(store, session, want, 0);
}

static void
fill_entries(struct store *store, struct session *session, uint64_t target)
{
    uint64_t want = missing(account_left(session).entries, target, store->credit_entries,
                            most_ahead(store).entries);
    account_grant(store, session, 0, table_reserve_some(&store->table, (uint32_t)want));
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t
grown(uint64_t target, uint64_t at_least, uint64_t most)
{
    return least(target * 2 > at_least ? target * 2 : at_least, most);
}

/* The first target of one that puts, and the one after all its credit was recalled. */
static void
begin_anew(struct session *session)
{
    session->pages_target = PAGES_FIRST;
    session->entries_target = ENTRIES_FIRST;
}

static void
grow_target(const struct store *store, struct session *session)
{
    struct credit most = share(store);
    session->pages_target = grown(session->pages_target, NEED_PAGES_MAX, most.pages);
    session->entries_target = grown(session->entries_target, NEED_ENTRIES_MAX, most.entries);
}

/* Ends a hold of the line that is over. */
static void
end_hold_in_time(struct store *store, int64_t now)
{
    if (store->line.holder != NULL) {
        line_end_hold_in_time(&store->line, arena_free_pages(store->arena), now);
    }
}

bool
credit_is_withheld(const struct store *store)
{
    return store->create_pages > 0 &&
           arena_free_pages(store->arena) + store->credit_pages >= store->create_pages &&
           arena_longest_pages(store->arena) >= store->create_pages;
}

/* pages_limit: of its target, at most. */
static void
fill(struct store *store, struct session *session, uint64_t pages_limit)
{
    struct credit most = share(store);
    uint64_t pages = least(session->pages_target, most.pages);
    uint64_t entries = least(session->entries_target, most.entries);
    if (store->line.holder != NULL) {
        end_hold_in_time(store, lode_now_ns());
    }
    if (!line_is_held(&store->line, session) && !credit_is_withheld(store)) {
        fill_pages(store, session, least(pages, pages_limit));
    }
    fill_entries(store, session, entries);
    holders_starve(store, session, !account_has(session, pages, entries));
}

/* ---- on demand ---- */

/* session.h [3]: what the record needs that a thread of the client waits to write. */
static struct credit
need_of(const struct session *session)
{
    const struct lode_session_header *header = (const struct lode_session_header *)session->file;
    if (!account_is_waited_for(session)) {
        return (struct credit){0};
    }
    uint32_t need = atomic_load_explicit(&header->credit_need, memory_order_relaxed);
    return (struct credit){.pages = least(need & 0xffff, NEED_PAGES_MAX),
                           .entries = least(need >> 16, NEED_ENTRIES_MAX)};
}

/*
 * A lean session has asked for credit for the first time: from now on it gets some ahead of need.
 */
static void
begin_to_put(struct store *store, struct session *session)
{
    if (session->entries_target == 0) {
        begin_anew(session);
        holders_starve(store, session, true);
    }
}

/* Grants all that the record needs, or nothing: a part would lie idle while others need it. */
static bool
grant_need(struct store *store, struct session *session, struct credit need)
{
    struct credit left = account_left(session);
    uint64_t pages = need.pages > left.pages ? need.pages - left.pages : 0;
    uint64_t entries = need.entries > left.entries ? need.entries - left.entries : 0;
    if (pages > 0 && !arena_credit_reserve(store->arena, pages)) {
        return false;
    }
    if (entries > 0 && table_reserve(&store->table, (uint32_t)entries) != LODE_OK) {
        arena_credit_give_back(store->arena, pages);
        return false;
    }
    account_grant(store, session, pages, entries);
    session->granted_ns = lode_now_ns(); /* its client has time to wake up and to spend it */
    session->active_ns = session->granted_ns;
    return true;
}

/* Those behind a session that no longer holds the line get pages from now on. */
static void
end_hold_of(struct store *store, const struct session *session)
{
    if (store->line.holder == session) {
        line_release(&store->line, session, lode_now_ns());
        store->freed_room = true;
    }
}

/* A session that needs no page (any more) does not hold the line, even while it lacks entries. */
static bool
holds_line(struct store *store, struct session *session, bool needs_pages, int64_t now)
{
    if (!needs_pages) {
        end_hold_of(store, session);
        return false;
    }
    return line_hold(&store->line, session, arena_free_pages(store->arena), now);
}

/* Its need is met. */
static void
leave_line(struct store *store, struct session *session)
{
    if (session->in_line) {
        end_hold_of(store, session);
        line_leave(&store->line, session, lode_now_ns());
    }
}

/*
 * Grants what the session's client waits for, or puts the session into the line. A session that
 * needs no page need not stand in the line: pages are what the line waits for.
 *
 * A session whose need is not met is starved: it has asked, though its credit was recalled before,
 * and is granted some as soon as there is room. Otherwise a client that does not wait, because
 * packets serve it, would lose its place in the line between two puts, and put by packet for ever.
 */
static void
meet_need(struct store *store, struct session *session)
{
    struct credit need = need_of(session), left = account_left(session);
    if (account_has(session, need.pages, need.entries)) {
        leave_line(store, session);
        return;
    }
    int64_t now = lode_now_ns();
    begin_to_put(store, session);
    end_hold_in_time(store, now);
    bool needs_pages = need.pages > left.pages;
    bool may_pass = !needs_pages || !line_is_held(&store->line, session);
    if (may_pass && grant_need(store, session, need)) {
        leave_line(store, session);
        return;
    }
    store->credit_lacks = true;
    holders_starve(store, session, true);
    line_add(&store->line, session);
    (void)holds_line(store, session, needs_pages, now);
}

/* ---- when ---- */

void
credit_start(struct store *store, struct session *session)
{
    if ((session->flags & LODE_HELLO_LEAN) == 0) {
        begin_anew(session);
        fill(store, session, PAGES_MOST);
    }
    account_publish(store, session);
}

void
credit_after_drain(struct store *store, struct session *session, uint64_t pages_before,
                   uint64_t entries_before)
{
    struct lode_session_row *row = &store->table.rows[session->row];
    struct credit left = account_left(session);
    uint64_t pages_spent = session->pages_used - pages_before;
    uint64_t entries_spent = session->entries_used - entries_before;
    if (pages_spent > 0 || entries_spent > 0) {
        session->active_ns = store->table.now_ns;
    }
    if ((pages_spent > 0 && left.pages < session->pages_target / 2) ||
        (entries_spent > 0 && left.entries < session->entries_target / 2)) {
        grow_target(store, session);
    }
    /*
     * [index.h 5] the position before the credit: a client that sees the credit sees the room, too.
     */
    atomic_store_explicit(&row->ring_head, session->ring_head, memory_order_release);
    if (pages_spent > 0 || entries_spent > 0 || session->starved) {
        meet_need(store, session);
        fill(store, session, PAGES_MOST);
        account_publish(store, session);
    }
    account_wake(store, session);
}

void
credit_rang(struct store *store, struct session *session, bool ring_grew)
{
    struct credit before = account_granted(session);
    meet_need(store, session);
    if (session->starved) {
        fill(store, session, PAGES_MOST);
    }
    if (ring_grew) {
        account_show(store, session);
    } else {
        account_publish_news(store, session, before);
    }
}

/*
 * Grants to the sessions of the line in the order of arrival. Those behind the session that holds
 * the line get no pages; a session that needs only entries is not held up.
 */
static void
feed_line(struct store *store)
{
    bool is_held = false;
    struct session **at = &store->line.first;
    int64_t now = *at != NULL ? lode_now_ns() : 0;
    end_hold_in_time(store, now);
    while (*at != NULL) {
        struct session *session = *at;
        struct credit need = need_of(session), before = account_granted(session);
        bool needs_pages = need.pages > account_left(session).pages;
        if ((!needs_pages || !is_held) && grant_need(store, session, need)) {
            account_publish_news(store, session, before);
            line_leave_at(&store->line, at, now);
            continue;
        }
        is_held = holds_line(store, session, needs_pages, now) || is_held;
        at = &session->line_next;
    }
}

/*
 * Grants to the sessions in turn, beginning with another one each time: each gets a little before
 * one gets much. The list is copied first: a session that gets enough leaves it.
 */
static void
feed_starved(struct store *store, uint64_t pages_limit)
{
    struct session *list[LODE_SESSION_ROWS];
    uint32_t count = store->starved_count;
    memcpy(list, store->starved, count * sizeof list[0]);
    for (uint32_t i = 0; i < count; i++) {
        struct session *session = list[(store->credit_turn + i) % count];
        struct credit before = account_granted(session);
        fill(store, session, pages_limit);
        account_publish_news(store, session, before);
    }
}

void
credit_feed(struct store *store)
{
    feed_line(store);
    if (store->line.holder == NULL && store->starved_count > 0) {
        feed_starved(store, PAGES_FIRST);
        feed_starved(store, PAGES_MOST);
        store->credit_turn++;
    }
}

bool
credit_anyone_waits(const struct store *store)
{
    return store->line.first != NULL;
}

void
credit_take_back(struct store *store, struct session *session)
{
    account_take_back(store, session);
    begin_anew(session);
    store->freed_room = true; /* it goes to those that wait */
}

void
credit_end(struct store *store, struct session *session)
{
    struct credit left = account_left(session);
    account_waste(store, left.pages, left.entries);
    account_spend(store, session, left.pages, left.entries);
    holders_end(store, session);
    store->freed_room = true; /* what it had goes to those that wait */
    if (session->in_line) {
        line_leave(&store->line, session, lode_now_ns());
    }
}
