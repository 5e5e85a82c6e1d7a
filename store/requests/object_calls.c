#include "store/requests/object_calls.h"

#include "api/base/fail.h"
#include "store/objects/own.h"
#include "store/objects/lists.h"
#include "store/objects/drafts.h"
#include "store/objects/decided.h"
#include "store/rings/asking.h"
#include "store/state/doze.h"
#include "store/state/file.h"
#include "store/state/forks.h"
#include "store/freeing/freeing.h"
#include "store/objects/quota.h"
#include "store/requests/later.h"
#include "store/requests/slow.h"
#include "store/rings/ring.h"
#include "store/state/answers.h"
#include "store/objects/strides.h"
#include "store/table/names.h"
#include "store/waits/follow.h"

#include <string.h>
#include <unistd.h>

/* The session's own draft, by the numbers that CREATED gave. */
static lode_err
find_draft(struct store *store, const struct session *session, const struct lode_msg_draft *msg)
{
    const struct table *table = &store->table;
    if (msg->entry >= table->entry_count ||
        entry_word(table, msg->entry) != lode_word_make(msg->generation, LODE_ENTRY_CREATED) ||
        table->truths[msg->entry].maker_session != session->number ||
        (table->truths[msg->entry].flags & TRUTH_UNREADY)) {
        return lode_fail_with(LODE_EINVAL, "the draft is not open: it was sealed or aborted "
                                           "before, or is another session's");
    }
    return LODE_OK;
}

lode_err
handle_seal(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
            size_t rest_size)
{
    static const lode_id zero;
    const struct lode_msg_draft *msg = packet;
    lode_err err = find_draft(store, session, msg);
    (void)rest;
    (void)rest_size;
    if (err == LODE_OK && lode_id_same(store->table.entries[msg->entry].id, zero)) {
        err = lode_fail_with(LODE_EINVAL, "a draft without an id is sealed by a commit");
    }
    if (err != LODE_OK) {
        session_fail(store, session, msg->head.tag, err);
        return LODE_OK;
    }
    lists_draft_unlink(store, msg->entry);
    strides_write(&store->strides, &store->table, msg->entry);
    object_become(&store->table, msg->entry, LODE_ENTRY_CREATED, LODE_ENTRY_SEALED);
    own_sealed(store, msg->entry);
    session_ok(session, msg->head.tag);
    return LODE_OK;
}

lode_err
handle_abort(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
             size_t rest_size)
{
    const struct lode_msg_draft *msg = packet;
    lode_err err = find_draft(store, session, msg);
    (void)rest;
    (void)rest_size;
    if (err != LODE_OK) {
        session_fail(store, session, msg->head.tag, err);
        return LODE_OK;
    }
    draft_abort(store, msg->entry);
    session_ok(session, msg->head.tag);
    return LODE_OK;
}

/* Ends all that leads to an entry without names. The entry itself goes with its last pin. */
static void
delete_entry(struct store *store, uint32_t entry)
{
    lode_id id = store->table.entries[entry].id;
    table_remove(&store->table, entry);
    store->table.truths[entry].flags |= TRUTH_DELETED;
    refs_forget(&store->table, entry);
    holds_forget(&store->table, entry);
    candidate_add(&store->table, entry);
    decided_add(store, id, LODE_FOUND_GONE, false);
}

/* Ends the names first. The object may go in the meantime, and another one come into its entry. */
static bool
delete_part(struct store *store, struct chore *chore)
{
    struct session *session = slow_session(chore);
    struct slow_packet *slow = &session->slow;
    uint32_t entry;
    if (slow_is_over(session)) {
        return true;
    }
    if (table_find(&store->table, slow->id, &entry) && entry_is_sealed(&store->table, entry)) {
        bool was_last = names_forget_part(&store->table, entry, &slow->next, CHORE_LOOKS);
        follow_ended(store);
        if (!was_last) {
            return false;
        }
        delete_entry(store, entry);
    }
    session_ok(session, slow->msg.head.tag);
    return true;
}

lode_err
handle_delete(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
              size_t rest_size)
{
    const struct lode_msg_lookup *msg = packet;
    uint32_t entry;
    lode_err err = LODE_OK;
    enum lode_found status = asking_status(store, msg->id, &entry);
    (void)rest;
    (void)rest_size;
    if (lode_id_kind(msg->id) == LODE_ID_NAME) {
        err = lode_fail_with(LODE_EINVAL, "a name is not deleted but removed");
    } else if (status == LODE_FOUND_SEALED) {
        struct slow_packet *slow = &session->slow;
        slow->msg.head = msg->head;
        slow->id = msg->id;
        slow->next = UINT32_MAX;
        if (!delete_part(store, &slow->chore)) {
            chores_give(store, &slow->chore, delete_part);
        }
        return LODE_OK;
    } else if (table_find(&store->table, msg->id, &entry) &&
               entry_state(&store->table, entry) == LODE_ENTRY_CREATED) {
        err = lode_fail_with(LODE_EAGAIN, "the object is still being written");
    } else {
        err = asking_refuse(msg->id, status);
    }
    if (err != LODE_OK) {
        session_fail(store, session, msg->head.tag, err);
    } else {
        session_ok(session, msg->head.tag);
    }
    return LODE_OK;
}

