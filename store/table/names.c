#include "store/table/names.h"

#include "api/base/assert.h"
#include "api/base/fail.h"

#include <stdlib.h>
#include <string.h>

/* For '%.*s%s%.*s': the namespace, if it is not the default one, a slash and the name. */
#define NAME_PARTS(text)                                                                           \
    (int)(text)->space_size, (text)->text, (text)->space_size > 0 ? "/" : "",                      \
        (int)((text)->size - (text)->space_size - 1), (text)->text + (text)->space_size + 1

lode_err
name_make_text(const struct table *table, const void *space, size_t space_size, const void *name,
               size_t name_size, struct name_text *text_out)
{
    LODE_TRY(lode_name_check("namespace", space, space_size, true));
    LODE_TRY(lode_name_check("name", name, name_size, false));
    text_out->size = lode_name_text(space, space_size, name, name_size, text_out->text);
    text_out->space_size = space_size;
    text_out->id = lode_name_id(text_out->text, text_out->size, table->header->hash_key);
    return LODE_OK;
}

const char *
name_text_of(const struct table *table, uint32_t name, size_t *size_out)
{
    *size_out = table->entries[name].size;
    return (const char *)object_data(table, name);
}

bool
name_is_bound(const struct table *table, uint32_t entry)
{
    return lode_id_kind(table->entries[entry].id) == LODE_ID_NAME &&
           entry_is_sealed(table, entry) && !(table->truths[entry].flags & TRUTH_DELETED);
}

static uint64_t
binding_of(const struct table *table, uint32_t name)
{
    return atomic_load_explicit(&table->entries[name].binding, memory_order_relaxed);
}

static void
bind(struct table *table, uint32_t name, uint64_t binding)
{
    atomic_store_explicit(&table->entries[name].binding, binding, memory_order_release);
}

uint32_t
name_object(const struct table *table, uint32_t name)
{
    return lode_binding_target(binding_of(table, name)) - 1;
}

bool
name_is_told(const struct table *table, uint32_t name)
{
    return (binding_of(table, name) & LODE_BINDING_TOLD) != 0;
}

void
name_set_told(struct table *table, uint32_t name, bool is_told)
{
    uint64_t binding = binding_of(table, name) & ~LODE_BINDING_TOLD;
    bind(table, name, binding | (is_told ? LODE_BINDING_TOLD : 0));
}

lode_err
name_find(const struct table *table, const struct name_text *text, uint32_t *name_out)
{
    uint32_t name;
    size_t size;
    if (!table_find(table, text->id, &name)) {
        return lode_fail_with(LODE_ENOTFOUND, "there is no name '%.*s%s%.*s'", NAME_PARTS(text));
    }
    const char *there = name_text_of(table, name, &size);
    if (size != text->size || memcmp(there, text->text, size) != 0) {
        return lode_fail_with(LODE_EEXIST, "another name has the same hash: choose another name");
    }
    *name_out = name;
    return LODE_OK;
}

static lode_err
list_add(struct table *table, uint32_t name)
{
    if (table->name_count == table->name_room) {
        uint32_t room = table->name_room == 0 ? 64 : table->name_room * 2;
        uint32_t *names = realloc(table->names, room * sizeof *names);
        if (names == NULL) {
            return lode_fail_with(LODE_ENOMEM, "no memory for %u names", room);
        }
        table->names = names;
        table->name_room = room;
    }
    table->truths[name].names = table->name_count;
    table->names[table->name_count++] = name;
    return LODE_OK;
}

static void
list_remove(struct table *table, uint32_t name)
{
    uint32_t place = table->truths[name].names, last = table->names[--table->name_count];
    table->names[place] = last;
    table->truths[last].names = place;
    table->truths[name].names = 0;
}

static void
write_entry(struct table *table, uint32_t name, const struct name_text *text, uint64_t extent,
            uint64_t binding)
{
    struct lode_entry *at = &table->entries[name];
    at->extent = extent;
    at->size = text->size;
    at->dtype = 0;
    at->kind = at->object_class = at->ndim = at->flags = 0;
    at->created_ns = (uint64_t)table->now_ns;
    table->truths[name].stored = extent == LODE_EXTENT_INLINE ? 0 : text->size;
    memcpy(object_data(table, name), text->text, text->size);
    atomic_store_explicit(&at->binding, binding, memory_order_relaxed);
}

