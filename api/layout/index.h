/*
 * index.h: the index file: which objects there are, where their bytes lie, who may be woken.
 *
 * The store maps it read-write and is the only writer; every client maps it READ ONLY. The file is
 * sparse; what a client may touch was fallocated before its offset or number was published.
 *
 *   offset       part                                written by   order            read by
 *   0            struct lode_index_header            store        see the fields   clients
 *   4 KiB        struct lode_wake[LODE_WAKE_BUCKETS] store        [4]              clients
 *   12 KiB       struct lode_session_row[…]          store        [5]              that client
 *   sessions end struct lode_entry[LODE_ENTRY_MAX]   store        [1] [2]          clients
 *   entries end  tables: for k = LODE_TABLE_LOG2_MIN .. MAX, two regions of 2^k uint32_t each:
 *                tag:9 | entry number + 1:23; 0 empty; LODE_TABLE_TOMBSTONE
 *
 * [1] A get finds the entry (acquire loads), checks id and word, writes the pin (seq_cst), and
 *     reads the word again (seq_cst). If the word is the same and its state readable, the object
 *     stays until the pin is cleared. Size, extent and the rest are read AFTER that check.
 * [2] Entries are type-stable: never moved, never used for anything else. The generation in the
 *     word grows each time that the entry is freed. Fields of an entry are written before its
 *     state becomes SEALED (release) and never while it is readable; only `binding` of a name
 *     changes, by one atomic store.
 * [3] The table word {epoch, log2 of size, region} is published (release) after its slots. An old
 *     table may be rewritten while a slow reader is still in it. The reader may then miss what is
 *     there. It never finds what is not, since the id is compared in the entry. A miss in the index
 *     is no answer: the reader asks the store. A miss is certain only if the table word was the
 *     same before and after it, and no entry with the id was found.
 * [4] counter: clients FUTEX_WAIT on it. The store adds one and wakes them when an id of the bucket
 *     was sealed, or when a waiter should look again.
 *     waited: not 0 while a client may wait in the bucket. A putter reads it after publishing its
 *     ring's tail and a seq_cst fence.
 * [5] The ring's position only grows. The store may lower the limits of credit to what the session
 *     has spent. See session.h [4].
 * [6] awaited: not 0 while each put of this session under an id that it reserved is told. Its
 *     client rings for each, and the store adds one to the bucket's counter, whether a client waits
 *     or not. So a client that reads the counter, then `awaited`, and then misses the id may sleep
 *     without a WAIT: it finds what was sealed before the word was set. When the word goes back to
 *     0, every counter changes after it.
 * [7] The same for a name that exists: while its binding says so, the store adds one to the counter
 *     of the name's bucket each time after it has changed the binding, whether a client waits or
 *     not. So a client that reads the counter, then the binding, and finds the binding told and its
 *     version old, may sleep without a WAIT. The binding stops to be told, or ends, by a change of
 *     it, and the counter changes after that, too.
 * [8] session: the number, and LODE_ROW_DOZES while the store does not look at the session's ring
 *     and pins. The client reads it after it published a record and fenced, and after it wrote a
 *     pin and fenced. If the bit is set, the client rings the doorbell, and fences. After a pin it
 *     then reads the entry's word once more, also if the bit is not set: the session may have begun
 *     to be awake after a batch of freeing did not see the pin. Only for sessions that said
 *     LODE_HELLO_RINGS. The argument stands in store/state/doze.h.
 *
 * Invariant: an entry whose number a table slot holds has had that id since the slot was written,
 * and the slot's tag is of that id's hash.
 * Crash rule: after every single write readers can use the index. The table can be built anew from
 * the entries.
 */
#ifndef LODE_LAYOUT_INDEX_H
#define LODE_LAYOUT_INDEX_H

#include <assert.h>
#include "api/layout/id.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define LODE_INDEX_MAGIC UINT64_C(0x317865646e49444c) /* "LDIndex1" */
enum { LODE_LAYOUT_MAJOR = 2, LODE_LAYOUT_MINOR = 0 };

