#include "api/base/fail.h"
#include "api/client/store/await.h"
#include "api/client/session/session.h"
#include "api/client/store/get.h"
#include "api/layout/name_key.h"

#include <stdlib.h>

/* A name that has passed its checks. */
struct name {
    const char *space, *text; /* as given; space "" is the default one */
    size_t space_size, text_size;
    lode_id id; /* of its index entry */
    uint64_t hash;
    char key[LODE_NAME_TEXT_MAX]; /* what the entry holds */
    size_t key_size;
};

static lode_err
name_make(const lode *db, const char *space, const char *text, struct name *name_out)
{
    LODE_TRY(lode_session_check(db));
    if (text == NULL) {
        return lode_fail_with(LODE_EINVAL, "the name is NULL");
    }
    struct name name = {.space = space != NULL ? space : "", .text = text};
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
ask_name(lode *db, enum lode_store_msg type, const struct name *name, lode_id id, uint32_t flags,
         struct lode_reply *reply)
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
    struct name name;
    struct lode_reply reply = {.type = LODE_MSG_OK, .answer_by = lode_answer_by()};
    LODE_TRY(name_make(db, space, text, &name));
    if (lode_id_is_zero(id)) {
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
    struct name name;
    struct lode_reply reply = {.type = LODE_MSG_OK, .answer_by = lode_answer_by()};
    LODE_TRY(name_make(db, space, text, &name));
    return ask_name(db, LODE_MSG_NAME_REMOVE, &name, (lode_id){{0}}, 0, &reply);
}

/* ---- looking up --------------------------------------------------------------------------- */

struct lookup {
    const struct name *name;
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

static lode_err
fail_missing(const struct name *name, int64_t timeout_ms)
{
    if (timeout_ms == 0) {
        return lode_fail_with(LODE_ENOTFOUND, "there is no object named '%s%s%s'", name->space,
                              name->space_size > 0 ? "/" : "", name->text);
    }
    return lode_fail_with(LODE_ETIMEDOUT, "no object was named '%s%s%s' within %lld ms",
                          name->space, name->space_size > 0 ? "/" : "", name->text,
                          (long long)timeout_ms);
}

static lode_err
look_up(lode *db, const struct name *name, const struct lode_patience *patience, lode_id *id_out)
{
    struct lookup lookup = {.name = name, .answer_by = patience->answer_by};
    lode_err err = try_lookup(db, &lookup);
    if (err == LODE_EAGAIN && patience->timeout_ms != 0) {
        err = lode_await(db, name->id, name->hash, patience, try_lookup, &lookup);
    }
    if (err != LODE_OK) {
        return err == LODE_EAGAIN ? fail_missing(name, patience->timeout_ms) : err;
    }
    lode_hooks_referenced(&db->hooks, lookup.id, 1);
    *id_out = lookup.id;
    return LODE_OK;
}

lode_err
lode_name_lookup(lode *db, const char *space, const char *text, int64_t timeout_ms, lode_id *id_out)
{
    struct name name;
    struct lode_patience patience = lode_patience_of(timeout_ms);
    LODE_NEED("lode_name_lookup", id_out);
    LODE_TRY(name_make(db, space, text, &name));
    return look_up(db, &name, &patience, id_out);
}

/* ---- getting ------------------------------------------------------------------------------ */

struct name_get {
    const struct name *name;
    int64_t answer_by; /* 0: the store is not asked (get.h) */
    lode_view *view;
};

/*
 * Pins the object that the name stands for. The caller has pinned the name's entry, so `target` is
 * this name's. The name may be bound to another object at any time, and the old one may be freed
 * then. So after the pin `target` is read once more. LODE_EAGAIN: it has changed.
 */
static lode_err
pin_target(lode *db, const struct lode_entry *name, int64_t answer_by,
           struct lode_pinned *pinned_out)
{
    uint32_t target = atomic_load_explicit(&name->target, memory_order_acquire);
    if (target == 0 ||
        target > atomic_load_explicit(&db->index.header->entry_count, memory_order_acquire)) {
        return LODE_EAGAIN;
    }
    const struct lode_entry *entry = &db->index.entries[target - 1];
    uint64_t word = atomic_load_explicit(&entry->word, memory_order_acquire);
    lode_id id = lode_id_from_words(
        __builtin_bswap64(
            __atomic_load_n((const uint64_t *)(const void *)entry->id.byte, __ATOMIC_RELAXED)),
        __builtin_bswap64(__atomic_load_n((const uint64_t *)(const void *)(entry->id.byte + 8),
                                          __ATOMIC_RELAXED)));
    if (!lode_word_readable(word)) {
        return LODE_EAGAIN;
    }
    LODE_TRY(lode_pin(db, id, lode_id_hash(id, db->index.hash_key), answer_by, pinned_out));
    if (pinned_out->entry == entry &&
        atomic_load_explicit(&name->target, memory_order_acquire) == target) {
        return LODE_OK;
    }
    lode_unpin(db, pinned_out);
    return LODE_EAGAIN;
}

/* Whether the entry is of this name. Two names may have one hash: the store is asked then. */
static bool
has_key(lode *db, const struct lode_entry *entry, const struct name *name, int64_t answer_by)
{
    const void *key = entry->u.bytes;
    if (entry->size != name->key_size) {
        return false;
    }
    if (entry->extent != LODE_EXTENT_INLINE &&
        lode_segments_read(&db->segments, entry->extent, entry->size, answer_by, &key) != LODE_OK) {
        return false;
    }
    return memcmp(key, name->key, name->key_size) == 0;
}

static lode_err
try_name_get(lode *db, const struct name_get *get)
{
    struct lode_pinned name, object;
    int64_t answer_by = get->answer_by;
    LODE_TRY(lode_pin(db, get->name->id, get->name->hash, answer_by, &name));
    lode_err err = has_key(db, name.entry, get->name, answer_by)
                       ? pin_target(db, name.entry, answer_by, &object)
                       : LODE_EAGAIN;
    lode_unpin(db, &name);
    LODE_TRY(err);
    return lode_view_fill(db, &object, answer_by, get->view);
}

lode_err
lode_name_get(lode *db, const char *space, const char *text, int64_t timeout_ms,
              lode_view *view_out)
{
    struct name name;
    LODE_NEED("lode_name_get", view_out);
    LODE_TRY(name_make(db, space, text, &name));
    struct name_get get = {.name = &name, .view = view_out};
    lode_err err = try_name_get(db, &get);
    if (err != LODE_EAGAIN) {
        return err;
    }
    struct lode_patience patience = lode_patience_of(timeout_ms);
    get.answer_by = patience.answer_by;
    err = try_name_get(db, &get);
    if (err != LODE_EAGAIN) {
        return err;
    }
    /* By message: the name may be there with an object that is not sealed yet. */
    lode_id id;
    LODE_TRY(look_up(db, &name, &patience, &id));
    err = lode_get_within(db, id, &patience, view_out);
    lode_drop(db, id);
    return err;
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
