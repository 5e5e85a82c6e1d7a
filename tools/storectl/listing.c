#include "tools/storectl/listing.h"

#include "api/base/fail.h"
#include "tools/cli/describe.h"
#include "tools/cli/document.h"
#include "tools/cli/word.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
grow(void **list, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return true;
    }
    size_t wanted = *room > 0 ? *room * 2 : 64;
    void *bigger = reallocarray(*list, wanted, size);
    if (bigger == NULL) {
        return false;
    }
    *list = bigger;
    *room = wanted;
    return true;
}

struct filling {
    lode *db;
    struct listing *listing;
    bool no_memory;
};

static bool
note_object(const lode_object_info *info, void *arg)
{
    struct filling *filling = arg;
    struct listing *l = filling->listing;
    if (!grow((void **)&l->objects, l->count, &l->room, sizeof *l->objects)) {
        filling->no_memory = true;
        return false;
    }
    l->objects[l->count++] = *info;
    return true;
}

/* A look into the index; the pin tells whether the version is that of the object listed. */
static uint64_t
version_of(lode *db, const char *space, const char *name, lode_id id)
{
    lode_view view;
    uint64_t version;
    if (lode_name_wait(db, space, name, 0, 0, &view, &version) != LODE_OK) {
        return 0;
    }
    bool is_same = lode_id_equal(view.id, id);
    lode_release(&view);
    return is_same ? version : 0;
}

static bool
note_name(const char *space, const char *name, lode_id id, void *arg)
{
    struct filling *filling = arg;
    struct listing *l = filling->listing;
    char *text = NULL;
    if (!grow((void **)&l->names, l->name_count, &l->name_room, sizeof *l->names) ||
        (text = word_of_name(space, name)) == NULL) {
        filling->no_memory = true;
        return false;
    }
    l->names[l->name_count++] = (struct listed_name){
        .id = id, .text = text, .version = version_of(filling->db, space, name, id)};
    return true;
}

static int
by_id(const void *a, const void *b)
{
    const struct listed_name *x = a, *y = b;
    int order = memcmp(&x->id, &y->id, sizeof x->id);
    return order != 0 ? order : strcmp(x->text, y->text);
}

lode_err
listing_read(lode *db, bool with_objects, struct listing *listing_out)
{
    struct listing listing = {0};
    struct filling filling = {.db = db, .listing = &listing};
    lode_err err = lode_name_list(db, NULL, note_name, &filling);
    if (err == LODE_OK && with_objects) {
        err = lode_list(db, note_object, &filling);
    }
    if (err == LODE_OK && filling.no_memory) {
        err = lode_fail_with(LODE_ENOMEM, "no memory for a list of %zu objects and %zu names",
                             listing.count, listing.name_count);
    }
    if (err != LODE_OK) {
        listing_free(&listing);
        return err;
    }
    if (listing.name_count > 0) {
        qsort(listing.names, listing.name_count, sizeof *listing.names, by_id);
    }
    *listing_out = listing;
    return LODE_OK;
}

void
listing_free(struct listing *listing)
{
    for (size_t i = 0; i < listing->name_count; i++) {
        free(listing->names[i].text);
    }
    free(listing->names);
    free(listing->objects);
}

size_t
listing_names(const struct listing *listing, lode_id id, const struct listed_name **first_out)
{
    size_t low = 0, high = listing->name_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(&listing->names[middle].id, &id, sizeof id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t end = low;
    while (end < listing->name_count && lode_id_equal(listing->names[end].id, id)) {
        end++;
    }
    *first_out = end > low ? &listing->names[low] : NULL;
    return end - low;
}

size_t
listing_print_names(const struct listing *listing, lode_id id, bool with_versions)
{
    const struct listed_name *first;
    size_t count = listing_names(listing, id, &first);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        describe_text(first[i].text, stdout);
        if (with_versions && first[i].version > 0) {
            printf(" (version %llu)", (unsigned long long)first[i].version);
        }
    }
    return count;
}

void
listing_add_names(const struct listing *listing, lode_id id, json_t *object)
{
    const struct listed_name *first;
    size_t count = listing_names(listing, id, &first);
    json_t *names = json_array(), *versions = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(names, document_text(first[i].text));
        json_array_append_new(versions, document_u64(first[i].version));
    }
    json_object_set_new(object, "names", names);
    json_object_set_new(object, "name_versions", versions);
}
