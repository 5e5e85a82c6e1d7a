/*
 * truth.h: the store's private file: who refers to what. The store believes this file. The index is
 * a copy for clients, who cannot map the truth. It is a sparse tmpfs file, `truth` in LODE_SHM_DIR.
 *
 *   offset        part                                      grows
 *   0             struct truth_header                       no
 *   4 KiB         struct truth_row[LODE_SESSION_ROWS]       no
 *   rows end      struct truth_entry[LODE_ENTRY_MAX]        with the index's entries
 *   entries end   struct truth_ref[TRUTH_REF_MAX]           in steps
 *   refs end      struct truth_hold[TRUTH_HOLD_MAX]         in steps
 *
 * Numbers in links are one more than the record's number; 0 is none. Record 0 of each array exists.
 *
 * Invariant  refs of an entry = its birth reference (0 or 1) + the counts of its truth_ref chain
 *            + names bound to it + containers that hold it (table_check() adds them up).
 * Crash rule a record was written before it was linked. Counts can be added up anew.
 */
#ifndef LODE_STORE_TABLE_TRUTH_H
#define LODE_STORE_TABLE_TRUTH_H

#include "api/layout/index.h"

#define TRUTH_MAGIC UINT64_C(0x31687475724c534c)

enum { TRUTH_REF_MAX = 8 << 20, TRUTH_HOLD_MAX = 4 << 20, TRUTH_STEP = 4096 };

struct truth_header {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t pad;
    uint64_t generation;
    uint8_t boot_id[16];
    uint32_t ref_count, hold_count; /* records that have memory */
    uint32_t ref_free, hold_free;   /* first free record + 1 */
};

struct truth_row {
    uint64_t session;   /* 0: the row is free */
    uint32_t first_ref; /* of the session's chain */
    uint32_t flags;
    int64_t pid;
    uint64_t expected;     /* EXPECTED entries of others' ids that it is charged with: expected.h */
    uint64_t expected_own; /* the same, of ids of its own */
    uint64_t pad[3];
};
static_assert(sizeof(struct truth_row) == 64, "truth.h");

enum truth_flag {
    TRUTH_BIRTH = 1,      /* the session in the id still holds the reference it had from birth */
    TRUTH_DELETED = 2,    /* no longer in the table; goes with its last pin */
    TRUTH_PROMISED = 4,   /* a result of an ended session that the scheduler still owes */
    TRUTH_CANDIDATE = 8,  /* waits in the list of those that may be freed */
    TRUTH_PINNED = 16,    /* the scan under way found a pin of it; never set between scans */
    TRUTH_SCANNED = 32,   /* the scan under way looks for its pins; never set between scans */
    TRUTH_OWNED = 64,     /* linked in its id's session's list */
    TRUTH_DRAFT = 128,    /* linked in its maker's list of drafts */
    TRUTH_IN_TABLE = 256, /* a slot of the table leads to it */
    TRUTH_UNREADY = 512,  /* a draft whose CREATE is not answered yet */
    TRUTH_NAMED = 1024,   /* a draft that the COMMIT being read has named */
    TRUTH_COUNTED = 2048  /* its bytes were counted as pinned; set in answers.c only */
};

struct truth_entry {
    uint32_t refs;
    uint32_t flags;                /* enum truth_flag */
    uint32_t first_ref;            /* chain of truth_ref */
    uint32_t first_hold;           /* chain of truth_hold: what this object holds */
    uint32_t own_next, own_prev;   /* entries of one session's ids: born there, or expected */
    uint32_t link_next, link_prev; /* free list; drafts of one session; EXPECTED: expected.h */
    uint32_t names;        /* names bound to it; of a name: its place in the list of names */
    uint32_t first_holder; /* chain of truth_hold: by which it is held */
    uint64_t stored;       /* bytes asked of the arena; valid with an extent */
    uint64_t maker_session;
    uint32_t maker_row;
    uint32_t candidate_next; /* with TRUTH_CANDIDATE, whatever the entry is by now */
};
static_assert(sizeof(struct truth_entry) == 64, "truth.h");

struct truth_ref {
    uint32_t entry; /* + 1; 0: the record is free, entry_next links it */
    uint32_t row;
    uint32_t count;
    uint32_t entry_next, entry_prev;
    uint32_t session_next, session_prev;
    uint32_t pad;
};
static_assert(sizeof(struct truth_ref) == 32, "truth.h");

struct truth_hold {
    uint32_t entry; /* + 1: the entry that is held; 0: the record is free, or that was deleted */
    uint32_t next;  /* of the container's chain, or of the free ones */
    uint32_t held_next, held_prev; /* of the chain of the entry that is held */
};
static_assert(sizeof(struct truth_hold) == 16, "truth.h");

#define TRUTH_ROWS_OFFSET    ((uint64_t)LODE_PAGE)
#define TRUTH_ENTRIES_OFFSET (TRUTH_ROWS_OFFSET + LODE_SESSION_ROWS * sizeof(struct truth_row))
#define TRUTH_REFS_OFFSET                                                                          \
    (TRUTH_ENTRIES_OFFSET + (uint64_t)LODE_ENTRY_MAX * sizeof(struct truth_entry))
#define TRUTH_HOLDS_OFFSET (TRUTH_REFS_OFFSET + (uint64_t)TRUTH_REF_MAX * sizeof(struct truth_ref))
#define TRUTH_BYTES        (TRUTH_HOLDS_OFFSET + (uint64_t)TRUTH_HOLD_MAX * sizeof(struct truth_hold))

#endif