enum {
    LODE_PAGE = 4096,
    LODE_LINE = 64,
    LODE_SEGMENT_MAX = 256,
    LODE_WAKE_BUCKETS = 1024,
    LODE_SESSION_ROWS = 4096,
    LODE_ENTRY_MAX = 4 << 20,
    LODE_TABLE_LOG2_MIN = 13,
    LODE_TABLE_LOG2_MAX = 23,
    LODE_INLINE_MAX = 64 /* a blob or scalar of up to so many bytes lies in its entry */
};

/* States of an entry; edges and their functions: store/README.md. */
enum lode_entry_state {
    LODE_ENTRY_FREE = 0,
    LODE_ENTRY_EXPECTED = 1, /* not born; remembers references taken or dropped before birth */
    LODE_ENTRY_CREATED = 2,  /* being written by its maker */
    LODE_ENTRY_SEALED = 3,   /* readable */
    LODE_ENTRY_WANTED = 4,   /* readable; a client that clears a pin on it says so */
    LODE_ENTRY_DOOMED = 5,   /* the store looks whether it is pinned: a reader asks the store */
    LODE_ENTRY_SPILLED = 6   /* number reserved */
};

static inline uint64_t
lode_word_make(uint64_t generation, enum lode_entry_state state)
{
    return generation << 8 | (uint64_t)state;
}

static inline enum lode_entry_state
lode_word_state(uint64_t word)
{
    return (enum lode_entry_state)(word & 0xff);
}

static inline uint64_t
lode_word_generation(uint64_t word)
{
    return word >> 8;
}

static inline bool
lode_word_readable(uint64_t word)
{
    return lode_word_state(word) == LODE_ENTRY_SEALED || lode_word_state(word) == LODE_ENTRY_WANTED;
}

enum { LODE_ENTRY_STRIDED = 1 }; /* flags: the extent begins with int64_t strides[8] */

/* Where the bytes are: segment << 48 | offset / 64, or LODE_EXTENT_INLINE. */
#define LODE_EXTENT_INLINE UINT64_MAX

static inline uint64_t
lode_extent_make(uint32_t segment, uint64_t offset_bytes)
{
    return (uint64_t)segment << 48 | offset_bytes / LODE_LINE;
}

static inline uint32_t
lode_extent_segment(uint64_t extent)
{
    return (uint32_t)(extent >> 48);
}

static inline uint64_t
lode_extent_offset(uint64_t extent)
{
    return (extent & ((UINT64_C(1) << 48) - 1)) * LODE_LINE;
}

struct lode_entry {
    _Atomic uint64_t word; /* generation << 8 | state */
    lode_id id;
    uint64_t extent;
    uint64_t size; /* of the data, without strides */
    uint32_t dtype;
    uint8_t kind;         /* enum lode_kind */
    uint8_t object_class; /* enum lode_object_class */
    uint8_t ndim;
    uint8_t flags;
    _Atomic uint64_t binding; /* a name: lode_binding_make(); 0: it has ended */
    uint64_t created_ns;      /* CLOCK_MONOTONIC */
    union {
        uint8_t bytes[LODE_INLINE_MAX]; /* extent == LODE_EXTENT_INLINE */
        int64_t shape[LODE_MAX_NDIM];   /* ndim > 0 */
    } u;
};
static_assert(sizeof(struct lode_entry) == 128, "index.h");
static_assert(offsetof(struct lode_entry, extent) == 24, "index.h");
static_assert(offsetof(struct lode_entry, u) == LODE_LINE, "index.h");

/*
 * What a name stands for, in one word, so that a reader sees an object with its version:
 *
 *   version << 24 | is_told [7] << 23 | the object's entry number + 1
 */
#define LODE_BINDING_TOLD UINT64_C(0x800000)
enum { LODE_BINDING_SHIFT = 24 };
#define LODE_VERSION_MAX ((UINT64_C(1) << (64 - LODE_BINDING_SHIFT)) - 1)
static_assert(LODE_ENTRY_MAX < LODE_BINDING_TOLD, "index.h");

static inline uint64_t
lode_binding_make(uint64_t version, uint32_t entry)
{
    return version << LODE_BINDING_SHIFT | (entry + 1);
}

static inline uint64_t
lode_binding_version(uint64_t binding)
{
    return binding >> LODE_BINDING_SHIFT;
}

/* The object's entry number + 1. */
static inline uint32_t
lode_binding_target(uint64_t binding)
{
    return (uint32_t)(binding & (LODE_BINDING_TOLD - 1));
}