static lode_err
next_version(uint64_t *version)
{
    if (*version == LODE_VERSION_MAX) {
        return lode_fail_with(LODE_ELIMIT, "names were bound %llu times, and no more can be told",
                              (unsigned long long)LODE_VERSION_MAX);
    }
    ++*version;
    return LODE_OK;
}

static lode_err
make_name(struct table *table, const struct name_text *text, uint32_t object, uint32_t *name_out)
{
    uint64_t extent = LODE_EXTENT_INLINE;
    uint64_t version = table->versions_ended;
    uint32_t name;
    LODE_TRY(next_version(&version));
    if (text->size > LODE_INLINE_MAX) {
        LODE_TRY(object_room_now(table, text->size, &extent));
    }
    lode_err err = table_take(table, text->id, false, &name);
    if (err != LODE_OK) {
        goto free_room;
    }
    err = ref_name(table, object);
    if (err != LODE_OK) {
        goto give_back;
    }
    err = list_add(table, name);
    if (err != LODE_OK) {
        goto unname;
    }
    write_entry(table, name, text, extent, lode_binding_make(version, object));
    object_become(table, name, LODE_ENTRY_FREE, LODE_ENTRY_SEALED);
    *name_out = name;
    return LODE_OK;

unname:
    ref_unname(table, object);
give_back:
    table_remove(table, name);
    table_give_back(table, name);
free_room:
    if (extent != LODE_EXTENT_INLINE) {
        arena_free(table->arena, extent, text->size);
    }
    return err;
}

lode_err
name_bind(struct table *table, const struct name_text *text, uint32_t object, bool replace,
          uint32_t *name_out, bool *new_out)
{
    uint32_t name;
    lode_err err = name_find(table, text, &name);
    *new_out = err == LODE_ENOTFOUND;
    if (err == LODE_ENOTFOUND) {
        return make_name(table, text, object, name_out);
    }
    LODE_TRY(err);
    if (!replace) {
        return lode_fail_with(LODE_EEXIST,
                              "the name '%.*s%s%.*s' is taken: LODE_NAME_REPLACE binds it anew",
                              NAME_PARTS(text));
    }
    uint32_t old = name_object(table, name);
    uint64_t binding = binding_of(table, name), version = lode_binding_version(binding);
    LODE_TRY(next_version(&version));
    LODE_TRY(ref_name(table, object));
    bind(table, name, lode_binding_make(version, object) | (binding & LODE_BINDING_TOLD));
    ref_unname(table, old);
    *name_out = name;
    return LODE_OK;
}

/* A name that is set once more later begins above all versions that it had. */
static void
note_end(struct table *table, uint32_t name)
{
    uint64_t binding = binding_of(table, name), version = lode_binding_version(binding);
    if (version > table->versions_ended) {
        table->versions_ended = version;
    }
    if (binding & LODE_BINDING_TOLD) {
        uint32_t bucket = lode_wake_bucket(table_hash(table, table->entries[name].id));
        table->told_ended[bucket / 64] |= UINT64_C(1) << bucket % 64;
        table->any_told_ended = true;
    }
}

void
name_unbind(struct table *table, uint32_t name)
{
    uint32_t object = name_object(table, name);
    note_end(table, name);
    list_remove(table, name);
    table_remove(table, name);
    table->truths[name].flags |= TRUTH_DELETED;
    bind(table, name, 0);
    candidate_add(table, name); /* a reader may have it pinned */
    ref_unname(table, object);
}

/* The last name takes the place of one that ends, and was looked at before. */
bool
names_forget_part(struct table *table, uint32_t object, uint32_t *left, uint32_t most)
{
    while (table->truths[object].names > 0 && most-- > 0) {
        if (*left == 0 || *left > table->name_count) {
            *left = table->name_count; /* 0: it was given a name meanwhile */
        }
        uint32_t name = table->names[--*left];
        if (name_object(table, name) == object) {
            name_unbind(table, name);
        }
    }
    return table->truths[object].names == 0;
}
