/*
 * Getting by name, and waiting for a name to be bound anew: looks into the index, where a name is
 * an entry with a binding (api/layout/index.h).
 */
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/client/session/session.h"
#include "api/client/store/await.h"
#include "api/client/store/get.h"
#include "api/client/store/names.h"

enum {
    RACES_MAX = 100,     /* looks in a row at a name that is bound anew meanwhile */
    ALIVE_NS = 100000000 /* so often a poll for a version looks whether the store lives */
};

struct look {
    const struct lode_name *name;
    uint64_t after;    /* only a version above this counts */
    bool wants_object; /* it is to be pinned */
    int64_t answer_by; /* 0: the store is not asked (get.h) */
    /* What the last try saw: */
    uint64_t version; /* 0: there is no such name */
    bool is_told;     /* the version does not count, and index.h [7]: a later one will be told */
    struct lode_pinned object;
};

/*
 * Pins the object of a binding. The caller has pinned the name's entry, so the binding is of this
 * name. It may change at any time, and the object may be freed then. So after the pin the binding
 * is read once more. A version is bound once: if it is still the same, the object has been the
 * name's all the time. LODE_EAGAIN: it has changed.
 */
static lode_err
pin_bound(lode *db, const struct lode_entry *name, uint64_t binding, int64_t answer_by,
          struct lode_pinned *pinned_out)
{
    uint32_t target = lode_binding_target(binding);
    if (target > atomic_load_explicit(&db->index.header->entry_count, memory_order_acquire)) {
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
    uint64_t now = atomic_load_explicit(&name->binding, memory_order_acquire);
    if (pinned_out->entry == entry && ((now ^ binding) & ~LODE_BINDING_TOLD) == 0) {
        return LODE_OK;
    }
    lode_unpin(db, pinned_out);
    return LODE_EAGAIN;
}

/* Whether the entry is of this name. LODE_EEXIST: it is of another one with the same hash. */
static lode_err
check_key(lode *db, const struct lode_entry *entry, const struct lode_name *name, int64_t answer_by)
{
    const void *key = entry->u.bytes;
    if (entry->extent != LODE_EXTENT_INLINE) {
        LODE_TRY(lode_segments_read(&db->segments, entry->extent, entry->size, answer_by, &key));
    }
    return entry->size == name->key_size && memcmp(key, name->key, name->key_size) == 0
               ? LODE_OK
               : lode_fail_with(LODE_EEXIST, "another name has the same hash: choose another name");
}

static lode_err
look_at_entry(lode *db, const struct lode_entry *name, struct look *look)
{
    uint64_t binding = atomic_load_explicit(&name->binding, memory_order_acquire);
    look->version = lode_binding_version(binding);
    if (lode_binding_target(binding) == 0) {
        look->version = 0;
        return LODE_EAGAIN;
    }
    if (look->version <= look->after) {
        look->is_told = (binding & LODE_BINDING_TOLD) != 0;
        return LODE_EAGAIN;
    }
    return look->wants_object ? pin_bound(db, name, binding, look->answer_by, &look->object)
                              : LODE_OK;
}

static lode_err
look_once(lode *db, struct look *look)
{
    struct lode_pinned name;
    look->version = 0;
    look->is_told = false;
    LODE_TRY(lode_pin(db, look->name->id, look->name->hash, look->answer_by, &name));
    lode_err err = check_key(db, name.entry, look->name, look->answer_by);
    if (err == LODE_OK) {
        err = look_at_entry(db, name.entry, look);
    }
    lode_unpin(db, &name);
    return err;
}

/* LODE_EAGAIN: no version counts; or one does, and its object cannot be found in the index now. */
static lode_err
look_into_index(lode *db, struct look *look)
{
    lode_err err = look_once(db, look);
    for (int i = 0; err == LODE_EAGAIN && look->version > look->after && i < RACES_MAX; i++) {
        err = look_once(db, look);
    }
    return err;
}

/* ---- getting ------------------------------------------------------------------------------ */

lode_err
lode_name_get(lode *db, const char *space, const char *text, int64_t timeout_ms,
              lode_view *view_out)
{
    struct lode_name name;
    LODE_NEED("lode_name_get", view_out);
    LODE_TRY(lode_name_make(db, space, text, &name));
    struct look look = {.name = &name, .wants_object = true};
    lode_err err = look_into_index(db, &look);
    if (err == LODE_OK) {
        err = lode_view_fill(db, &look.object, 0, view_out);
    }
    if (err != LODE_EAGAIN) {
        return err;
    }
    struct lode_patience patience = lode_patience_of(timeout_ms);
    look.answer_by = patience.answer_by;
    err = look_into_index(db, &look);
    if (err != LODE_EAGAIN) {
        return err == LODE_OK ? lode_view_fill(db, &look.object, look.answer_by, view_out) : err;
    }
    /* By message: the name may be there with an object that is not sealed yet. */
    lode_id id;
    LODE_TRY(lode_name_look_up(db, &name, &patience, &id));
    err = lode_get_within(db, id, &patience, view_out);
    lode_drop(db, id);
    return err;
}

/* ---- waiting for a version ------------------------------------------------------------------ */

static lode_err
try_version(lode *db, void *arg)
{
    return look_into_index(db, arg);
}

/*
 * A caller that looks again and again, and never sleeps, must hear that the store has died. No look
 * into the index tells.
 */
static lode_err
check_alive_seldom(lode *db)
{
    int64_t now = lode_now_ns();
    int64_t looked = atomic_load_explicit(&db->alive_looked_ns, memory_order_relaxed);
    if (now - looked < ALIVE_NS ||
        !atomic_compare_exchange_strong(&db->alive_looked_ns, &looked, now)) {
        return LODE_OK;
    }
    return lode_store_is_dead(&db->calls.socket) ? lode_store_down() : LODE_OK;
}

static lode_err
fail_old(lode *db, const struct look *look, int64_t timeout_ms)
{
    const struct lode_name *name = look->name;
    if (look->version == 0) {
        return lode_name_fail_missing(name, timeout_ms);
    }
    LODE_TRY(check_alive_seldom(db));
    return lode_fail_with(LODE_ETIMEDOUT,
                          "the name '%s%s%s' has version %llu, and had no later one than %llu "
                          "within %lld ms",
                          name->space, name->space_size > 0 ? "/" : "", name->text,
                          (unsigned long long)look->version, (unsigned long long)look->after,
                          (long long)timeout_ms);
}

/* A name that is there with an old version needs no message to say so. */
static lode_err
await_version(lode *db, struct look *look, int64_t timeout_ms)
{
    lode_err err = look_into_index(db, look);
    bool is_old = look->version != 0 && look->version <= look->after; /* else it needs a pin slot */
    if (err == LODE_EAGAIN && (timeout_ms != 0 || !is_old)) {
        struct lode_patience patience = lode_patience_of(timeout_ms);
        look->answer_by = patience.answer_by;
        err = lode_await_news(db, look->name->id, look->name->hash, &patience, try_version, look,
                              &look->is_told);
    }
    return err == LODE_EAGAIN ? fail_old(db, look, timeout_ms) : err;
}

lode_err
lode_name_wait(lode *db, const char *space, const char *text, uint64_t after_version,
               int64_t timeout_ms, lode_view *view_out, uint64_t *version_out)
{
    struct lode_name name;
    LODE_TRY(lode_name_make(db, space, text, &name));
    if (after_version >= LODE_VERSION_MAX) {
        return lode_fail_with(LODE_EINVAL,
                              "lode_name_wait: there is no version above %llu, and %llu is to be "
                              "exceeded",
                              (unsigned long long)LODE_VERSION_MAX,
                              (unsigned long long)after_version);
    }
    struct look look = {.name = &name, .after = after_version, .wants_object = view_out != NULL};
    LODE_TRY(await_version(db, &look, timeout_ms));
    lode_err err = LODE_OK;
    bool is_failure = false; /* of a task: its version is as good as any */
    if (view_out != NULL) {
        int64_t answer_by = look.answer_by != 0 ? look.answer_by : lode_answer_by();
        is_failure = look.object.entry->kind == LODE_KIND_ERROR;
        err = lode_view_fill(db, &look.object, answer_by, view_out);
    }
    if (version_out != NULL && (err == LODE_OK || is_failure)) {
        *version_out = look.version;
    }
    return err;
}
