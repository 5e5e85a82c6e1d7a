#include "store/table/table.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/paths.h"
#include "store/table/expected.h"
#include "store/table/shared_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { ENTRIES_ENOUGH = TABLE_STEP / 4 };

/* ---- what lies in the files ---- */

static void
set_pointers(struct table *table)
{
    table->header = (struct lode_index_header *)table->index;
    table->wakes = (struct lode_wake *)(table->index + LODE_WAKE_OFFSET);
    table->rows = (struct lode_session_row *)(table->index + LODE_ROWS_OFFSET);
    table->entries = (struct lode_entry *)(table->index + LODE_ENTRIES_OFFSET);
    table->facts = (struct truth_header *)table->truth;
    table->truth_rows = (struct truth_row *)(table->truth + TRUTH_ROWS_OFFSET);
    table->truths = (struct truth_entry *)(table->truth + TRUTH_ENTRIES_OFFSET);
    table->refs = (struct truth_ref *)(table->truth + TRUTH_REFS_OFFSET);
    table->holds = (struct truth_hold *)(table->truth + TRUTH_HOLDS_OFFSET);
}

static void
read_boot_id(uint8_t out[16])
{
    char text[64] = {0};
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, text, sizeof text - 1);
        close(fd);
        for (ssize_t i = 0, digit = 0; i < got && digit < 32; i++) {
            char c = text[i];
            int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
            if (value >= 0) {
                out[digit / 2] = (uint8_t)(out[digit / 2] << 4 | value);
                digit++;
            }
        }
    }
}

/*
 * The numbers of sessions begin at a random place in each store. So an id of another cluster, or of
 * the one that ran here before, is no id of this store. Half of all numbers are left to rise to.
 */
static uint64_t
first_session(uint64_t random)
{
    return random % (LODE_SESSION_MAX / 2 / LODE_SESSION_ROWS) * LODE_SESSION_ROWS + 1;
}

static lode_err
write_headers(struct table *table, uint64_t generation)
{
    struct lode_index_header *header = table->header;
    uint64_t key[2], first;
    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key ||
        getrandom(&first, sizeof first, 0) != (ssize_t)sizeof first) {
        return lode_fail_errno("cannot draw the key of the index");
    }
    header->major = LODE_LAYOUT_MAJOR;
    header->minor = LODE_LAYOUT_MINOR;
    header->page_size = LODE_PAGE;
    header->generation = generation;
    read_boot_id(header->boot_id);
    memcpy(header->hash_key, key, sizeof key);
    header->store_pid = getpid();
    atomic_store_explicit(&header->next_session, first_session(first), memory_order_relaxed);
    table->facts->magic = TRUTH_MAGIC;
    table->facts->major = LODE_LAYOUT_MAJOR;
    table->facts->minor = LODE_LAYOUT_MINOR;
    table->facts->generation = generation;
    memcpy(table->facts->boot_id, header->boot_id, sizeof header->boot_id);
    return LODE_OK;
}

/* ---- ids ---- */

bool
table_find(const struct table *table, lode_id id, uint32_t *entry_out)
{
    return slots_find(table, id, entry_out);
}

static void
write_id(struct lode_entry *entry, lode_id id)
{
    /*
     * The id is written as two whole words: a reader that compares meanwhile may see one old and
     * one new word, but no torn one, and looks at the entry's word again.
     */
    uint64_t words[2], *at = (uint64_t *)(void *)entry->id.byte;
    memcpy(words, id.byte, sizeof words);
    __atomic_store_n(&at[0], words[0], __ATOMIC_RELAXED);
    __atomic_store_n(&at[1], words[1], __ATOMIC_RELAXED);
}

void
table_enter(struct table *table, uint32_t entry, lode_id id)
{
    uint32_t old;
    write_id(&table->entries[entry], id);
    table->truths[entry].flags |= TRUTH_IN_TABLE;
    if (slots_enter(table, entry, &old) && old != entry) {
        table->truths[old].flags &= ~(uint32_t)TRUTH_IN_TABLE;
    }
}

void
table_remove(struct table *table, uint32_t entry)
{
    if (table->truths[entry].flags & TRUTH_IN_TABLE) {
        table->truths[entry].flags &= ~(uint32_t)TRUTH_IN_TABLE;
        slots_remove(table, entry);
    }
}

/* ---- entries ---- */

static lode_err
warm_tables(struct table *table, uint32_t log2)
{
    if (log2 <= table->table_warm) {
        return LODE_OK;
    }
    uint64_t bytes = 2 * sizeof(uint32_t) << log2;
    LODE_TRY(shared_file_warm(table->index_fd, lode_table_offset(lode_table_make(0, log2, 0)),
                              bytes, "the index's table"));
    table->table_warm = log2;
    return LODE_OK;
}

