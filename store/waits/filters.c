#include "store/waits/filters.h"

#include "api/base/fail.h"
#include "api/layout/id_filter.h"
#include "store/waits/notices.h"
#include "store/waits/pool.h"
#include "store/waits/wakes.h"

#include <stdlib.h>
#include <string.h>

struct filter {
    struct session *session;
    uint64_t cookie;
    uint64_t bytes, filled; /* of the bits; the same: it is armed */
    uint32_t count;         /* the waits that its session is charged with */
    uint32_t told;          /* since the client had read all that was sent to it */
    uint32_t log2;
    bool promised;  /* it may have ids of sessions */
    uint32_t set;   /* how many bits are 1: no more than it has ids and rows */
    uint8_t bits[]; /* of these `filled` bytes */
};

static bool
is_armed(const struct filter *filter)
{
    return filter->filled == filter->bytes;
}

/* ---- begun, filled and taken away ---- */

static lode_err
check_limits(const struct filters *filters, const struct session *session, uint32_t count)
{
    uint32_t of_session = 0;
    if (session->wait_count + (uint64_t)count > LODE_SESSION_WAITS_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "one session waits for %u ids, and with %u more it would for more "
                              "than %d: wait for fewer at a time, or open another session",
                              session->wait_count, count, LODE_SESSION_WAITS_MAX);
    }
    for (uint32_t i = 0; i < filters->count; i++) {
        of_session += filters->list[i]->session == session;
    }
    return filters->count == FILTERS_MAX || of_session >= FILTERS_OF_SESSION_MAX
               ? lode_fail_with(LODE_ELIMIT, "no more filters of ids can be watched")
               : LODE_OK;
}

lode_err
filters_begin(struct store *store, struct session *session, const struct lode_msg_watch_filter *msg)
{
    struct filters *filters = &store->waits->filters;
    LODE_TRY(check_limits(filters, session, msg->count));
    struct filter *filter = malloc(sizeof *filter + lode_filter_bytes(msg->log2));
    if (filter == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory to watch %u ids", msg->count);
    }
    *filter = (struct filter){.session = session,
                              .cookie = msg->cookie,
                              .bytes = lode_filter_bytes(msg->log2),
                              .count = msg->count,
                              .log2 = msg->log2,
                              .promised = msg->promised != 0};
    filters->list[filters->count++] = filter;
    session->wait_count += msg->count;
    if (filter->promised) {
        wakes_arm_all(store);
    }
    return LODE_OK;
}

static struct filter *
find_filling(const struct filters *filters, const struct session *session, uint64_t cookie)
{
    for (uint32_t i = 0; i < filters->count; i++) {
        struct filter *filter = filters->list[i];
        if (filter->session == session && filter->cookie == cookie && !is_armed(filter)) {
            return filter;
        }
    }
    return NULL;
}

static uint32_t
count_bits(const uint8_t *bytes, size_t size)
{
    uint32_t count = 0;
    uint64_t word;
    for (size_t i = 0; i < size; i += sizeof word) {
        size_t left = size - i;
        word = 0;
        memcpy(&word, bytes + i, left < sizeof word ? left : sizeof word);
        count += (uint32_t)__builtin_popcountll(word);
    }
    return count;
}

lode_err
filters_fill(const struct store *store, const struct session *session, uint64_t cookie, uint64_t at,
             const void *bytes, size_t size)
{
    struct filter *filter = find_filling(&store->waits->filters, session, cookie);
    if (filter == NULL || at != filter->filled || size == 0 || size > filter->bytes - at) {
        return lode_fail_with(LODE_EPROTO, "%zu bytes of a filter at %llu", size,
                              (unsigned long long)at);
    }
    memcpy(filter->bits + at, bytes, size);
    filter->filled += size;
    filter->set += count_bits(bytes, size);
    return filter->set <= filter->count
               ? LODE_OK
               : lode_fail_with(LODE_EPROTO, "a filter of %u ids has more bits", filter->count);
}

static void
end(struct store *store, uint32_t i)
{
    struct filters *filters = &store->waits->filters;
    struct filter *filter = filters->list[i];
    filter->session->wait_count -= filter->count;
    filters->list[i] = filters->list[--filters->count];
    if (filter->promised) {
        wakes_disarm_all(store);
    }
    free(filter);
}

