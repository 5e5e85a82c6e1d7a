#include "api/base/fail.h"
#include "api/client/session/session.h"
#include "api/client/store/await.h"
#include "api/client/store/names.h"

#include <stdlib.h>

lode_err
lode_name_make(const lode *db, const char *space, const char *text, struct lode_name *name_out)
{
    LODE_TRY(lode_session_check(db));
    if (text == NULL) {
        return lode_fail_with(LODE_EINVAL, "the name is NULL");
    }
    struct lode_name name = {.space = space != NULL ? space : "", .text = text};
    name.space_size = strlen(name.space);
    name.text_size = strlen(text);
    LODE_TRY(lode_name_check("namespace", name.space, name.space_size, true));
    LODE_TRY(lode_name_check("name", text, name.text_size, false));
    name.key_size = lode_name_text(name.space, name.space_size, text, name.text_size, name.key);
    name.id = lode_name_id(name.key, name.key_size, db->index.hash_key);
    name.hash = lode_id_hash(name.id, db->index.hash_key);
    *name_out = name;
    return LODE_OK;
}

struct name_packet {
    struct lode_msg_name head;
    char text[2 * LODE_NAME_BYTES_MAX];
};

static lode_err
ask_name(lode *db, enum lode_store_msg type, const struct lode_name *name, lode_id id,
         uint32_t flags, struct lode_reply *reply)
{
    struct name_packet packet = {.head = {.head.type = (uint8_t)type,
                                          .id = id,
                                          .flags = flags,
                                          .space_size = (uint16_t)name->space_size,
                                          .name_size = (uint16_t)name->text_size}};
    memcpy(packet.text, name->space, name->space_size);
    memcpy(packet.text + name->space_size, name->text, name->text_size);
    return lode_store_ask(&db->calls, &packet.head.head,
                          sizeof packet.head + name->space_size + name->text_size, NULL, 0, reply);
}

lode_err
lode_name_set(lode *db, const char *space, const char *text, lode_id id, uint32_t flags)
{
    struct lode_name name;
    struct lode_reply reply = {.type = LODE_MSG_OK, .answer_by = lode_answer_by()};
    LODE_TRY(lode_name_make(db, space, text, &name));
    if (lode_id_none(id)) {
        return lode_fail_zero_id("lode_name_set");
    }
    if ((flags & ~(uint32_t)LODE_NAME_REPLACE) != 0) {
        return lode_fail_with(LODE_EINVAL, "lode_name_set: there are no flags 0x%x",
                              (unsigned)flags);
    }
    return ask_name(db, LODE_MSG_NAME_SET, &name, id, flags, &reply);
}

lode_err
lode_name_remove(lode *db, const char *space, const char *text)
{
    struct lode_name name;
    struct lode_reply reply = {.type = LODE_MSG_OK, .answer_by = lode_answer_by()};
    LODE_TRY(lode_name_make(db, space, text, &name));
    return ask_name(db, LODE_MSG_NAME_REMOVE, &name, (lode_id){{0}}, 0, &reply);
}

/* ---- looking up --------------------------------------------------------------------------- */

struct lookup {
    const struct lode_name *name;
    int64_t answer_by;
    lode_id id;
};

static lode_err
try_lookup(lode *db, void *arg)
{
    struct lookup *lookup = arg;
    struct lode_msg_found found;
    struct lode_reply reply = {.type = LODE_MSG_FOUND,
                               .packet = &found,
                               .room = sizeof found,
                               .exactly = true,
                               .answer_by = lookup->answer_by,
                               .late = LODE_LATE_NAME};
    lode_err err = ask_name(db, LODE_MSG_NAME_LOOKUP, lookup->name, (lode_id){{0}}, 0, &reply);
    if (err == LODE_ENOTFOUND) {
        return LODE_EAGAIN; /* it may come: whether to wait is the caller's business */
    }
    LODE_TRY(err);
    if (found.status != LODE_FOUND_SEALED) {
        return LODE_EAGAIN;
    }
    lookup->id = found.id;
    return LODE_OK;
}

lode_err
lode_name_fail_missing(const struct lode_name *name, int64_t timeout_ms)
{
    if (timeout_ms == 0) {
        return lode_fail_with(LODE_ENOTFOUND, "there is no object named '%s%s%s'", name->space,
                              name->space_size > 0 ? "/" : "", name->text);
    }
    return lode_fail_with(LODE_ETIMEDOUT, "no object was named '%s%s%s' within %lld ms",
                          name->space, name->space_size > 0 ? "/" : "", name->text,
                          (long long)timeout_ms);
}