void
table_say_scarce(struct table *table, uint32_t what, bool on)
{
    if (on) {
        atomic_fetch_or_explicit(&table->header->scarce, what, memory_order_relaxed);
    } else {
        atomic_fetch_and_explicit(&table->header->scarce, ~what, memory_order_relaxed);
    }
}

static void
entries_are_scarce(struct table *table, bool on)
{
    table->entries_are_scarce = on;
    table_say_scarce(table, LODE_SCARCE_ENTRY_MEMORY, on);
}

/* Entries were freed: enough of them serve what lies in the rings, as if there were memory. */
static void
look_whether_scarce(struct table *table)
{
    if (table->entries_are_scarce && table->free_count - table->reserved >= ENTRIES_ENOUGH) {
        entries_are_scarce(table, false);
    }
}

static lode_err
warm_entries(struct table *table, uint32_t count, uint32_t more, uint32_t log2)
{
    LODE_TRY(warm_tables(table, log2));
    LODE_TRY(
        shared_file_warm(table->truth_fd, TRUTH_ENTRIES_OFFSET + count * sizeof(struct truth_entry),
                         more * sizeof(struct truth_entry), "what the store knows of objects"));
    return shared_file_warm(table->index_fd,
                            LODE_ENTRIES_OFFSET + count * sizeof(struct lode_entry),
                            more * sizeof(struct lode_entry), "the index");
}

static lode_err
grow_entries(struct table *table)
{
    uint32_t count = table->entry_count, more = TABLE_STEP, log2 = LODE_TABLE_LOG2_MIN;
    if (count + more > table->entry_max) {
        return lode_fail_with(LODE_ELIMIT,
                              "%u objects are there or set aside for small puts (%u of them), and "
                              "there can be no more: drop some",
                              count, table->reserved);
    }
    while (UINT64_C(1) << log2 < 2 * (uint64_t)(count + more)) {
        log2++;
    }
    lode_err err = warm_entries(table, count, more, log2);
    entries_are_scarce(table, err != LODE_OK);
    LODE_TRY(err);
    for (uint32_t entry = count + more; entry-- > count;) {
        table->truths[entry].link_next = table->free_first;
        table->free_first = entry + 1;
    }
    table->entry_count = count + more;
    table->free_count += more;
    table->state_count[LODE_ENTRY_FREE] += more;
    atomic_store_explicit(&table->header->entry_count, table->entry_count, memory_order_release);
    if (table->entry_count > LODE_ENTRY_MAX / 8 * 7) {
        atomic_fetch_or_explicit(&table->header->scarce, LODE_SCARCE_ENTRIES, memory_order_relaxed);
    }
    slots_grow(table, log2);
    return LODE_OK;
}

void
table_on_lack(struct table *table, table_lack_fn *on_lack, void *owner)
{
    table->on_lack = on_lack;
    table->on_lack_owner = owner;
}

bool
table_is_used_up(const struct table *table)
{
    return table->free_count == table->reserved &&
           (table->entries_are_scarce || table->entry_count + TABLE_STEP > table->entry_max);
}

/* There is an entry that nobody has set aside. */
static lode_err
find_free(struct table *table)
{
    if (table->free_count > table->reserved) {
        return LODE_OK;
    }
    lode_err err = grow_entries(table);
    if (err != LODE_OK && table->on_lack != NULL && table->on_lack(table->on_lack_owner) &&
        table->free_count > table->reserved) {
        err = LODE_OK;
    }
    return err;
}

lode_err
table_reserve(struct table *table, uint32_t count)
{
    while (table->free_count - table->reserved < count) {
        LODE_TRY(grow_entries(table));
    }
    table->reserved += count;
    return LODE_OK;
}

uint32_t
table_reserve_some(struct table *table, uint32_t count)
{
    if (table_reserve(table, count) != LODE_OK) { /* it has grown as far as it can */
        uint32_t left = table->free_count - table->reserved;
        count = left < count ? left : count;
        table->reserved += count;
    }
    return count;
}

void
table_unreserve(struct table *table, uint32_t count)
{
    LODE_ASSERT(count <= table->reserved);
    table->reserved -= count;
    look_whether_scarce(table);
}

/* Clears all but the link of the list of candidates, which may still name the entry. */
static void
clear_truth(struct truth_entry *truth)
{
    struct truth_entry clear = {.flags = truth->flags & TRUTH_CANDIDATE,
                                .candidate_next = truth->candidate_next};
    *truth = clear;
}

lode_err
table_take(struct table *table, lode_id id, bool spend, uint32_t *entry_out)
{
    if (spend) {
        LODE_ASSERT(table->reserved > 0);
        table->reserved--;
    } else {
        LODE_TRY(find_free(table));
    }
    uint32_t entry = table->free_first - 1;
    struct truth_entry *truth = &table->truths[entry];
    table->free_first = truth->link_next;
    table->free_count--;
    clear_truth(truth);
    static const lode_id zero;
    if (lode_id_same(id, zero)) {
        write_id(&table->entries[entry], id);
    } else {
        table_enter(table, entry, id);
    }
    *entry_out = entry;
    return LODE_OK;
}

