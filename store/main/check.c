/* The store's sanity rule: bytes and references add up, over arena, table and sessions. */
#include "store/main/check.h"

#include "store/state/doze.h"
#include "store/table/check.h"

#include <stdio.h>

enum { CHECK_ENTRIES = 1 << 16 }; /* that a check looks at */

/* clang-format off */
#define EXPECT(condition)                                           \
    do {                                                            \
        if (!(condition)) {                                         \
            fprintf(stderr, "store_check: %s\n", #condition);       \
            return false;                                           \
        }                                                           \
    } while (0)
/* clang-format on */

static bool
check_credit(const struct store *store, uint64_t spare)
{
    struct arena_stats stats;
    uint64_t pages = spare, entries = store->table.spare_entries, waiting = 0, streams = 0;
    arena_stats(store->arena, &stats);
    for (uint32_t i = 0; i < store->session_count; i++) {
        const struct session *s = store->sessions[i];
        EXPECT(s->slot == i && store->by_row[s->row] == s);
        pages += s->pages_granted - s->pages_used;
        entries += s->entries_granted - s->entries_used;
        waiting += s->in_line;
        streams += s->is_stream;
    }
    EXPECT(stats.credit_bytes == pages * LODE_PAGE);
    EXPECT(entries == store->table.reserved);
    for (const struct session *s = store->line.first; s != NULL; s = s->line_next) {
        EXPECT(s->in_line && waiting-- > 0);
    }
    EXPECT(waiting == 0);
    EXPECT(store->line.holder == NULL || store->line.holder->in_line);
    EXPECT(pages == spare + store->credit_pages);
    EXPECT(entries == store->table.spare_entries + store->credit_entries);
    EXPECT(streams == store->stream_count);
    EXPECT(stats.free_bytes + stats.used_bytes == stats.capacity_bytes);
    return true;
}

/* A session is awake, or its bell is watched and its pins are counted as kept. */
static bool
check_doze(const struct store *store)
{
    uint64_t dozing = 0, kept = 0, keepers = 0, holders = 0, starved = 0;
    for (uint32_t i = 0; i < store->session_count; i++) {
        const struct session *s = store->sessions[i];
        EXPECT(s->dozes ? s->awake_at == DOZE_NOT_AWAKE : store->awake[s->awake_at] == s);
        EXPECT(s->dozes || s->kept_count == 0);
        EXPECT(s->kept_count == 0 || store->keepers[s->keeper_at] == s);
        EXPECT(!s->starved || store->starved[s->starved_at] == s);
        EXPECT(!s->is_holder || store->holders[s->holder_at] == s);
        dozing += s->dozes;
        kept += s->kept_count;
        keepers += s->kept_count > 0;
        holders += s->is_holder;
        starved += s->starved;
    }
    EXPECT(dozing == store->doze_count);
    EXPECT(store->awake_count + dozing == store->session_count);
    EXPECT(kept == store->kept_count);
    EXPECT(keepers == store->keeper_count);
    EXPECT(holders == store->holder_count);
    EXPECT(starved == store->starved_count);
    return true;
}

/* What is kept in place of a walk over all sessions is what the walk would find. */
static bool
check_counts(const struct store *store)
{
    uint32_t lingering = 0, programs = 0, by_pid = 0;
    for (uint32_t i = 0; i < store->session_count; i++) {
        const struct session *s = store->sessions[i];
        bool is_program = !(s->flags & (LODE_HELLO_MAKER | LODE_HELLO_SCHEDULER));
        EXPECT(s->is_counted == (is_program && (!s->ended || s->lingers)));
        EXPECT(!s->lingers || store->lingering[s->lingers_at] == s);
        lingering += s->lingers;
        programs += s->is_counted;
    }
    for (uint32_t i = 0; i < LODE_SESSION_ROWS; i++) {
        by_pid += store->programs_by_pid[i];
    }
    EXPECT(lingering == store->lingering_count);
    EXPECT(programs == store->program_count && programs == by_pid);
    return true;
}

/* Every draft is in the list of its maker, and in no other. */
static bool
check_drafts(const struct store *store)
{
    uint64_t drafts = 0, bytes = 0;
    for (uint32_t i = 0; i < store->session_count; i++) {
        const struct session *s = store->sessions[i];
        uint32_t previous = 0;
        for (uint32_t n = s->draft_first; n != 0; n = store->table.truths[n - 1].link_next) {
            EXPECT(store->table.truths[n - 1].maker_row == s->row);
            EXPECT(store->table.truths[n - 1].link_prev == previous);
            EXPECT(entry_state(&store->table, n - 1) == LODE_ENTRY_CREATED);
            previous = n;
            drafts++;
            bytes += store->table.truths[n - 1].stored;
        }
    }
    EXPECT(drafts == store->table.state_count[LODE_ENTRY_CREATED]);
    EXPECT(bytes == store->draft_bytes);
    return true;
}

/* Every entry of an attached session's ids is in that session's list. */
static bool
check_own(const struct store *store)
{
    for (uint32_t i = 0; i < store->session_count; i++) {
        uint32_t previous = 0;
        const struct session *s = store->sessions[i];
        for (uint32_t n = s->own_first; n != 0; n = store->table.truths[n - 1].own_next) {
            EXPECT(store->table.truths[n - 1].own_prev == previous);
            EXPECT(store->table.truths[n - 1].flags & TRUTH_OWNED);
            EXPECT(lode_id_session(store->table.entries[n - 1].id) == s->number);
            previous = n;
        }
    }
    return true;
}

/* Between two batches of freeing nothing is DOOMED, and no mark of a scan is left. */
static bool
check_batch(const struct store *store)
{
    const struct table *table = &store->table;
    uint64_t scanned = 0;
    for (uint32_t entry = 0; entry < table->entry_count; entry++) {
        scanned += (table->truths[entry].flags & TRUTH_SCANNED) != 0;
    }
    EXPECT(scanned <= store->batch.count);
    EXPECT(table->state_count[LODE_ENTRY_DOOMED] <= scanned);
    return scanned == 0 || store->batch.phase != BATCH_NONE;
}

/* Walks over all entries, or over all lists of them. */
static bool
check_sums(const struct store *store)
{
    return table_check_sums(&store->table) && check_drafts(store) && check_own(store) &&
           check_batch(store);
}

bool
store_check(struct store *store)
{
    uint32_t entries = store->table.entry_count;
    uint32_t count = entries < CHECK_ENTRIES ? entries : CHECK_ENTRIES;
    uint32_t first = store->check_first < entries ? store->check_first : 0;
    store->check_first = first + count;
    return table_check(&store->table, first, count) && (first > 0 || check_sums(store)) &&
           check_credit(store, store->table.spare_pages) && check_doze(store) &&
           check_counts(store) && arena_check(store->arena);
}