struct lode_wake {
    _Atomic uint32_t counter;
    _Atomic uint32_t waited;
};

/* One session, as its client and the store see it. */
struct lode_session_row {
    _Atomic uint64_t session;        /* [8] 0: free, or over: no new pin is heeded */
    _Atomic uint64_t ring_head;      /* bytes of the ring that the store has applied */
    _Atomic uint64_t credit_pages;   /* pages that its puts may have used, since the start */
    _Atomic uint64_t credit_entries; /* entries that its records may have used, since the start */
    _Atomic uint32_t credit_wake;    /* FUTEX_WAIT for ring room or credit; the store adds one */
    uint32_t flags;
    _Atomic uint32_t awaited;      /* [6] */
    _Atomic uint32_t expected;     /* ids of others that it refers to, and that do not exist yet */
    _Atomic uint32_t expected_own; /* the same of its own */
    _Atomic uint32_t refused;      /* TAKE records that could not be applied: no memory */
    _Atomic uint32_t ring_backed;  /* bytes of the ring that have memory: session.h [5]; 0: all */
    uint32_t pad;
};
static_assert(sizeof(struct lode_session_row) == LODE_LINE, "index.h");

/* flags: those of the HELLO (store_msg.h), and what the store does for the session. */
enum { LODE_ROW_PLAIN_RELEASE = 1 << 16 }; /* session.h [2]: its releases need no fence */

#define LODE_ROW_DOZES (UINT64_C(1) << 63)

/* Whether the row is that session's, awake or not. */
static inline bool
lode_row_is_of(const struct lode_session_row *row, uint64_t session)
{
    return (atomic_load_explicit(&row->session, memory_order_acquire) & ~LODE_ROW_DOZES) == session;
}

/*
 * What all sessions together have almost used up. A client then takes references by packets, which
 * can be refused, and not by records. The first two stay once they are set. The others are set when
 * the store finds no memory for more, and go when it finds some, or when enough are free again.
 */
enum {
    LODE_SCARCE_REFS = 1,    /* more than half of all references that there can be */
    LODE_SCARCE_ENTRIES = 2, /* more than 7/8 of all entries: for ids that do not exist yet */
    LODE_SCARCE_REF_MEMORY = 4,
    LODE_SCARCE_ENTRY_MEMORY = 8 /* for ids that do not exist yet */
};

struct lode_index_header {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t page_size;
    uint64_t generation; /* of the store: another one is another index */
    uint8_t boot_id[16];
    uint64_t hash_key[2];
    int64_t store_pid;
    _Atomic uint32_t entry_count; /* entries that may be touched: release */
    _Atomic uint32_t down;        /* 1: the store has ended in good order */
    _Atomic uint64_t table;       /* [3] epoch << 16 | log2 << 8 | region (0 or 1) */
    _Atomic uint64_t next_session;
    _Atomic uint32_t segment_count; /* release, after its size */
    _Atomic uint32_t scarce;        /* LODE_SCARCE_… */
    uint64_t segment_bytes[LODE_SEGMENT_MAX];
};
static_assert(sizeof(struct lode_index_header) <= LODE_PAGE, "index.h");

#define LODE_WAKE_OFFSET    ((uint64_t)LODE_PAGE)
#define LODE_ROWS_OFFSET    (LODE_WAKE_OFFSET + LODE_WAKE_BUCKETS * sizeof(struct lode_wake))
#define LODE_ENTRIES_OFFSET (LODE_ROWS_OFFSET + LODE_SESSION_ROWS * sizeof(struct lode_session_row))
#define LODE_TABLES_OFFSET                                                                         \
    (LODE_ENTRIES_OFFSET + (uint64_t)LODE_ENTRY_MAX * sizeof(struct lode_entry))
#define LODE_INDEX_BYTES                                                                           \
    (LODE_TABLES_OFFSET + 2 * sizeof(uint32_t) * (UINT64_C(2) << LODE_TABLE_LOG2_MAX))
static_assert(LODE_ENTRIES_OFFSET % LODE_PAGE == 0, "index.h");

#define LODE_TABLE_TOMBSTONE UINT32_MAX

/*
 * The tag is nine bits of the id's hash. Who looks for an id touches the entries of those slots
 * only whose tag is the id's: of another id's, one in 512.
 */
