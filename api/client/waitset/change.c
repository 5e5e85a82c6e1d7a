/* Adding ids to a wait set, and removing some: WATCH and UNWATCH, in packets of so many ids. */
#include "api/base/fail.h"
#include "api/client/channel/index_reader.h"
#include "api/client/store/await.h"
#include "api/client/store/wait.h"
#include "api/client/waitset/set.h"

#include <stdlib.h>

struct packet {
    struct lode_msg_watch head;
    lode_id ids[LODE_STORE_IDS_MAX];
};

static lode_err
ask(struct lode_waitset *set, struct packet *packet, uint8_t type, bool *sent_out)
{
    struct lode_store_calls *calls = &set->dependent.db->calls;
    struct lode_reply reply = {.type = LODE_MSG_OK, .answer_by = lode_answer_by()};
    size_t size = sizeof packet->head + packet->head.count * sizeof packet->ids[0];
    packet->head.head.type = type;
    packet->head.cookie = set->watch.cookie;
    lode_err err = lode_store_ask(calls, &packet->head.head, size, NULL, 0, &reply);
    *sent_out = reply.sent;
    return err;
}

static bool
is_there(lode *db, lode_id id)
{
    uint64_t word;
    const struct lode_entry *entry =
        lode_index_find(&db->index, id, lode_id_hash(id, db->index.hash_key), &word);
    return entry != NULL && lode_word_readable(word);
}

static lode_err
fail_full(void)
{
    return lode_fail_with(LODE_ELIMIT,
                          "a wait set has up to %d ids, and this one has them: take those that are "
                          "ready, remove others, or open a second set",
                          LODE_WAITSET_IDS_MAX);
}

/* What is there is ready at once. The others go into the packet. */
static lode_err
list_locked(struct lode_waitset *set, const lode_id *ids, size_t count, struct packet *packet)
{
    packet->head = (struct lode_msg_watch){.count = 0};
    LODE_TRY(lode_idset_reserve(&set->ids, (uint32_t)count));
    for (size_t i = 0; i < count; i++) {
        if (!lode_idset_add(&set->ids, ids[i])) {
            continue;
        }
        if (set->ids.count > LODE_WAITSET_IDS_MAX) {
            (void)lode_idset_remove(&set->ids, ids[i]);
            return fail_full();
        }
        if (is_there(set->dependent.db, ids[i])) {
            (void)lode_idset_ready(&set->ids, ids[i]);
        } else {
            packet->ids[packet->head.count++] = ids[i];
        }
    }
    return LODE_OK;
}

/* The store was not told of the ids in the packet. */
static void
unlist_locked(struct lode_waitset *set, const struct packet *packet)
{
    for (uint32_t i = 0; i < packet->head.count; i++) {
        (void)lode_idset_remove(&set->ids, packet->ids[i]);
    }
    lode_waitset_follow_locked(set);
}

static lode_err
fail_unless_all(const struct lode_msg_ready *refused, uint32_t starved)
{
    if (refused->status == LODE_FOUND_REFUSED) {
        return lode_fail_refused(refused);
    }
    return starved > 0
               ? lode_fail_with(LODE_ENOMEM, "the store has no memory to wait for %u ids", starved)
               : LODE_OK;
}

/*
 * Notices of what the store refuses come before its OK. The OK also wakes a taker that reads the
 * socket, for what was ready at once. Where nothing is asked for, a nudge does.
 */
static lode_err
add_some(struct lode_waitset *set, const lode_id *ids, size_t count, struct packet *packet)
{
    struct lode_store_calls *calls = &set->dependent.db->calls;
    bool sent = true;
    lode_mutex_lock(&calls->mu);
    set->refused = (struct lode_msg_ready){.status = 0};
    set->starved = 0;
    lode_err listed = list_locked(set, ids, count, packet);
    lode_waitset_follow_locked(set);
    bool nudge = set->takers != NULL && set->ids.ready_count > 0 && calls->has_leader;
    lode_mutex_unlock(&calls->mu);
    if (packet->head.count == 0) {
        if (nudge) {
            lode_store_nudge(calls);
        }
        return listed;
    }
    lode_err err = ask(set, packet, LODE_MSG_WATCH, &sent);
    lode_mutex_lock(&calls->mu);
    if (!sent) {
        unlist_locked(set, packet);
    }
    struct lode_msg_ready refused = set->refused;
    uint32_t starved = set->starved;
    lode_mutex_unlock(&calls->mu);
    LODE_TRY(err);
    LODE_TRY(fail_unless_all(&refused, starved));
    if (listed != LODE_OK) { /* said anew: the question may have had another sentence */
        return fail_full();
    }
    return LODE_OK;
}

static lode_err
remove_some(struct lode_waitset *set, const lode_id *ids, size_t count, struct packet *packet)
{
    struct lode_store_calls *calls = &set->dependent.db->calls;
    bool sent = true;
    packet->head = (struct lode_msg_watch){.count = 0};
    lode_mutex_lock(&calls->mu);
    for (size_t i = 0; i < count; i++) {
        if (lode_idset_remove(&set->ids, ids[i])) {
            packet->ids[packet->head.count++] = ids[i];
        }
    }
    lode_waitset_follow_locked(set);
    lode_mutex_unlock(&calls->mu);
    lode_err err = packet->head.count > 0 ? ask(set, packet, LODE_MSG_UNWATCH, &sent) : LODE_OK;
    if (!sent) {
        packet->head.head.tag = 0;
        lode_store_owe(&calls->socket, packet,
                       sizeof packet->head + packet->head.count * sizeof packet->ids[0], 0);
    }
    return err;
}

typedef lode_err change_fn(struct lode_waitset *set, const lode_id *ids, size_t count,
                           struct packet *packet);

/* In parts of one packet each. */
static lode_err
change(struct lode_waitset *set, const lode_id *ids, size_t count, change_fn *some)
{
    struct packet *packet = malloc(sizeof *packet);
    lode_err err = LODE_OK;
    if (packet == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for %zu ids of a wait set", count);
    }
    lode_mutex_lock(&set->changing);
    for (size_t i = 0; i < count && err == LODE_OK; i += LODE_STORE_IDS_MAX) {
        size_t left = count - i;
        err = some(set, ids + i, left < LODE_STORE_IDS_MAX ? left : LODE_STORE_IDS_MAX, packet);
    }
    lode_mutex_unlock(&set->changing);
    free(packet);
    return err;
}

lode_err
lode_waitset_add(lode_waitset *set, const lode_id *ids, size_t count)
{
    LODE_TRY(lode_waitset_check("lode_waitset_add", set));
    if (count > 0) {
        LODE_NEED("lode_waitset_add", ids);
    }
    for (size_t i = 0; i < count; i++) {
        if (lode_id_none(ids[i])) {
            return lode_fail_with(LODE_EINVAL, "lode_waitset_add: id %zu of %zu is zero", i, count);
        }
    }
    return change(set, ids, count, add_some);
}

lode_err
lode_waitset_remove(lode_waitset *set, const lode_id *ids, size_t count)
{
    LODE_TRY(lode_waitset_check("lode_waitset_remove", set));
    if (count > 0) {
        LODE_NEED("lode_waitset_remove", ids);
    }
    return change(set, ids, count, remove_some);
}