void
table_give_back(struct table *table, uint32_t entry)
{
    struct truth_entry *truth = &table->truths[entry];
    LODE_ASSERT(entry_state(table, entry) == LODE_ENTRY_FREE);
    LODE_ASSERT(!(truth->flags & (TRUTH_IN_TABLE | TRUTH_OWNED | TRUTH_DRAFT)));
    LODE_ASSERT(truth->first_ref == 0 && truth->first_hold == 0);
    truth->flags &= TRUTH_CANDIDATE;
    truth->link_next = table->free_first;
    table->free_first = entry + 1;
    table->free_count++;
    look_whether_scarce(table);
}

/* ---- the gate ---- */

/* clang-format off */
#define TO(state) (1u << LODE_ENTRY_##state)
static const unsigned edges[] = {
    [LODE_ENTRY_FREE]     = TO(EXPECTED) | TO(CREATED) | TO(SEALED),
    [LODE_ENTRY_EXPECTED] = TO(CREATED) | TO(SEALED) | TO(FREE),
    [LODE_ENTRY_CREATED]  = TO(SEALED) | TO(FREE),
    [LODE_ENTRY_SEALED]   = TO(WANTED) | TO(DOOMED),
    [LODE_ENTRY_WANTED]   = TO(SEALED) | TO(DOOMED),
    [LODE_ENTRY_DOOMED]   = TO(SEALED) | TO(WANTED) | TO(FREE),
    [LODE_ENTRY_SPILLED]  = 0,
};
#undef TO
/* clang-format on */

void
object_become(struct table *table, uint32_t entry, enum lode_entry_state from,
              enum lode_entry_state to)
{
    uint64_t word = entry_word(table, entry);
    LODE_ASSERT(lode_word_state(word) == from);
    LODE_ASSERT(edges[from] & 1u << to);
    if (from == LODE_ENTRY_EXPECTED) {
        expected_discharge(table, entry);
    }
    table->state_count[from]--;
    table->state_count[to]++;
    uint64_t generation = lode_word_generation(word) + (to == LODE_ENTRY_FREE);
    atomic_store_explicit(&table->entries[entry].word, lode_word_make(generation, to),
                          memory_order_release);
}

/* ---- opening and closing ---- */

lode_err
table_open(const char *dir, uint64_t generation, struct arena *arena, struct table *table_out)
{
    struct table table = {.dir = dir, .arena = arena, .entry_max = LODE_ENTRY_MAX};
    lode_err err =
        shared_file_make(dir, LODE_FILE_INDEX, LODE_INDEX_BYTES, &table.index_fd, &table.index);
    if (err != LODE_OK) {
        return err;
    }
    err = shared_file_make(dir, LODE_FILE_TRUTH, TRUTH_BYTES, &table.truth_fd, &table.truth);
    if (err != LODE_OK) {
        goto drop_index;
    }
    set_pointers(&table);
    err = shared_file_warm(table.index_fd, 0, LODE_ENTRIES_OFFSET, "the index");
    if (err == LODE_OK) {
        err = shared_file_warm(table.truth_fd, 0, TRUTH_ENTRIES_OFFSET, "the store's own records");
    }
    if (err == LODE_OK) {
        err = write_headers(&table, generation);
    }
    if (err == LODE_OK) {
        err = grow_entries(&table);
    }
    if (err != LODE_OK) {
        goto drop_truth;
    }
    char path[LODE_PATH_MAX];
    err = lode_path_join(path, sizeof path, dir, LODE_FILE_INDEX);
    table.index_read_fd = err == LODE_OK ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (table.index_read_fd < 0) {
        err = err != LODE_OK ? err : lode_fail_errno("cannot open '%s'", path);
        goto drop_truth;
    }
    table.header->magic = LODE_INDEX_MAGIC;
    *table_out = table;
    return LODE_OK;

drop_truth:
    shared_file_drop(dir, LODE_FILE_TRUTH, TRUTH_BYTES, table.truth_fd, table.truth, true);
drop_index:
    shared_file_drop(dir, LODE_FILE_INDEX, LODE_INDEX_BYTES, table.index_fd, table.index, true);
    return err;
}

void
table_close(struct table *table, bool remove)
{
    free(table->names);
    close(table->index_read_fd);
    shared_file_drop(table->dir, LODE_FILE_TRUTH, TRUTH_BYTES, table->truth_fd, table->truth,
                     remove);
    shared_file_drop(table->dir, LODE_FILE_INDEX, LODE_INDEX_BYTES, table->index_fd, table->index,
                     remove);
    memset(table, 0, sizeof *table);
}
