/*
 * log_budget.h: how many lines of one kind a log takes in a second. A client that makes a daemon
 * complain again and again, by sending rubbish, could fill a disk otherwise.
 *
 * Plain data; the caller's lock. Zeroed is empty.
 */
#ifndef LODE_BASE_LOG_BUDGET_H
#define LODE_BASE_LOG_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LODE_LOG_IDS = 64, /* kinds of lines */
    LODE_LOG_ID_BYTES = 32,
    LODE_LOG_BURST = 20 /* lines a second of one kind */
};

struct lode_log_budget {
    struct lode_log_kind {
        char id[LODE_LOG_ID_BYTES]; /* a copy, cut; "": none. The caller's may not last */
        int64_t second;
        uint32_t said, skipped;
    } kinds[LODE_LOG_IDS];
};

/*
 * True if a line of that kind may be written in that second; then *skipped_out is how many were not
 * since the last one. A kind beyond the table's room is always written.
 */
bool lode_log_budget_allows(struct lode_log_budget *budget, const char *id, int64_t second,
                            uint32_t *skipped_out);

#endif
