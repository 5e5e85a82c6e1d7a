#include "api/client/store/get.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/client/session/process.h"
#include "api/client/session/session.h"
#include "api/client/session/threads.h"
#include "api/client/store/await.h"
#include "api/layout/error_object.h"

/*
 * Larger objects are mapped in one go when they are first got: a fault a page costs ten times that.
 */
enum { POPULATE_MIN = 1 << 20 };

/* ---- pins --------------------------------------------------------------------------------- */

static inline lode_err
take_slot(lode *db, struct lode_thread *self, int64_t answer_by, uint32_t *slot_out)
{
    struct lode_thread_cache *cache =
        self != NULL ? &self->cache[db->serial % LODE_THREAD_CACHES] : NULL;
    if (__builtin_expect(cache != NULL && cache->serial == db->serial && cache->count > 0, 1)) {
        *slot_out = cache->slot[--cache->count];
        return LODE_OK;
    }
    return lode_slot_take_slowly(db, self, answer_by, slot_out);
}

static inline void
give_slot(lode *db, struct lode_thread *self, uint32_t slot)
{
    struct lode_thread_cache *cache =
        self != NULL ? &self->cache[db->serial % LODE_THREAD_CACHES] : NULL;
    if (__builtin_expect(
            cache != NULL && cache->serial == db->serial && cache->count < LODE_THREAD_SLOTS, 1)) {
        cache->slot[cache->count++] = slot;
        return;
    }
    lode_slot_give_slowly(db, self, slot);
}

static inline bool
row_is_ours(const lode *db)
{
    return atomic_load_explicit(&db->row->session, memory_order_seq_cst) == db->number;
}

/*
 * True if the store sees the pin, and heeds it. `row` was read after the pin was written, and the
 * entry's word after the row (lode_index_pin()). The row is not the session's if the session has
 * ended, and says so if it dozes. `forking` is to a fork what the row is to the end of a session: a
 * pin that comes too late for the fork's copy makes no view before the fork is over (fork.h). It is
 * read seq_cst: the pin's own store is, too, and no fence stands between them.
 */
static inline bool
pin_counts(const lode *db, uint64_t row)
{
    return row == db->number && !atomic_load_explicit(&db->forking, memory_order_seq_cst);
}

static __attribute__((noinline)) void
tell_released(lode *db, const struct lode_pinned *pinned)
{
    struct lode_msg_released msg = {.head.type = LODE_MSG_RELEASED,
                                    .entry = (uint32_t)(pinned->entry - db->index.entries),
                                    .generation = lode_word_generation(pinned->word)};
    lode_store_owe(&db->calls.socket, &msg, sizeof msg, lode_answer_by());
}

/* The same object, and the store is not just deciding about it. */
static bool
is_still_there(const struct lode_pinned *pinned)
{
    uint64_t word = atomic_load_explicit(&pinned->entry->word, memory_order_seq_cst);
    return lode_word_readable(word) &&
           lode_word_generation(word) == lode_word_generation(pinned->word);
}

/*
 * Either a fork is under way: this waits for its end. Or the session dozes: this rings, and the pin
 * counts if the entry is there after that (index.h [8]). Or the entry has changed. Or the store
 * ended the session while the process runs: nobody looks at its pins any more.
 *
 * A pin that is given up may have made the store wait for its end, so it is cleared as any other.
 */
static __attribute__((noinline)) lode_err
settle_pin(lode *db, struct lode_thread *self, uint32_t slot, const struct lode_pinned *pinned)
{
    while (atomic_load_explicit(&db->forking, memory_order_relaxed)) {
        lode_process_lock();
        lode_process_unlock();
    }
    bool lives = row_is_ours(db), dozes = !lives && lode_row_is_of(db->row, db->number);
    if (dozes) {
        lode_store_ring_bell(&db->calls);
        atomic_thread_fence(memory_order_seq_cst);
    }
    if ((lives || dozes) && is_still_there(pinned)) {
        return LODE_OK;
    }
    struct lode_pinned owed = *pinned;
    bool wanted = lode_index_give_up(owed.entry, &db->pins[slot], &owed.word);
    give_slot(db, self, slot);
    if (lives || dozes) {
        if (wanted) {
            tell_released(db, &owed);
        }
        return LODE_EAGAIN;
    }
    atomic_store_explicit(&db->calls.socket.down, true, memory_order_relaxed);
    return lode_fail_with(LODE_EDOWN, "the store has ended this session: open a new one");
}

