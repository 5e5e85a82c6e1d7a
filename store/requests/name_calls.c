#include "store/requests/name_calls.h"

#include "api/base/fail.h"
#include "store/objects/decided.h"
#include "store/rings/asking.h"
#include "store/state/answers.h"
#include "store/table/names.h"
#include "store/waits/follow.h"

#include <string.h>

enum { EVERY_SPACE = 0xffff };

static lode_err
read_name(struct store *store, const struct lode_msg_name *msg, const uint8_t *rest,
          size_t rest_size, struct name_text *text_out)
{
    if ((size_t)msg->space_size + msg->name_size != rest_size) {
        return lode_fail_with(LODE_EPROTO, "a name of %u and %u bytes in %zu", msg->space_size,
                              msg->name_size, rest_size);
    }
    return name_make_text(&store->table, rest, msg->space_size, rest + msg->space_size,
                          msg->name_size, text_out);
}

/* Errors: LODE_EPROTO: the packet breaks a rule; others are for the client. */
static lode_err
find_name(struct store *store, const struct lode_msg_name *msg, const uint8_t *rest,
          size_t rest_size, uint32_t *name_out)
{
    struct name_text text;
    LODE_TRY(read_name(store, msg, rest, rest_size, &text));
    return name_find(&store->table, &text, name_out);
}

static void
answer(struct store *store, struct session *session, uint32_t tag, lode_err err)
{
    if (err != LODE_OK) {
        session_fail(store, session, tag, err);
    } else {
        session_ok(session, tag);
    }
}

static lode_err
find_sealed(struct store *store, lode_id id, uint32_t *entry_out)
{
    if (lode_id_kind(id) == LODE_ID_NAME) {
        return lode_fail_with(LODE_EINVAL, "a name cannot be bound to a name");
    }
    switch (asking_status(store, id, entry_out)) {
    case LODE_FOUND_SEALED:
        return LODE_OK;
    case LODE_FOUND_PENDING:
        return lode_fail_with(LODE_EAGAIN, "the object is not there yet: wait for it first");
    default:
        return lode_fail_with(LODE_EGONE, "there is no such object");
    }
}

lode_err
handle_name_set(struct store *store, struct session *session, const void *packet,
                const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_name *msg = packet;
    struct name_text text;
    uint32_t object, name;
    bool is_new = false;
    lode_err err = read_name(store, msg, rest, rest_size, &text);
    if (err == LODE_EPROTO) {
        return err;
    }
    if (err == LODE_OK) {
        err = find_sealed(store, msg->id, &object);
    }
    if (err == LODE_OK) {
        err = name_bind(&store->table, &text, object, (msg->flags & LODE_NAME_REPLACE) != 0, &name,
                        &is_new);
    }
    if (err == LODE_OK && is_new) {
        decided_add(store, text.id, LODE_FOUND_SEALED, false);
    } else if (err == LODE_OK) {
        follow_bound(store, name);
    }
    answer(store, session, msg->head.tag, err);
    return LODE_OK;
}

lode_err
handle_name_lookup(struct store *store, struct session *session, const void *packet,
                   const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_name *msg = packet;
    uint32_t name;
    lode_err err = find_name(store, msg, rest, rest_size, &name);
    if (err == LODE_EPROTO) {
        return err;
    }
    uint32_t object = err == LODE_OK ? name_object(&store->table, name) : 0;
    if (err == LODE_OK) {
        err = ref_take(&store->table, object, session->row);
    }
    if (err != LODE_OK && err != LODE_ENOTFOUND) {
        session_fail(store, session, msg->head.tag, err);
        return LODE_OK;
    }
    struct lode_msg_found found = {.head = {.type = LODE_MSG_FOUND, .tag = msg->head.tag},
                                   .status = LODE_FOUND_PENDING};
    if (err == LODE_OK) {
        found.status = LODE_FOUND_SEALED;
        found.id = store->table.entries[object].id;
    }
    if (msg->head.tag != 0) {
        session_send(session, &found, sizeof found, NULL, 0);
    }
    return LODE_OK;
}

lode_err
handle_name_remove(struct store *store, struct session *session, const void *packet,
                   const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_name *msg = packet;
    uint32_t name;
    lode_err err = find_name(store, msg, rest, rest_size, &name);
    if (err == LODE_EPROTO) {
        return err;
    }
    if (err == LODE_OK) {
        name_unbind(&store->table, name);
        follow_ended(store);
    }
    answer(store, session, msg->head.tag, err);
    return LODE_OK;
}

/* ---- listing ---- */

static bool
in_space(const char *text, size_t size, const uint8_t *space, uint32_t space_size)
{
    if (space_size == EVERY_SPACE) {
        return true;
    }
    return size > space_size && text[space_size] == '\0' &&
           (space_size == 0 || memcmp(text, space, space_size) == 0);
}

static size_t
write_name(const struct store *store, uint32_t name, uint8_t *at)
{
    size_t size;
    const char *text = name_text_of(&store->table, name, &size);
    size_t space = strnlen(text, size), rest = size - space - 1;
    struct lode_msg_name head = {.head = {.type = LODE_MSG_NAMES},
                                 .id = store->table.entries[name_object(&store->table, name)].id,
                                 .space_size = (uint16_t)space,
                                 .name_size = (uint16_t)rest};
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, text, space);
    memcpy(at + sizeof head + space, text + space + 1, rest);
    return sizeof head + space + rest;
}

/*
 * Lists from the last name to the first. When a name goes meanwhile, the last one takes its place,
 * and that was listed already: so none is left out. The cursor is the number of names that are
 * still to be listed.
 */
lode_err
handle_name_list(struct store *store, struct session *session, const void *packet,
                 const uint8_t *rest, size_t rest_size)
{
    const struct lode_msg_name *msg = packet;
    enum { ROOM = LODE_STORE_PACKET_MAX - sizeof(struct lode_msg_list) };
    uint8_t names[ROOM];
    size_t used = 0;
    struct lode_msg_list reply = {.head = {.type = LODE_MSG_NAMES, .tag = msg->head.tag}};
    if (msg->space_size != EVERY_SPACE && msg->space_size > rest_size) {
        return lode_fail_with(LODE_EPROTO, "a namespace of %u bytes in %zu", msg->space_size,
                              rest_size);
    }
    uint64_t left = store->table.name_count;
    left = msg->cursor != 0 && msg->cursor < left ? msg->cursor : left;
    while (left > 0 && used + sizeof *msg + LODE_NAME_TEXT_MAX <= ROOM) {
        uint32_t name = store->table.names[--left];
        size_t size;
        const char *text = name_text_of(&store->table, name, &size);
        if (in_space(text, size, rest, msg->space_size)) {
            used += write_name(store, name, names + used);
            reply.count++;
        }
    }
    reply.cursor = left;
    if (msg->head.tag != 0) {
        session_send(session, &reply, sizeof reply, names, used);
    }
    return LODE_OK;
}