lode_err
lode_name_look_up(lode *db, const struct lode_name *name, const struct lode_patience *patience,
                  lode_id *id_out)
{
    struct lookup lookup = {.name = name, .answer_by = patience->answer_by};
    lode_err err = try_lookup(db, &lookup);
    if (err == LODE_EAGAIN && patience->timeout_ms != 0) {
        err = lode_await(db, name->id, name->hash, patience, try_lookup, &lookup);
    }
    if (err != LODE_OK) {
        return err == LODE_EAGAIN ? lode_name_fail_missing(name, patience->timeout_ms) : err;
    }
    lode_hooks_referenced(&db->hooks, lookup.id, 1);
    *id_out = lookup.id;
    return LODE_OK;
}

lode_err
lode_name_lookup(lode *db, const char *space, const char *text, int64_t timeout_ms, lode_id *id_out)
{
    struct lode_name name;
    struct lode_patience patience = lode_patience_of(timeout_ms);
    LODE_NEED("lode_name_lookup", id_out);
    LODE_TRY(lode_name_make(db, space, text, &name));
    return lode_name_look_up(db, &name, &patience, id_out);
}

/* ---- listing ------------------------------------------------------------------------------ */

struct name_list {
    uint64_t cursor;
    lode_name_fn each;
    void *arg;
};

/* One {lode_msg_name, namespace, name} at `at`; its size, or 0 if it does not fit. */
static size_t
read_name(const uint8_t *at, size_t left, struct lode_msg_name *head,
          char space[LODE_NAME_BYTES_MAX + 1], char text[LODE_NAME_BYTES_MAX + 1])
{
    if (left < sizeof *head) {
        return 0;
    }
    memcpy(head, at, sizeof *head);
    size_t size = sizeof *head + head->space_size + head->name_size;
    if (head->space_size > LODE_NAME_BYTES_MAX || head->name_size > LODE_NAME_BYTES_MAX ||
        size > left) {
        return 0;
    }
    memcpy(space, at + sizeof *head, head->space_size);
    space[head->space_size] = '\0';
    memcpy(text, at + sizeof *head + head->space_size, head->name_size);
    text[head->name_size] = '\0';
    return size;
}

static lode_err
list_part(const uint8_t *packet, size_t size, struct name_list *list)
{
    struct lode_msg_list are;
    size_t at = sizeof are;
    memcpy(&are, packet, sizeof are);
    if (list->cursor != 0 && are.cursor >= list->cursor) {
        return lode_fail_with(LODE_EPROTO, "the store's list of names does not go on");
    }
    list->cursor = are.cursor; /* how many names are left */
    for (uint32_t i = 0; i < are.count; i++) {
        struct lode_msg_name head;
        char space[LODE_NAME_BYTES_MAX + 1], text[LODE_NAME_BYTES_MAX + 1];
        size_t used = read_name(packet + at, size - at, &head, space, text);
        if (used == 0) {
            return lode_fail_with(LODE_EPROTO, "the store lists %u names in %zu bytes",
                                  (unsigned)are.count, size);
        }
        at += used;
        if (!list->each(space, text, head.id, list->arg)) {
            list->cursor = 0;
            break;
        }
    }
    return LODE_OK;
}

static lode_err
list_names(lode *db, const char *space, uint8_t *packet, struct name_list *list)
{
    struct name_packet ask = {.head = {.head.type = LODE_MSG_NAME_LIST, .cursor = list->cursor}};
    size_t space_size = space != NULL ? strlen(space) : 1;
    memcpy(ask.text, space != NULL ? space : "\xff", space_size);
    ask.head.space_size = (uint16_t)(space != NULL ? space_size : 0xffff);
    struct lode_reply reply = {.type = LODE_MSG_NAMES,
                               .packet = packet,
                               .room = LODE_STORE_PACKET_MAX,
                               .answer_by = lode_answer_by()};
    LODE_TRY(
        lode_store_ask(&db->calls, &ask.head.head, sizeof ask.head + space_size, NULL, 0, &reply));
    if (reply.size < sizeof(struct lode_msg_list)) {
        return lode_fail_with(LODE_EPROTO, "the store lists names in %zu bytes", reply.size);
    }
    return list_part(packet, reply.size, list);
}

lode_err
lode_name_list(lode *db, const char *space, lode_name_fn each, void *arg)
{
    struct name_list list = {.each = each, .arg = arg};
    LODE_TRY(lode_session_check(db));
    LODE_NEED("lode_name_list", each);
    if (space != NULL) {
        LODE_TRY(lode_name_check("namespace", space, strlen(space), true));
    }
    uint8_t *packet = malloc(LODE_STORE_PACKET_MAX);
    if (packet == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the list of names");
    }
    lode_err err;
    do {
        err = list_names(db, space, packet, &list);
    } while (err == LODE_OK && list.cursor != 0);
    free(packet);
    return err;
}