/* `first`: what the first look has given, which has pinned nothing. */
static __attribute__((noinline)) bool
look(lode *db, lode_id id, uint64_t hash, uint32_t slot, enum lode_look first,
     struct lode_pinned *pinned_io, uint64_t *row_out)
{
    enum lode_look found = first;
    for (int i = 0; i < LODE_DOOMED_SPINS; i++) {
        if (found == LODE_LOOK_OWED) {
            tell_released(db, pinned_io);
        } else if (i > 0) {
            return found == LODE_LOOK_PINNED;
        }
        found = lode_index_look(&db->index, id, hash, &db->pins[slot], &pinned_io->entry,
                                &pinned_io->word, row_out);
    }
    if (found == LODE_LOOK_OWED) {
        tell_released(db, pinned_io);
    }
    return found == LODE_LOOK_PINNED;
}

/* The three that a get and a release are made of are inlined there: calls cost them 10 to 20 %. */
static inline __attribute__((always_inline)) lode_err
pin(lode *db, lode_id id, uint64_t hash, int64_t answer_by, struct lode_pinned *pinned_out)
{
    struct lode_thread *self = lode_thread_get();
    uint32_t slot;
    uint64_t row, late_row; /* two: the first stays in a register */
    LODE_TRY(take_slot(db, self, answer_by, &slot));
    enum lode_look first = lode_index_look_first(&db->index, id, hash, &db->pins[slot],
                                                 &pinned_out->entry, &pinned_out->word, &row);
    if (__builtin_expect(first != LODE_LOOK_PINNED, 0)) {
        if (!look(db, id, hash, slot, first, pinned_out, &late_row)) {
            give_slot(db, self, slot);
            return LODE_EAGAIN;
        }
        row = late_row;
    }
    if (__builtin_expect(!pin_counts(db, row), 0)) {
        LODE_TRY(settle_pin(db, self, slot, pinned_out));
    }
    pinned_out->slot = slot;
    return LODE_OK;
}

lode_err
lode_pin(lode *db, lode_id id, uint64_t hash, int64_t answer_by, struct lode_pinned *pinned_out)
{
    return pin(db, id, hash, answer_by, pinned_out);
}

static inline __attribute__((always_inline)) void
unpin(lode *db, const struct lode_pinned *pinned)
{
    struct lode_thread *self = lode_thread_get();
    if (__builtin_expect(self != NULL, 1)) {
        atomic_store_explicit(&self->busy, db, memory_order_relaxed);
    }
    bool wanted = lode_index_unpin(pinned->entry, lode_word_generation(pinned->word),
                                   &db->pins[pinned->slot], db->plain_release);
    give_slot(db, self, pinned->slot);
    if (__builtin_expect(wanted, 0)) {
        tell_released(db, pinned);
    }
    /*
     * Either this sees that the session closes, or who closes it sees the pin cleared: both are
     * seq_cst, or who closes it has fenced this thread (lode_session_close()).
     */
    if (__builtin_expect(
            atomic_load_explicit(&db->state, memory_order_seq_cst) == LODE_SESSION_LIVE, 1)) {
        if (self != NULL) {
            atomic_store_explicit(&self->busy, NULL, memory_order_release);
        }
    } else {
        lode_session_leave(db, self);
    }
}

void
lode_unpin(lode *db, const struct lode_pinned *pinned)
{
    unpin(db, pinned);
}

/* ---- views -------------------------------------------------------------------------------- */

