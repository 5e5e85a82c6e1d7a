#include "store/requests/failures.h"

#include "api/base/fail.h"
#include "api/base/log.h"
#include "store/objects/drafts.h"
#include "store/objects/settled.h"
#include "store/objects/status.h"
#include "store/requests/create_entry.h"
#include "store/rings/asking.h"
#include "store/rings/part.h"
#include "store/rings/recall.h"
#include "store/state/answers.h"

/* One of the error objects on its way. */
struct made {
    uint32_t entry;
    bool is_short;
};

static lode_err
check(const struct session *session, const struct lode_msg_fail *msg, size_t rest_size)
{
    if (!(session->flags & LODE_HELLO_SCHEDULER)) {
        return lode_fail_with(LODE_EPROTO, "only the scheduler says that a task has failed");
    }
    if (msg->count == 0 || msg->count > RING_PARTS_MAX || msg->short_size == 0 ||
        msg->short_size > LODE_INLINE_MAX || msg->size > rest_size ||
        rest_size - msg->size != msg->short_size) {
        return lode_fail_with(LODE_EPROTO, "%u failed results, %u and %u bytes in %zu", msg->count,
                              msg->size, msg->short_size, rest_size);
    }
    lode_id last = lode_id_plus(msg->results, msg->count - 1);
    if (lode_id_kind(msg->results) != LODE_ID_RESULT || lode_id_session(msg->results) == 0 ||
        lode_id_low(last) < lode_id_low(msg->results)) {
        return lode_fail_with(LODE_EPROTO, "a task has failed whose results are no results");
    }
    return LODE_OK;
}

/* True if the result is sealed, was made and freed, or is on its way: another attempt was first. */
static bool
is_taken(const struct store *store, lode_id id)
{
    uint32_t entry;
    bool is_there = table_find(&store->table, id, &entry) &&
                    entry_state(&store->table, entry) != LODE_ENTRY_EXPECTED;
    return is_there || status_was_made(store, id);
}

static struct create
request_for(struct session *session, const struct lode_msg_fail *msg, const uint8_t *rest,
            lode_id id, bool is_short)
{
    struct create create = {.session = session, .is_put = true, .rest = rest};
    create.rest += is_short ? msg->size : 0;
    create.rest_size = is_short ? msg->short_size : msg->size;
    create.desc = (struct object_desc){.id = id, .size = create.rest_size, .kind = LODE_KIND_ERROR};
    create.stored = object_stored(&create.desc);
    return create;
}

static lode_err
make_one(struct store *store, struct session *session, const struct lode_msg_fail *msg,
         const uint8_t *rest, lode_id id, struct made *made_out)
{
    struct create create = request_for(session, msg, rest, id, false);
    uint64_t extent = LODE_EXTENT_INLINE;
    made_out->is_short =
        create.stored > 0 && object_room_now(&store->table, create.stored, &extent) != LODE_OK;
    if (made_out->is_short) {
        create = request_for(session, msg, rest, id, true);
    }
    return create_entry(store, &create, extent, &made_out->entry);
}

static void
seal_one(struct store *store, struct session *session, const struct lode_msg_fail *msg,
         const uint8_t *rest, const struct made *made)
{
    lode_id id = store->table.entries[made->entry].id;
    struct create create = request_for(session, msg, rest, id, made->is_short);
    create_write(store, &create, made->entry);
    create_seal(store, made->entry);
}

/*
 * Finds an entry for each result before any of them changes, or makes none. If one entry that was
 * EXPECTED became a draft, and the next result found none, no entry would be left to which the
 * references could be given back.
 */
static lode_err
find_entries(struct store *store, const struct lode_msg_fail *msg)
{
    uint32_t missing = 0, entry;
    for (uint32_t i = 0; i < msg->count; i++) {
        lode_id id = lode_id_plus(msg->results, i);
        missing += !table_find(&store->table, id, &entry) && !is_taken(store, id);
    }
    lode_err err = table_reserve(&store->table, missing);
    if (err != LODE_OK && recall(store, NULL)) {
        err = table_reserve(&store->table, missing);
    }
    if (err != LODE_OK) {
        object_spend_spare(&store->table);
        err = table_reserve(&store->table, missing);
    }
    LODE_TRY(err);
    table_unreserve(&store->table, missing);
    return LODE_OK;
}

static lode_err
make_all(struct store *store, struct session *session, const struct lode_msg_fail *msg,
         const uint8_t *rest)
{
    struct made made[RING_PARTS_MAX];
    uint32_t count = 0;
    lode_err err = find_entries(store, msg);
    for (uint32_t i = 0; i < msg->count && err == LODE_OK; i++) {
        lode_id id = lode_id_plus(msg->results, i);
        if (!is_taken(store, id)) {
            err = make_one(store, session, msg, rest, id, &made[count]);
            count += err == LODE_OK;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (err == LODE_OK) {
            seal_one(store, session, msg, rest, &made[i]);
        } else {
            draft_abort(store, made[i].entry);
        }
    }
    object_refill_spare(&store->table);
    return err;
}

/* No error object can be made: those who wait for the results must not wait for ever. */
static void
give_up_all(struct store *store, const struct lode_msg_fail *msg)
{
    lode_log("RESULTS-GIVEN-UP",
             "%u results of a failed task are gone, since no error can be kept: "
             "%s",
             msg->count, lode_last_error());
    for (uint32_t i = 0; i < msg->count; i++) {
        lode_id id = lode_id_plus(msg->results, i);
        if (!is_taken(store, id)) {
            settled_give_up(store, id);
        }
    }
}

lode_err
handle_fail(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
            size_t rest_size)
{
    const struct lode_msg_fail *msg = packet;
    uint32_t entry;
    LODE_TRY(check(session, msg, rest_size));
    /* This drains the rings of those who make results, so that no error overtakes one. */
    bool is_late = asking_status(store, msg->results, &entry) == LODE_FOUND_SEALED ||
                   is_taken(store, msg->results);
    if (!is_late && make_all(store, session, msg, rest) != LODE_OK) {
        give_up_all(store, msg);
    }
    session_ok(session, msg->head.tag);
    return LODE_OK;
}
