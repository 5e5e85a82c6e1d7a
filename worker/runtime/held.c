#include "worker/runtime/held.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/base/hash.h"
#include "api/client/tasks/call_refs.h"

#include <stdlib.h>
#include <string.h>

enum held_what { HELD_REFERENCE = 1, HELD_VIEW = 2, HELD_DRAFT = 3 };

/*
 * Views and drafts are told apart by what liblode keeps in reserved_: the session, the place, the
 * generation.
 */
struct held_key {
    uint64_t what;
    uint64_t word[3];
};

struct held_item {
    struct held_key key;
    int64_t count; /* references */
    lode_id id;
    lode_view view;
    lode_draft draft;
    UT_hash_handle hh;
};

void
held_init(struct held *held)
{
    *held = (struct held){0};
    lode_mutex_init(&held->mu, LODE_LOCK_WORKER_HELD);
}

void
held_fini(struct held *held)
{
    LODE_ASSERT(held->items == NULL);
    lode_mutex_fini(&held->mu);
}

void
held_begin(struct held *held)
{
    atomic_store_explicit(&held->active, true, memory_order_relaxed);
}

static bool
is_noted(const struct held *held)
{
    return atomic_load_explicit(&held->active, memory_order_relaxed) && !lode_call_refs_busy();
}

static struct held_item *
find_locked(struct held *held, const struct held_key *key)
{
    struct held_item *item;
    lode_mutex_assert_held(&held->mu);
    HASH_FIND(hh, held->items, key, sizeof *key, item);
    return item;
}

/* NULL: there is no memory to note it, and held_end() will say so. */
static struct held_item *
add_locked(struct held *held, const struct held_key *key)
{
    struct held_item *item = calloc(1, sizeof *item);
    if (item != NULL) {
        item->key = *key;
        HASH_ADD(hh, held->items, key, sizeof item->key, item);
        if (hash_has(hh, item)) {
            return item;
        }
        free(item);
    }
    held->lost = true;
    return NULL;
}

static void
remove_locked(struct held *held, struct held_item *item)
{
    HASH_DELETE(hh, held->items, item);
    free(item);
}

void
held_referenced(void *arg, lode_id id, int change)
{
    struct held *held = arg;
    struct held_key key = {.what = HELD_REFERENCE};
    if (!is_noted(held)) {
        return;
    }
    memcpy(key.word, id.byte, sizeof id.byte);
    lode_mutex_lock(&held->mu);
    struct held_item *item = find_locked(held, &key);
    if (item == NULL && change > 0) {
        item = add_locked(held, &key);
        if (item != NULL) {
            item->id = id;
        }
    }
    if (item != NULL) { /* else it drops what it never held: the store knows better than we */
        item->count += change;
        if (item->count <= 0) {
            remove_locked(held, item);
        }
    }
    lode_mutex_unlock(&held->mu);
}

static struct held_item *
note_locked(struct held *held, const struct held_key *key, bool there)
{
    struct held_item *item = find_locked(held, key);
    if (there && item == NULL) {
        return add_locked(held, key);
    }
    if (!there && item != NULL) {
        remove_locked(held, item);
    }
    return NULL;
}

void
held_pinned(void *arg, const lode_view *view, bool pinned)
{
    struct held *held = arg;
    struct held_key key = {.what = HELD_VIEW};
    if (!is_noted(held)) {
        return;
    }
    memcpy(key.word, view->reserved_, sizeof key.word);
    lode_mutex_lock(&held->mu);
    struct held_item *item = note_locked(held, &key, pinned);
    if (item != NULL) {
        item->view = *view;
    }
    lode_mutex_unlock(&held->mu);
}

void
held_drafted(void *arg, const lode_draft *draft, bool open)
{
    struct held *held = arg;
    struct held_key key = {.what = HELD_DRAFT};
    if (!is_noted(held)) {
        return;
    }
    memcpy(key.word, draft->reserved_, sizeof key.word);
    lode_mutex_lock(&held->mu);
    struct held_item *item = note_locked(held, &key, open);
    if (item != NULL) {
        item->draft = *draft;
    }
    lode_mutex_unlock(&held->mu);
}

static void
end_item(lode *db, struct held_item *item)
{
    switch (item->key.what) {
    case HELD_VIEW:
        lode_release(&item->view);
        break;
    case HELD_DRAFT:
        lode_abort(&item->draft);
        break;
    default:
        for (; item->count > 0; item->count--) {
            lode_drop(db, item->id);
        }
    }
}

bool
held_any(const struct held *held)
{
    return held->items != NULL || held->lost;
}

/* To end an item calls the hooks again. So noting is switched off first. */
lode_err
held_end(struct held *held, lode *db)
{
    struct held_item *item, *next;
    atomic_store_explicit(&held->active, false, memory_order_relaxed);
    if (!held_any(held)) {
        return LODE_OK;
    }
    lode_mutex_lock(&held->mu);
    struct held_item *all = held->items;
    bool lost = held->lost;
    held->items = NULL;
    held->lost = false;
    lode_mutex_unlock(&held->mu);
    HASH_ITER(hh, all, item, next)
    {
        end_item(db, item);
        HASH_DELETE(hh, all, item);
        free(item);
    }
    return lost ? lode_fail_with(LODE_ENOMEM, "no memory to note what a task holds") : LODE_OK;
}