static inline const struct lode_session_hooks *
pin_hooks(const lode *db)
{
    const struct lode_session_hooks *hooks = lode_hooks_in(&db->hooks, LODE_HOOKS_WORKER);
    return hooks != NULL && hooks->pinned != NULL ? hooks : NULL;
}

static lode_err
fail_corrupt(const struct lode_entry *entry)
{
    char text[LODE_ID_TEXT_SIZE];
    lode_id_format(entry->id, text);
    return lode_fail_with(LODE_ECORRUPT,
                          "object %s has %llu bytes, which its shape or strides do not fit", text,
                          (unsigned long long)entry->size);
}

/* Where the bytes are, and where the strides are, if there are any. */
static inline lode_err
find_bytes(lode *db, const struct lode_entry *entry, int64_t answer_by, const void **data_out,
           const void **strides_out)
{
    uint64_t extent = entry->extent, size = entry->size;
    bool strided = (entry->flags & LODE_ENTRY_STRIDED) != 0;
    const void *bytes;
    *strides_out = NULL;
    if (extent == LODE_EXTENT_INLINE) {
        *data_out = entry->u.bytes;
        return size <= LODE_INLINE_MAX ? LODE_OK : fail_corrupt(entry);
    }
    uint64_t stored = lode_made_stored(size, entry->flags);
    bytes = lode_segments_at(&db->segments, extent, stored);
    if (__builtin_expect(bytes == NULL, 0)) {
        LODE_TRY(lode_segments_read(&db->segments, extent, stored, answer_by, &bytes));
    }
    if (size >= POPULATE_MIN && !lode_segments_is_populated(&db->segments, extent, stored)) {
        lode_segments_populate_read(&db->segments, extent, stored);
    }
    *strides_out = strided ? bytes : NULL;
    *data_out = (const uint8_t *)bytes + (strided ? LODE_LINE : 0);
    return LODE_OK;
}

lode_err
lode_view_bytes(lode *db, const struct lode_entry *entry, int64_t answer_by, const void **data_out,
                const void **strides_out)
{
    return find_bytes(db, entry, answer_by, data_out, strides_out);
}

/*
 * The maker could write the strides while the object was a draft. So they are checked: no element
 * may lie outside the object.
 */
static lode_err
check_strides(const struct lode_entry *entry, const void *strides, int64_t copy_out[LODE_MAX_NDIM])
{
    lode_array array = {.dtype = entry->dtype, .ndim = entry->ndim};
    size_t size;
    memcpy(array.shape, entry->u.shape, sizeof array.shape);
    memcpy(array.strides, strides, sizeof array.strides);
    memcpy(copy_out, strides, sizeof array.strides);
    if (lode_array_size(&array, &size) != LODE_OK || size > entry->size) {
        return fail_corrupt(entry);
    }
    return LODE_OK;
}

/* Bytes look like one axis of u8. */
static inline void
fill_array(const struct lode_entry *entry, const int64_t *strides, lode_array *array)
{
    if (entry->kind != LODE_KIND_ARRAY) {
        array->dtype = LODE_U8;
        array->ndim = 1;
        array->shape[0] = (int64_t)entry->size;
        array->strides[0] = 1;
        return;
    }
    array->dtype = entry->dtype;
    array->ndim = entry->ndim;
    int64_t stride = 1;
    for (int32_t i = entry->ndim - 1; i >= 0; i--) {
        array->shape[i] = entry->u.shape[i];
        array->strides[i] = strides != NULL ? strides[i] : stride;
        stride = (int64_t)((uint64_t)stride * (uint64_t)array->shape[i]);
    }
}

/*
 * In two words, through registers. The maker of the entry, or of the view, wrote it in two: one
 * load of 16 bytes would wait until both have left the processor's store buffer.
 */
