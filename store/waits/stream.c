#include "store/waits/stream.h"

#include "store/waits/wakes.h"

static void
publish(struct store *store, const struct session *session)
{
    atomic_store_explicit(&store->table.rows[session->row].awaited, session->is_stream,
                          memory_order_seq_cst);
}

void
stream_awaited(struct store *store, lode_id id)
{
    struct session *maker = store_session(store, lode_id_session(id));
    if (!lode_id_is_reserved(id) || maker == NULL || maker->left || maker->is_stream) {
        return;
    }
    maker->is_stream = true;
    store->stream_count++;
    maker->idle_seals = 0;
    publish(store, maker);
    store->stream_began = true;
}

void
stream_decided(struct store *store, lode_id id)
{
    struct session *maker =
        lode_id_is_reserved(id) ? store_session(store, lode_id_session(id)) : NULL;
    if (maker == NULL || !maker->is_stream) {
        return;
    }
    if (maker->idle_seals == STREAM_IDLE) {
        stream_end(store, maker);
    } else {
        maker->idle_seals++; /* back to 0 if this one wakes somebody */
        wakes_mark_for(store, id, maker);
    }
}

void
stream_end(struct store *store, struct session *session)
{
    if (session->is_stream) {
        session->is_stream = false;
        store->stream_count--;
        publish(store, session);
        wakes_mark_all(store); /* after that: a client that read the word before is woken */
    }
}
