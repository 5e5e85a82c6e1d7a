#include "store/requests/queries.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "store/objects/status.h"
#include "store/requests/later.h"
#include "store/rings/asking.h"
#include "store/state/answers.h"
#include "store/state/pins.h"

#include <string.h>

enum {
    INFO_MAX = (LODE_STORE_PACKET_MAX - sizeof(struct lode_msg_list)) / sizeof(lode_object_info),
    SCAN_MAX = 1 << 16 /* entries looked at for one packet */
};

static lode_state
public_state(enum lode_entry_state state)
{
    return state == LODE_ENTRY_CREATED ? LODE_STATE_CREATED : LODE_STATE_SEALED;
}

static void
fill_array(const struct store *store, uint32_t entry, lode_array *array)
{
    const struct lode_entry *at = &store->table.entries[entry];
    array->dtype = at->dtype;
    array->ndim = at->ndim;
    if (at->ndim == 0) {
        return;
    }
    memcpy(array->shape, at->u.shape, at->ndim * sizeof(int64_t));
    if ((at->flags & LODE_ENTRY_STRIDED) && entry_is_sealed(&store->table, entry)) {
        memcpy(array->strides, arena_address(store->arena, at->extent), at->ndim * sizeof(int64_t));
    } else if (!(at->flags & LODE_ENTRY_STRIDED)) {
        uint64_t step =
            1; /* may wrap around in an array without elements, where it means nothing */
        for (int i = at->ndim; i-- > 0; step *= (uint64_t)array->shape[i]) {
            array->strides[i] = (int64_t)step;
        }
    }
}

/* The kernel gives 0 for a process that our pid namespace does not have. */
static int64_t
public_pid(const struct session *maker)
{
    enum { UNSEEN = -1 };
    if (maker == NULL) {
        return 0;
    }
    return maker->pid != 0 ? maker->pid : UNSEEN;
}

static void
fill_info(const struct store *store, uint32_t entry, lode_object_info *info)
{
    const struct lode_entry *at = &store->table.entries[entry];
    const struct truth_entry *truth = &store->table.truths[entry];
    *info = (lode_object_info){
        .id = at->id,
        .state = public_state(entry_state(&store->table, entry)),
        .kind = (lode_kind)at->kind,
        .object_class = (lode_object_class)at->object_class,
        .size_bytes = at->size,
        .references = truth->refs,
        .age_ns = (uint64_t)lode_now_ns() - at->created_ns,
        .maker_session = truth->maker_session,
        .maker_pid = public_pid(store_session(store, truth->maker_session)),
    };
    fill_array(store, entry, &info->array);
}

static void
send_infos(struct store *store, struct session *session, uint32_t tag, uint64_t cursor,
           const uint32_t *entries, uint32_t count)
{
    lode_object_info infos[INFO_MAX];
    struct lode_msg_list reply = {
        .head = {.type = LODE_MSG_INFO, .tag = tag}, .cursor = cursor, .count = count};
    uint64_t pins[INFO_MAX];
    pins_count(store, entries, count, pins);
    for (uint32_t i = 0; i < count; i++) {
        fill_info(store, entries[i], &infos[i]);
        infos[i].pins = pins[i];
    }
    if (tag != 0) {
        session_send(session, &reply, sizeof reply, infos, count * sizeof infos[0]);
    }
}

static bool
is_listed(const struct store *store, uint32_t entry)
{
    enum lode_entry_state state = entry_state(&store->table, entry);
    static const lode_id zero;
    return (state == LODE_ENTRY_CREATED || entry_is_sealed(&store->table, entry)) &&
           !lode_id_same(store->table.entries[entry].id, zero) &&
           !(store->table.truths[entry].flags & TRUTH_DELETED) &&
           lode_id_kind(store->table.entries[entry].id) != LODE_ID_NAME;
}

static void
answer_stat(struct store *store, struct session *session, const void *packet)
{
    const struct lode_msg_lookup *msg = packet;
    uint32_t entry;
    if (!table_find(&store->table, msg->id, &entry) || !is_listed(store, entry)) {
        lode_err err = asking_refuse(msg->id, status_of(store, msg->id, NULL));
        session_fail(store, session, msg->head.tag, err);
        return;
    }
    send_infos(store, session, msg->head.tag, 0, &entry, 1);
}

lode_err
handle_stat(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
            size_t rest_size)
{
    const struct lode_msg_lookup *msg = packet;
    uint32_t entry;
    (void)rest;
    (void)rest_size;
    asking_status(store, msg->id, NULL);
    if (table_find(&store->table, msg->id, &entry) && store->table.truths[entry].refs == 0) {
        /* A get that comes after this would find the object gone. So this frees it first. */
        later_do(store, session, msg, sizeof *msg, answer_stat);
    } else {
        answer_stat(store, session, msg);
    }
    return LODE_OK;
}

static void
answer_list(struct store *store, struct session *session, const void *packet)
{
    const struct lode_msg_list *msg = packet;
    uint32_t entries[INFO_MAX], count = 0;
    uint64_t at = msg->cursor, stop = at + SCAN_MAX, end = store->table.entry_count;
    stop = at > end || stop > end ? end : stop;
    for (; at < stop && count < INFO_MAX; at++) {
        if (is_listed(store, (uint32_t)at)) {
            entries[count++] = (uint32_t)at;
        }
    }
    send_infos(store, session, msg->head.tag, at < end ? at : 0, entries, count);
}

lode_err
handle_list(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
            size_t rest_size)
{
    const struct lode_msg_list *msg = packet;
    (void)rest;
    (void)rest_size;
    if (msg->cursor == 0) {
        later_do(store, session, msg, sizeof *msg, answer_list);
    } else {
        answer_list(store, session, msg);
    }
    return LODE_OK;
}

static void
answer_stats(struct store *store, struct session *session, const void *packet)
{
    const struct lode_msg_head *msg = packet;
    const uint64_t *states = store->table.state_count;
    struct arena_stats arena;
    struct lode_msg_stats reply = {.head = {.type = LODE_MSG_STATS_ARE, .tag = msg->tag}};
    lode_store_stats *stats = &reply.stats;
    *stats = store->counts;
    arena_stats(store->arena, &arena);
    stats->capacity_bytes = arena.capacity_bytes;
    stats->used_bytes = arena.used_bytes;
    stats->free_bytes = arena.free_bytes;
    stats->committed_bytes = arena.committed_bytes;
    stats->largest_free_bytes = arena.largest_free_bytes;
    stats->unsealed_objects = states[LODE_ENTRY_CREATED];
    stats->unsealed_bytes = store->draft_bytes;
    stats->names = store->table.name_count;
    stats->objects = states[LODE_ENTRY_SEALED] + states[LODE_ENTRY_WANTED] +
                     states[LODE_ENTRY_DOOMED] - stats->names;
    stats->sessions = store->session_count;
    stats->uptime_ns = (uint64_t)(lode_now_ns() - store->started_ns);
    stats->store_pid = store->table.header->store_pid;
    stats->generation = store->table.header->generation;
    if (msg->tag != 0) {
        session_send(session, &reply, sizeof reply, NULL, 0);
    }
}

/* Frees what was dropped, and then counts. */
lode_err
handle_stats(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
             size_t rest_size)
{
    (void)rest;
    (void)rest_size;
    later_do(store, session, packet, sizeof(struct lode_msg_head), answer_stats);
    return LODE_OK;
}