static inline void
copy_id(const lode_id *from, lode_id *to)
{
    uint64_t high, low;
    memcpy(&high, from->byte, sizeof high);
    memcpy(&low, from->byte + sizeof high, sizeof low);
    __asm__("" : "+r"(high), "+r"(low));
    memcpy(to->byte, &high, sizeof high);
    memcpy(to->byte + sizeof high, &low, sizeof low);
}

/*
 * What the axes do not need stays as it was: a locked instruction follows in the next get or
 * release, and waits until each store is done.
 */
static inline void
write_view(const struct lode_entry *entry, const void *data, const int64_t *strides,
           lode_view *view_out)
{
    view_out->data = data;
    view_out->size = entry->size;
    view_out->kind = (lode_kind)entry->kind;
    copy_id(&entry->id, &view_out->id);
    fill_array(entry, strides, &view_out->array);
}

/* Nothing is written to the view until nothing can fail any more. */
static __attribute__((noinline)) lode_err
fill_slowly(lode *db, const struct lode_entry *entry, int64_t answer_by, lode_view *view_out)
{
    const void *data, *strides;
    int64_t copy[LODE_MAX_NDIM];
    LODE_TRY(find_bytes(db, entry, answer_by, &data, &strides));
    if (entry->kind == LODE_KIND_ERROR) {
        return lode_error_object_fail(data, entry->size);
    }
    if (entry->ndim > LODE_MAX_NDIM) {
        return fail_corrupt(entry);
    }
    if (strides != NULL) {
        LODE_TRY(check_strides(entry, strides, copy));
        strides = copy;
    }
    write_view(entry, data, strides, view_out);
    return LODE_OK;
}

/* Where the bytes are, if they are small and nothing needs to be mapped for them; else NULL. */
static inline const void *
bytes_at_once(const lode *db, const struct lode_entry *entry)
{
    uint64_t extent = entry->extent, size = entry->size;
    if (extent == LODE_EXTENT_INLINE) {
        return size <= LODE_INLINE_MAX ? entry->u.bytes : NULL;
    }
    return size < POPULATE_MIN ? lode_segments_at(&db->segments, extent, size) : NULL;
}

/* The common case by itself: it needs few registers. */
static inline __attribute__((always_inline)) lode_err
fill(lode *db, const struct lode_entry *entry, int64_t answer_by, lode_view *view_out)
{
    const void *data = bytes_at_once(db, entry);
    bool plain = data != NULL && entry->kind != LODE_KIND_ERROR && entry->ndim <= LODE_MAX_NDIM &&
                 (entry->flags & LODE_ENTRY_STRIDED) == 0;
    if (__builtin_expect(!plain, 0)) {
        return fill_slowly(db, entry, answer_by, view_out);
    }
    write_view(entry, data, NULL, view_out);
    return LODE_OK;
}

static inline __attribute__((always_inline)) lode_err
fill_view(lode *db, const struct lode_pinned *pinned, int64_t answer_by, lode_view *view_out)
{
    lode_err err = fill(db, pinned->entry, answer_by, view_out);
    if (__builtin_expect(err != LODE_OK, 0)) {
        lode_unpin(db, pinned);
        return err;
    }
    view_out->reserved_[0] = (uintptr_t)db;
    view_out->reserved_[1] =
        (uint64_t)pinned->slot << 32 | (uint32_t)(pinned->entry - db->index.entries);
    view_out->reserved_[2] = lode_word_generation(pinned->word);
    const struct lode_session_hooks *hooks = pin_hooks(db);
    if (__builtin_expect(hooks != NULL, 0)) {
        hooks->pinned(hooks->arg, view_out, true);
    }
    return LODE_OK;
}

lode_err
lode_view_fill(lode *db, const struct lode_pinned *pinned, int64_t answer_by, lode_view *view_out)
{
    return fill_view(db, pinned, answer_by, view_out);
}