void
filters_unwatch(struct store *store, const struct session *session, uint64_t cookie)
{
    struct filters *filters = &store->waits->filters;
    for (uint32_t i = filters->count; i-- > 0;) { /* the last one moves up */
        if (filters->list[i]->session == session && filters->list[i]->cookie == cookie) {
            end(store, i);
        }
    }
}

void
filters_end_session(struct store *store, const struct session *session)
{
    struct filters *filters = &store->waits->filters;
    for (uint32_t i = filters->count; i-- > 0;) {
        if (filters->list[i]->session == session) {
            end(store, i);
        }
    }
}

void
filters_destroy(struct filters *filters)
{
    while (filters->count > 0) {
        free(filters->list[--filters->count]);
    }
}

/* ---- telling ---- */

_Static_assert((uint64_t)LODE_SESSION_WAITS_MAX *(sizeof(struct lode_msg_watch) +
                                                  sizeof(struct lode_msg_ready)) +
                       FILTERS_UNREAD_MAX + FILTERS_OF_SESSION_MAX * LODE_STORE_PACKET_MAX <
                   OUTBOX_MAX,
               "outbox.h");

static bool
tells(const struct filter *filter)
{
    return is_armed(filter) && !filter->session->ended && !filter->session->left;
}

static bool
may_have(const struct filter *filter, lode_id id, uint64_t hash)
{
    enum lode_id_kind kind = lode_id_kind(id);
    return (kind == LODE_ID_USER || (filter->promised && kind != LODE_ID_NAME)) &&
           lode_filter_has(filter->bits, lode_filter_at(hash, filter->log2));
}

/* False: so much is not read that the filter has ended, and has said so. */
static bool
tell(struct store *store, uint32_t i, lode_id id, enum lode_found status, bool is_error)
{
    struct filter *filter = store->waits->filters.list[i];
    struct session *session = filter->session;
    if (outbox_is_empty(&session->out)) {
        filter->told = 0;
    }
    if (filter->told >= filter->count && session->out.bytes > FILTERS_UNREAD_MAX) {
        notices_add(store, session, (lode_id){{0}}, filter->cookie, LODE_FOUND_STARVED, false);
        end(store, i);
        return false;
    }
    filter->told++;
    notices_add(store, session, id, filter->cookie, status, is_error);
    return true;
}

static void
tell_one_filter(struct store *store, uint32_t i)
{
    const struct filter *filter = store->waits->filters.list[i];
    for (uint32_t j = 0; j < store->decided.count; j++) {
        const struct decision *decision = &store->decided.list[j];
        if (decision->status != LODE_FOUND_PENDING &&
            may_have(filter, decision->id, table_hash(&store->table, decision->id)) &&
            !tell(store, i, decision->id, decision->status, decision->is_error)) {
            return;
        }
    }
}

/* Filter by filter: what gathers for one goes out as one packet. */
void
filters_tell_decided(struct store *store)
{
    struct filters *filters = &store->waits->filters;
    for (uint32_t i = filters->count; i-- > 0;) {
        if (tells(filters->list[i])) {
            tell_one_filter(store, i);
        }
    }
}

void
filters_look_at_row(struct store *store, uint64_t session)
{
    struct filters *filters = &store->waits->filters;
    lode_id row = lode_filter_row(session);
    for (uint32_t i = filters->count; i-- > 0;) {
        if (tells(filters->list[i]) && filters->list[i]->promised &&
            may_have(filters->list[i], row, table_hash(&store->table, row))) {
            (void)tell(store, i, (lode_id){{0}}, LODE_FOUND_LOOK, false);
        }
    }
}

bool
filters_any(const struct store *store, lode_id id, uint64_t hash)
{
    const struct filters *filters = &store->waits->filters;
    bool any = false;
    for (uint32_t i = 0; i < filters->count; i++) {
        any |= tells(filters->list[i]) && may_have(filters->list[i], id, hash);
    }
    return any;
}

void
filters_look_at_all(struct store *store)
{
    struct filters *filters = &store->waits->filters;
    for (uint32_t i = filters->count; i-- > 0;) {
        if (tells(filters->list[i])) {
            (void)tell(store, i, (lode_id){{0}}, LODE_FOUND_LOOK, false);
        }
    }
}
