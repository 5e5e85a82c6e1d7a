#include "store/rings/holders.h"

void
holders_starve(struct store *store, struct session *session, bool starved)
{
    if (starved == session->starved) {
        return;
    }
    session->starved = starved;
    if (starved) {
        session->starved_at = store->starved_count;
        store->starved[store->starved_count++] = session;
    } else {
        struct session *last = store->starved[--store->starved_count];
        store->starved[session->starved_at] = last;
        last->starved_at = session->starved_at;
    }
}

void
holders_add(struct store *store, struct session *session)
{
    if (!session->is_holder) {
        session->is_holder = true;
        session->holder_at = store->holder_count;
        store->holders[store->holder_count++] = session;
    }
}

void
holders_exchange(struct store *store, uint32_t a, uint32_t b)
{
    struct session *first = store->holders[a];
    store->holders[a] = store->holders[b];
    store->holders[a]->holder_at = a;
    store->holders[b] = first;
    first->holder_at = b;
}

void
holders_forget(struct store *store, struct session *session)
{
    if (session->is_holder) {
        holders_exchange(store, session->holder_at, store->holder_count - 1);
        store->holder_count--;
        session->is_holder = false;
    }
}

void
holders_end(struct store *store, struct session *session)
{
    holders_starve(store, session, false);
    holders_forget(store, session);
}
