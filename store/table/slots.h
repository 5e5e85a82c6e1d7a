/*
 * slots.h: the hash table of the index, which leads from an id to its entry: linear probing over
 * 32-bit slots with a tag of the id's hash (index.h [3]).
 *
 * A greater table, or one without tombstones, is never built in one go: for millions of objects
 * that takes most of a second. The next one is filled a little with each id that is entered or
 * removed. Meanwhile readers use the present one, and what is entered or removed counts in both.
 * When the next one has all ids it is published. As a rule that is long before the present one is
 * full: it is half full when a greater one is begun, and grows by a sixteenth of its size
 * meanwhile. Where many entries were made for credit and few ids entered, the last part is done in
 * one go.
 */
#ifndef LODE_STORE_TABLE_SLOTS_H
#define LODE_STORE_TABLE_SLOTS_H

#include <lode/object.h>
#include <stdatomic.h>

struct table;

struct slots_region {
    _Atomic uint32_t *slot; /* as index.h says; NULL: there is no region */
    uint64_t mask;
    uint64_t word; /* the table word under which it is published */
    uint64_t used, tombstones;
};

/* Part of the table; zeroed: there are no slots yet. */
struct slots {
    struct slots_region now, next;
    uint64_t cleared; /* slots of `next` that are fit for use */
    uint32_t copied;  /* entries that were looked at, once all slots of `next` are */
};

/*
 * There are to be 2^log2 slots. The memory of both regions of that size must be there. The first
 * table is published at once; a greater one is begun.
 */
void slots_grow(struct table *table, uint32_t log2);

/* The entry of an id. False: none. */
bool slots_find(const struct table *table, lode_id id, uint32_t *entry_out);

/*
 * Enters the entry under the id that it has, in the place of another entry of that id: `old_out`;
 * false: there was none. Cannot fail.
 */
bool slots_enter(struct table *table, uint32_t entry, uint32_t *old_out);

/* Takes out an entry that is in. */
void slots_remove(struct table *table, uint32_t entry);

#endif