#define LODE_SLOT_NUMBER_MASK ((UINT32_C(1) << 23) - 1)
static_assert(LODE_ENTRY_MAX < LODE_SLOT_NUMBER_MASK, "index.h: a tombstone leads to no entry");

static inline uint32_t
lode_slot_make(uint64_t hash, uint32_t entry)
{
    return ((uint32_t)(hash >> 32) & ~LODE_SLOT_NUMBER_MASK) | (entry + 1);
}

/* False: the slot leads to another id, or to none. True: it may lead to an id of this hash. */
static inline bool
lode_slot_fits(uint32_t slot, uint64_t hash)
{
    return (slot ^ (uint32_t)(hash >> 32)) <= LODE_SLOT_NUMBER_MASK;
}

/* The entry that the slot leads to; LODE_ENTRY_MAX or more: none. */
static inline uint32_t
lode_slot_entry(uint32_t slot)
{
    return (slot & LODE_SLOT_NUMBER_MASK) - 1;
}

static inline uint64_t
lode_table_make(uint64_t epoch, uint32_t log2, uint32_t region)
{
    return epoch << 16 | (uint64_t)log2 << 8 | region;
}

static inline uint32_t
lode_table_log2(uint64_t table)
{
    return table >> 8 & 0xff;
}

/* Offset in the file of a table's slots: the sizes below it come first, each twice. */
static inline uint64_t
lode_table_offset(uint64_t table)
{
    uint64_t slots = UINT64_C(1) << lode_table_log2(table);
    uint64_t before = 2 * (slots - (UINT64_C(1) << LODE_TABLE_LOG2_MIN));
    return LODE_TABLES_OFFSET + sizeof(uint32_t) * (before + (table & 1) * slots);
}

/*
 * Keyed hash (H21): one 64 × 64 → 128 bit multiply, folded, as in wyhash, and mixed once more. Ids
 * are counted up: without the second step one key in a hundred put them into long chains.
 *
 * Four ids that differ in their lowest two bits only are a group, as ids of a session that follow
 * each other are. Those of one group have the same hash but for these two bits, which are added
 * without a carry in four places: where the slot's place in its cache line is taken from (the home
 * slots of a group are every fourth slot of one line, so that four groups fit in between each
 * other), the head of a chain of waits, the wake bucket, and the tag. Who chooses ids to do harm
 * can bring four of them together and no more. Groups of eight were no better: at load 1/2 they
 * overflow the line as often as they save one.
 *
 * How many slots are looked at, counted with 2^20 slots and ids that are counted up. While the
 * table is filled to 1/2: 2.0 an id on average, and 4.7 for those entered last. A store that puts
 * and drops has tombstones, too, up to 6/8 of the slots: with half of them live, an enter looks at
 * 14 (368 at worst), since it must see that the id is not there, and a find at 2.6. A line has 16
 * slots, so what counts for time is the lines: about two for such an enter.
 */
enum { LODE_ID_GROUP = 4 };
#define LODE_ID_GROUP_SPREAD                                                                       \
    (UINT64_C(1) << 2 | UINT64_C(1) << 24 | UINT64_C(1) << 48 | UINT64_C(1) << 62)
static_assert(LODE_TABLE_LOG2_MAX < 24, "index.h: a group's home slots are in one line");

static inline uint64_t
lode_id_hash(lode_id id, const uint64_t key[2])
{
    uint64_t low = lode_id_low(id);
    unsigned __int128 product =
        (unsigned __int128)(lode_id_high(id) ^ key[0]) * (low / LODE_ID_GROUP ^ key[1]);
    uint64_t hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return (hash ^ hash >> 32) ^ low % LODE_ID_GROUP * LODE_ID_GROUP_SPREAD;
}

/*
 * Linear probing: the i-th slot to look into (i below the table's size); 0 there ends the search.
 */
static inline uint64_t
lode_table_probe(uint64_t table, uint64_t hash, uint64_t i)
{
    return (hash + i) & ((UINT64_C(1) << lode_table_log2(table)) - 1);
}

static inline uint32_t
lode_wake_bucket(uint64_t hash)
{
    return (uint32_t)(hash >> 40) % LODE_WAKE_BUCKETS;
}

#endif
