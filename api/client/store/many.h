/*
 * many.h: one lode_wait() of many objects, for the files that it is made of: wait.c watches and
 * sleeps; missing.c finds the place of an id; check_now.c looks into the index, and is for timeout
 * 0; watch_rows.c is for ids in a row, watch_filter.c for many ids in no order.
 */
#ifndef LODE_CLIENT_MANY_H
#define LODE_CLIENT_MANY_H

#include "api/client/channel/patience.h"
#include "api/client/session/handle.h"
#include "api/client/store/rows.h"

/*
 * Waiting for many objects. Those that are in the index count at once. The others are watched: the
 * store tells once of each id that it is there, or will never be. An id that the caller gave more
 * than once is watched once and counts each time.
 */
struct lode_many {
    struct lode_watch watch; /* first: a watch is found back by it */
    lode *db;
    const lode_id *ids;
    size_t count, want;
    struct lode_row rows[LODE_ROWS_MAX]; /* watched as such; the other ids one by one */
    size_t row_count;
    size_t ready_count;
    bool is_refused;               /* the store watches one of them not, for a limit */
    struct lode_msg_ready refused; /* that one, then */
    bool is_starved;               /* the store has no memory for one of them */
    bool has_filter;         /* the ids of users' choice are watched by one, if they are listed */
    bool has_promised;       /* and so are those of sessions */
    struct lode_span *spans; /* of these; NULL: has_promised was never set */
    bool has_others; /* others are watched, in rows or one by one: these may come by rings */
    bool is_behind;  /* calls.mu; the filter has gone: this process had too much unread */
    bool must_look;  /* calls.mu; the store has lost what it should have told */
    bool *ready;
    size_t listed, end; /* how many places are, and where the last of them ends */
    bool has_table;     /* some ids are watched one by one */
    uint32_t *table;    /* by hash: 1 + the last index with an id, and bits of its hash; 0: empty */
    uint32_t *same;     /* 1 + the index before with the same id; ALONE: none; 0: not listed */
    size_t mask;        /* of the table */
    uint32_t index_mask; /* in a place of the table: the index; the other bits are of the hash */
    const struct lode_patience *patience;
};

static inline uint64_t
lode_many_hash(const struct lode_many *m, lode_id id)
{
    return lode_id_hash(id, m->db->index.hash_key);
}

static inline bool
lode_is_there(lode *db, lode_id id, uint64_t hash)
{
    uint64_t word;
    const struct lode_entry *entry = lode_index_find(&db->index, id, hash, &word);
    return entry != NULL && lode_word_readable(word);
}

static inline void
lode_many_mark(struct lode_many *m, size_t i)
{
    if (!m->ready[i]) {
        m->ready[i] = true;
        m->ready_count++;
    }
}

enum {
    LODE_MANY_BATCH = 16,      /* ids whose cache misses are on their way together */
    LODE_FILTER_LEAST = 1 << 9 /* fewer ids of one sort are watched one by one */
};
#define LODE_MANY_ALONE UINT32_MAX

/* `i` is the place of an id. If a row begins there, it becomes that of the row's last id. */
static inline bool
lode_many_skip_row(const struct lode_many *m, size_t *row, size_t *i)
{
    if (*row == m->row_count || *i != m->rows[*row].at) {
        return false;
    }
    *i += m->rows[(*row)++].count - 1;
    return true;
}

/*
 * Lists the ids that are missing, but for those in rows, by hash: before the first packet is sent,
 * since from then on notices may come at any time. Errors: LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err lode_many_list_missing(struct lode_many *m);

/* Marks all places of an id: the caller may have given it more than once. */
void lode_many_mark_all(struct lode_many *m, lode_id id);

/*
 * Marks what is in the index. Stops as soon as `want` objects are found. So a program that waits
 * for one of a thousand objects, again and again, looks at a few ids each time, and not at all
 * thousand.
 */
void lode_many_scan(struct lode_many *m);

/* For timeout 0, after a first look into the index. It arms nothing. Errors: as lode_wait(). */
LODE_MUST_CHECK lode_err lode_many_check_now(struct lode_many *m);

/* The same while the ids are watched: notices mark as well, and wake the thread that waits. */
void lode_many_found(struct lode_many *m, size_t at);
void lode_many_found_id(struct lode_many *m, lode_id id);

/*
 * Has the missing ids watched by a filter if they are many: those of users' choice, and those of
 * sessions. Then it looks at them once more. m->has_filter says whether they are: the store may
 * refuse. Errors: as lode_wait().
 */
LODE_MUST_CHECK lode_err lode_many_watch_filter(struct lode_many *m);

/* calls.mu */
static inline bool
lode_many_is_done(const struct lode_many *m)
{
    return m->ready_count >= m->want || m->is_refused || m->is_starved;
}

/* True, once: the store has lost what it should have told, and there is more to wait for. */
bool lode_many_must_look(struct lode_many *m);

/* The second look: those that are watched by the filter, if there is one. */
LODE_MUST_CHECK lode_err lode_many_check_filter(struct lode_many *m);

/* Whether the place is of an id that the filter watches. */
static inline bool
lode_many_is_filtered(const struct lode_many *m, size_t i)
{
    enum lode_id_kind kind = lode_id_kind(m->ids[i]);
    return m->same[i] != 0 && (kind == LODE_ID_USER || (m->has_promised && kind != LODE_ID_NAME));
}

/*
 * Has the rows watched. Errors: LODE_ELIMIT, LODE_ENOMEM the store watches no more rows, but may
 * watch their ids one by one; others as lode_wait().
 */
LODE_MUST_CHECK lode_err lode_many_watch_rows(const struct lode_many *m);

/* After that: asks what was decided before, or has lain in a ring since. Errors: as lode_wait(). */
LODE_MUST_CHECK lode_err lode_many_check_rows(struct lode_many *m);

#endif