void
lode_release(lode_view *view)
{
    if (view == NULL || view->reserved_[0] == 0) {
        return;
    }
    lode *db = (lode *)(uintptr_t)view->reserved_[0];
    /* In a child after fork the pin is the parent's, and not the child's to clear. */
    if (atomic_load_explicit(&db->state, memory_order_relaxed) != LODE_SESSION_FORKED) {
        const struct lode_session_hooks *hooks = pin_hooks(db);
        if (__builtin_expect(hooks != NULL, 0)) {
            hooks->pinned(hooks->arg, view, false);
        }
        struct lode_pinned pinned = {.entry = &db->index.entries[(uint32_t)view->reserved_[1]],
                                     .word = lode_word_make(view->reserved_[2], LODE_ENTRY_SEALED),
                                     .slot = (uint32_t)(view->reserved_[1] >> 32)};
        unpin(db, &pinned);
    }
    view->data = NULL;
    view->size = 0;
    view->reserved_[0] = 0;
}

/* ---- getting ---------------------------------------------------------------------------- */

struct get {
    lode_id id;
    uint64_t hash;
    int64_t answer_by;
    lode_view *view;
};

static inline __attribute__((always_inline)) lode_err
get_now(lode *db, lode_id id, uint64_t hash, int64_t answer_by, lode_view *view_out)
{
    struct lode_pinned pinned;
    lode_err err = pin(db, id, hash, answer_by, &pinned);
    return __builtin_expect(err == LODE_OK, 1) ? fill_view(db, &pinned, answer_by, view_out) : err;
}

/* get_now() in a store of many objects: the entry is likely in no cache. */
static __attribute__((noinline)) lode_err
get_among_many(lode *db, lode_id id, uint64_t hash, int64_t answer_by, lode_view *view_out)
{
    lode_near_prefetch(&db->near, &db->index, id);
    lode_err err = get_now(db, id, hash, answer_by, view_out);
    if (err == LODE_OK) {
        lode_near_note(&db->near, id, (uint32_t)view_out->reserved_[1]);
    }
    return err;
}

static lode_err
try_get(lode *db, void *arg)
{
    const struct get *get = arg;
    return get_now(db, get->id, get->hash, get->answer_by, get->view);
}

static lode_err
fail_late(lode_id id, int64_t timeout_ms)
{
    char text[LODE_ID_TEXT_SIZE];
    lode_id_format(id, text);
    return lode_fail_with(LODE_ETIMEDOUT, "object %s was not there within %lld ms", text,
                          (long long)timeout_ms);
}

lode_err
lode_get_within(lode *db, lode_id id, const struct lode_patience *patience, lode_view *view_out)
{
    struct get get = {id, lode_id_hash(id, db->index.hash_key), patience->answer_by, view_out};
    if (lode_id_none(id)) {
        return lode_fail_zero_id("lode_get");
    }
    lode_err err = try_get(db, &get);
    if (err == LODE_EAGAIN) {
        err = lode_await(db, id, get.hash, patience, try_get, &get);
    }
    return err == LODE_EAGAIN ? fail_late(id, patience->timeout_ms) : err;
}

/* It is not there, or something must be asked for on the way. The clock is read only now. */
static __attribute__((noinline)) lode_err
get_slowly(lode *db, lode_id id, int64_t timeout_ms, lode_view *view_out)
{
    struct lode_patience patience = lode_patience_of(timeout_ms);
    return lode_get_within(db, id, &patience, view_out);
}

lode_err
lode_get(lode *db, lode_id id, int64_t timeout_ms, lode_view *view_out)
{
    if (db == NULL || atomic_load_explicit(&db->state, memory_order_relaxed) != LODE_SESSION_LIVE) {
        return lode_session_check(db);
    }
    LODE_NEED("lode_get", view_out);
    uint64_t hash = lode_id_hash(id, db->index.hash_key);
    lode_err err = lode_near_helps(&db->near, &db->index)
                       ? get_among_many(db, id, hash, 0, view_out)
                       : get_now(db, id, hash, 0, view_out);
    return __builtin_expect(err != LODE_EAGAIN, 1) ? err : get_slowly(db, id, timeout_ms, view_out);
}
