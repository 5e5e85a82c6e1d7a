/*
 * rows.h: ids in a row among those of a lode_wait(): of tasks that one session submitted one after
 * the other, or of one lode_reserve(). The store is asked about a row, or told to watch it, in one
 * packet.
 */
#ifndef LODE_CLIENT_ROWS_H
#define LODE_CLIENT_ROWS_H

#include <lode/object.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The ids at the places from `at` on, each `step` above the one before. */
struct lode_row {
    size_t at;
    uint32_t count; /* LODE_STORE_ROW_MAX at most */
    uint32_t step;  /* 1 to LODE_STORE_STEP_MAX */
};

enum {
    LODE_ROWS_MAX = 8,      /* of one wait */
    LODE_ROW_LEAST = 1 << 9 /* shorter rows are watched id by id */
};

/*
 * Lists the rows of ids that belong to a session, in order. What is in none of the first
 * LODE_ROWS_MAX rows is left to the caller. Returns how many rows there are.
 */
size_t lode_rows_find(const lode_id *ids, size_t count, struct lode_row rows_out[LODE_ROWS_MAX]);

/*
 * Ids of one session in any order: between the first and the last number of them. Where they lie so
 * close, the store is asked about all numbers between.
 */
struct lode_span {
    uint64_t high, low, last;
    size_t count;
    bool is_asked; /* the caller's */
};

enum {
    LODE_SPANS_MAX = 64,
    LODE_SPAN_LOOSE = 8 /* one of so many numbers between must be an id */
};

/* Into zeroed spans. An id of a session that meets another's place goes into none. */
void lode_spans_note(struct lode_span spans[LODE_SPANS_MAX], lode_id id);

/* The span in which the id lies, if that is close enough; or NULL. */
struct lode_span *lode_spans_of(struct lode_span spans[LODE_SPANS_MAX], lode_id id);

/* Whether a row has the id; then its place. */
bool lode_row_has(const struct lode_row *row, const lode_id *ids, lode_id id, size_t *at_out);

#endif
