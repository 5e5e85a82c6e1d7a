#include "store/rings/account.h"

#include "api/system/futex.h"
#include "store/rings/holders.h"

struct credit
account_granted(const struct session *session)
{
    return (struct credit){session->pages_granted, session->entries_granted};
}

struct credit
account_left(const struct session *session)
{
    return (struct credit){.pages = session->pages_granted - session->pages_used,
                           .entries = session->entries_granted - session->entries_used};
}

bool
account_has(const struct session *session, uint64_t pages, uint64_t entries)
{
    struct credit left = account_left(session);
    return left.pages >= pages && left.entries >= entries;
}

bool
account_is_empty(const struct session *session)
{
    struct credit left = account_left(session);
    return left.pages == 0 && left.entries == 0;
}

void
account_spend(struct store *store, struct session *session, uint64_t pages, uint64_t entries)
{
    session->pages_used += pages;
    session->entries_used += entries;
    store->credit_pages -= pages;
    store->credit_entries -= entries;
}

void
account_waste(struct store *store, uint64_t pages, uint64_t entries)
{
    arena_credit_give_back(store->arena, pages);
    table_unreserve(&store->table, (uint32_t)entries);
}

void
account_grant(struct store *store, struct session *session, uint64_t pages, uint64_t entries)
{
    session->pages_granted += pages;
    session->entries_granted += entries;
    store->credit_pages += pages;
    store->credit_entries += entries;
    holders_add(store, session);
}

bool
account_is_waited_for(const struct session *session)
{
    const struct lode_session_header *header = (const struct lode_session_header *)session->file;
    return atomic_load_explicit(&header->credit_waits, memory_order_relaxed) != 0;
}

/* What the client may use up to. */
static void
show_limits(struct store *store, const struct session *session, uint64_t pages, uint64_t entries)
{
    struct lode_session_row *row = &store->table.rows[session->row];
    atomic_store_explicit(&row->credit_pages, pages, memory_order_release);
    atomic_store_explicit(&row->credit_entries, entries, memory_order_release);
}

void
account_publish(struct store *store, const struct session *session)
{
    show_limits(store, session, session->pages_granted, session->entries_granted);
}

/* session.h [3]: changes the word, and wakes only if a thread of the client may sleep on it. */
void
account_wake(struct store *store, const struct session *session)
{
    struct lode_session_row *row = &store->table.rows[session->row];
    atomic_fetch_add_explicit(&row->credit_wake, 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (account_is_waited_for(session)) {
        lode_futex_wake_all(&row->credit_wake);
    }
}

void
account_publish_news(struct store *store, const struct session *session, struct credit before)
{
    if (session->pages_granted != before.pages || session->entries_granted != before.entries) {
        account_show(store, session);
    }
}

void
account_hide(struct store *store, const struct session *session)
{
    show_limits(store, session, session->pages_used, session->entries_used);
}

void
account_show(struct store *store, const struct session *session)
{
    account_publish(store, session);
    account_wake(store, session);
}

void
account_take_back(struct store *store, struct session *session)
{
    struct credit left = account_left(session);
    account_waste(store, left.pages, left.entries);
    session->pages_granted -= left.pages;
    session->entries_granted -= left.entries;
    store->credit_pages -= left.pages;
    store->credit_entries -= left.entries;
}
