/* listing.h: all objects of a store with their names, at one moment more or less. */
#ifndef LODE_TOOLS_STORECTL_LISTING_H
#define LODE_TOOLS_STORECTL_LISTING_H

#include <jansson.h>
#include <lode/lode.h>

struct listed_name {
    lode_id id;
    char *text;       /* "NAME", "SPACE/NAME" */
    uint64_t version; /* 0: the name went, or was bound anew, while it was listed */
};

struct listing {
    lode_object_info *objects;
    size_t count, room;
    struct listed_name *names; /* sorted by id, then text */
    size_t name_count, name_room;
};

/* Errors: LODE_EDOWN, LODE_ENOMEM. End it with listing_free(). */
LODE_MUST_CHECK lode_err listing_read(lode *db, bool with_objects, struct listing *listing_out);
void listing_free(struct listing *listing);

/* The names of an object: how many, and the first; the others follow it. */
size_t listing_names(const struct listing *listing, lode_id id,
                     const struct listed_name **first_out);

/* Prints them on stdout, with or without their versions. Returns how many. */
size_t listing_print_names(const struct listing *listing, lode_id id, bool with_versions);

/* Adds "names", a list of strings, and "name_versions", a list of numbers, to a JSON object. */
void listing_add_names(const struct listing *listing, lode_id id, json_t *object);

#endif