static void
answer_take(struct store *store, struct session *session, const void *packet)
{
    const struct lode_msg_lookup *msg = packet;
    lode_err err = quota_take(store, session, msg->id);
    if (err != LODE_OK) {
        session_fail(store, session, msg->head.tag, err);
    } else {
        session_ok(session, msg->head.tag);
    }
}

/*
 * Takes a reference. Where that would be refused, the store first frees what was dropped: it does
 * not count any more then.
 */
lode_err
handle_take(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
            size_t rest_size)
{
    const struct lode_msg_lookup *msg = packet;
    (void)rest;
    (void)rest_size;
    if (quota_take(store, session, msg->id) == LODE_OK) {
        session_ok(session, msg->head.tag);
    } else {
        later_do(store, session, msg, sizeof *msg, answer_take);
    }
    return LODE_OK;
}

lode_err
handle_segment(struct store *store, struct session *session, const void *packet,
               const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_segment *msg = packet;
    struct lode_msg_segment reply = {.head = {.type = LODE_MSG_SEGMENT_FD, .tag = msg->head.tag},
                                     .segment = msg->segment};
    int fds[2];
    (void)rest;
    (void)rest_size;
    lode_err err = arena_segment(store->arena, msg->segment, &reply.bytes, &fds[0], &fds[1]);
    if (err != LODE_OK) {
        session_fail(store, session, msg->head.tag, err);
    } else if (msg->head.tag != 0) {
        session_send_fds(session, &reply, sizeof reply, fds, 2);
    }
    return LODE_OK;
}

lode_err
handle_grow_pins(struct store *store, struct session *session, const void *packet,
                 const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_pins *msg = packet;
    lode_err err = file_grow_pins(session, msg->slots);
    (void)rest;
    (void)rest_size;
    if (err != LODE_OK) {
        session_fail(store, session, msg->head.tag, err);
    } else if (msg->head.tag != 0) {
        struct lode_msg_pins pins = {.head = {.type = LODE_MSG_PINS, .tag = msg->head.tag},
                                     .slots = session->pin_slots};
        session_send(session, &pins, sizeof pins, NULL, 0);
    }
    return LODE_OK;
}

lode_err
handle_released(struct store *store, struct session *session, const void *packet,
                const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_released *msg = packet;
    (void)rest;
    (void)rest_size;
    doze_wake(store, session); /* or the copy of the pin would be believed once more */
    freeing_released(store, msg->entry, msg->generation);
    return LODE_OK;
}

static void
answer_fork(struct store *store, struct session *session, uint32_t tag, struct fork *fork)
{
    struct lode_msg_head kept = {.type = LODE_MSG_KEPT, .tag = tag};
    int fds[2];
    lode_err err = forks_keep(store, session, fork, fds);
    if (err != LODE_OK) {
        session_fail(store, session, tag, err);
        return;
    }
    if (tag != 0) {
        session_send_fds(session, &kept, sizeof kept, fds, 2);
    }
    close(fds[0]);
    close(fds[1]);
}

static bool
fork_part(struct store *store, struct chore *chore)
{
    struct session *session = slow_session(chore);
    struct slow_packet *slow = &session->slow;
    if (session->ended || session->cut) {
        forks_forget(slow->fork);
    } else if (!forks_copy_part(store, session, slow->fork) ||
               (!session->left && forks_must_wait(store, session, slow->fork))) {
        return false; /* one that leaves has this done at once: it cannot wait for another chore */
    } else {
        answer_fork(store, session, slow->msg.head.tag, slow->fork);
    }
    return true;
}

lode_err
handle_fork(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
            size_t rest_size)
{
    struct slow_packet *slow = &session->slow;
    (void)rest;
    (void)rest_size;
    memcpy(&slow->msg.head, packet, sizeof slow->msg.head);
    lode_err err = forks_begin(session, &slow->fork);
    if (err != LODE_OK) {
        session_fail(store, session, slow->msg.head.tag, err);
    } else if (!fork_part(store, &slow->chore)) {
        chores_give(store, &slow->chore, fork_part);
    }
    return LODE_OK;
}
