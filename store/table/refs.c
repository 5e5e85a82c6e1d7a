#include "store/table/refs.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "store/table/expected.h"
#include "store/table/shared_file.h"

/* After it failed, to make more records is tried again when so many more are used. */
enum { REFS_AHEAD = TRUTH_STEP / 2, REFS_RETRY = 256 };

/* ---- candidates ---- */

void
candidate_add(struct table *table, uint32_t entry)
{
    struct truth_entry *truth = &table->truths[entry];
    if ((truth->refs != 0 && !expected_says_nothing(table, entry)) ||
        (truth->flags & TRUTH_CANDIDATE) ||
        (!entry_is_sealed(table, entry) && entry_state(table, entry) != LODE_ENTRY_EXPECTED)) {
        return;
    }
    truth->flags |= TRUTH_CANDIDATE;
    if (table->candidates_go_to_front || table->candidate_first == 0) {
        truth->candidate_next = table->candidate_first;
        table->candidate_first = entry + 1;
        table->candidate_last = truth->candidate_next == 0 ? entry + 1 : table->candidate_last;
    } else {
        truth->candidate_next = 0;
        table->truths[table->candidate_last - 1].candidate_next = entry + 1;
        table->candidate_last = entry + 1;
    }
    table->candidate_front += table->candidates_go_to_front;
    table->candidate_count++;
}

void
candidate_spare(struct table *table, uint32_t entry)
{
    if (entry_state(table, entry) == LODE_ENTRY_DOOMED) {
        object_become(table, entry, LODE_ENTRY_DOOMED, LODE_ENTRY_SEALED);
        candidate_add(table, entry);
    }
}

bool
candidate_pop(struct table *table, uint32_t *entry_out)
{
    if (table->candidate_first == 0) {
        return false;
    }
    uint32_t entry = table->candidate_first - 1;
    table->candidate_first = table->truths[entry].candidate_next;
    table->candidate_count--;
    if (table->candidate_front > 0) {
        table->candidate_front--;
    } else {
        table->candidates_taken++;
    }
    table->truths[entry].flags &= ~(uint32_t)TRUTH_CANDIDATE;
    *entry_out = entry;
    return true;
}

void
candidates_to_front(struct table *table, bool on)
{
    table->candidates_go_to_front = on;
}

uint64_t
candidates_mark(const struct table *table)
{
    return table->candidates_taken + table->candidate_count - table->candidate_front;
}

void
candidates_decide(struct table *table)
{
    if (table->candidate_front == 0) {
        table->candidates_decided = table->candidates_taken;
    }
}

bool
candidates_reached(const struct table *table, uint64_t mark)
{
    return table->candidate_front == 0 && table->candidates_decided >= mark;
}

static void
subtract(struct table *table, uint32_t entry, uint32_t count)
{
    struct truth_entry *truth = &table->truths[entry];
    LODE_ASSERT(truth->refs >= count);
    truth->refs -= count;
    if (truth->refs <= 1) {
        candidate_add(table, entry);
    }
}

/*
 * Counts one more reference. An object that was to be freed becomes SEALED at once: it need not go
 * with its last pin, and the batch of freeing that is under way spares it. It spares it even if the
 * reference has gone again when the batch ends. The reference may have been handed on by a record
 * in a ring, which was drained before that record was in it.
 */
static void
add(struct table *table, uint32_t entry)
{
    enum lode_entry_state state = entry_state(table, entry);
    table->truths[entry].refs++;
    if (state == LODE_ENTRY_WANTED || state == LODE_ENTRY_DOOMED) {
        object_become(table, entry, state, LODE_ENTRY_SEALED);
    }
}

/* ---- records ---- */

static void
refs_are_scarce(struct table *table, bool on)
{
    table->refs_are_scarce = on;
    table->refs_failed_at = table->refs_free;
    table_say_scarce(table, LODE_SCARCE_REF_MEMORY, on);
}

static lode_err
grow_refs(struct table *table)
{
    uint32_t count = table->facts->ref_count;
    if (count + TRUTH_STEP > TRUTH_REF_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "%u references are held, and there can be no more: drop some", count);
    }
    lode_err err =
        shared_file_warm(table->truth_fd, TRUTH_REFS_OFFSET + count * sizeof(struct truth_ref),
                         TRUTH_STEP * sizeof(struct truth_ref), "references");
    refs_are_scarce(table, err != LODE_OK);
    LODE_TRY(err);
    for (uint32_t i = count + TRUTH_STEP; i-- > count;) {
        table->refs[i].entry_next = table->facts->ref_free;
        table->facts->ref_free = i + 1;
    }
    table->facts->ref_count = count + TRUTH_STEP;
    table->refs_free += TRUTH_STEP;
    if (table->facts->ref_count > TRUTH_REF_MAX / 2) {
        atomic_fetch_or_explicit(&table->header->scarce, LODE_SCARCE_REFS, memory_order_relaxed);
    }
    return LODE_OK;
}

/*
 * Records are made ahead of need. Where there is no memory for more, the clients are told by
 * LODE_SCARCE_REF_MEMORY, and those that are left serve what lies in the rings at that moment.
 */
static lode_err
have_record(struct table *table)
{
    bool is_early = table->refs_are_scarce && table->refs_free > 0 &&
                    table->refs_free + REFS_RETRY > table->refs_failed_at;
    lode_err err = table->refs_free < REFS_AHEAD && !is_early ? grow_refs(table) : LODE_OK;
    return table->facts->ref_free != 0 ? LODE_OK : err;
}

static void
link_to_entry(struct table *table, uint32_t number, uint32_t entry)
{
    struct truth_ref *ref = &table->refs[number - 1];
    struct truth_entry *truth = &table->truths[entry];
    ref->entry = entry + 1;
    ref->entry_prev = 0;
    ref->entry_next = truth->first_ref;
    if (truth->first_ref != 0) {
        table->refs[truth->first_ref - 1].entry_prev = number;
    }
    truth->first_ref = number;
}

static void
unlink_from_entry(struct table *table, uint32_t number)
{
    struct truth_ref *ref = &table->refs[number - 1];
    if (ref->entry_prev != 0) {
        table->refs[ref->entry_prev - 1].entry_next = ref->entry_next;
    } else {
        table->truths[ref->entry - 1].first_ref = ref->entry_next;
    }
    if (ref->entry_next != 0) {
        table->refs[ref->entry_next - 1].entry_prev = ref->entry_prev;
    }
}

static lode_err
make_record(struct table *table, uint32_t entry, uint32_t row, uint32_t *number_out)
{
    LODE_TRY(have_record(table));
    uint32_t number = table->facts->ref_free;
    struct truth_ref *ref = &table->refs[number - 1];
    struct truth_row *session = &table->truth_rows[row];
    table->facts->ref_free = ref->entry_next;
    table->refs_free--;
    ref->row = row;
    ref->count = 0;
    ref->session_prev = 0;
    ref->session_next = session->first_ref;
    if (session->first_ref != 0) {
        table->refs[session->first_ref - 1].session_prev = number;
    }
    session->first_ref = number;
    link_to_entry(table, number, entry);
    *number_out = number;
    return LODE_OK;
}

static void
free_record(struct table *table, uint32_t number)
{
    struct truth_ref *ref = &table->refs[number - 1];
    unlink_from_entry(table, number);
    if (table->truths[ref->entry - 1].first_ref != 0) {
        expected_hand_on(table, ref->entry - 1, ref->row);
    }
    if (ref->session_prev != 0) {
        table->refs[ref->session_prev - 1].session_next = ref->session_next;
    } else {
        table->truth_rows[ref->row].first_ref = ref->session_next;
    }
    if (ref->session_next != 0) {
        table->refs[ref->session_next - 1].session_prev = ref->session_prev;
    }
    ref->entry = 0;
    ref->entry_next = table->facts->ref_free;
    table->facts->ref_free = number;
    table->refs_free++;
    if (table->refs_are_scarce && table->refs_free >= REFS_AHEAD) {
        refs_are_scarce(table, false);
    }
}

/* The session's record of the entry, moved to the front; 0: none. */
static uint32_t
find_record(struct table *table, uint32_t entry, uint32_t row)
{
    uint32_t number = table->truths[entry].first_ref;
    while (number != 0 && table->refs[number - 1].row != row) {
        number = table->refs[number - 1].entry_next;
    }
    if (number != 0 && table->truths[entry].first_ref != number) {
        unlink_from_entry(table, number);
        link_to_entry(table, number, entry);
    }
    return number;
}

/* ---- references ---- */

/*
 * Whether the count has room. The reference from birth must not fail, so the others leave it room.
 */
static lode_err
check_add(const struct table *table, uint32_t entry)
{
    return table->truths[entry].refs < UINT32_MAX - 1
               ? LODE_OK
               : lode_fail_with(LODE_ELIMIT,
                                "an object has %u references, and can have no more: drop some",
                                table->truths[entry].refs);
}

lode_err
ref_take(struct table *table, uint32_t entry, uint32_t row)
{
    uint32_t number = find_record(table, entry, row);
    LODE_TRY(check_add(table, entry));
    if (number == 0) {
        LODE_TRY(make_record(table, entry, row, &number));
    }
    table->refs[number - 1].count++;
    add(table, entry);
    return LODE_OK;
}

bool
ref_drop(struct table *table, uint32_t entry, uint32_t row, bool is_birth_session)
{
    uint32_t number = find_record(table, entry, row);
    if (number != 0) {
        if (--table->refs[number - 1].count == 0) {
            free_record(table, number);
        }
        subtract(table, entry, 1);
        return true;
    }
    if (is_birth_session && (table->truths[entry].flags & TRUTH_BIRTH)) {
        ref_end_birth(table, entry);
        return true;
    }
    return false;
}

uint32_t
ref_others(struct table *table, uint32_t entry, uint32_t row)
{
    uint32_t number = find_record(table, entry, row);
    uint32_t own = number != 0 ? table->refs[number - 1].count : 0;
    return table->truths[entry].refs - own - ((table->truths[entry].flags & TRUTH_BIRTH) != 0);
}

void
ref_birth(struct table *table, uint32_t entry)
{
    LODE_ASSERT(!(table->truths[entry].flags & TRUTH_BIRTH));
    table->truths[entry].flags |= TRUTH_BIRTH;
    table->truths[entry].refs++;
}

void
ref_end_birth(struct table *table, uint32_t entry)
{
    if (table->truths[entry].flags & TRUTH_BIRTH) {
        table->truths[entry].flags &= ~(uint32_t)TRUTH_BIRTH;
        subtract(table, entry, 1);
    }
}

lode_err
ref_name(struct table *table, uint32_t entry)
{
    LODE_TRY(check_add(table, entry));
    table->truths[entry].names++;
    add(table, entry);
    return LODE_OK;
}

void
ref_unname(struct table *table, uint32_t entry)
{
    LODE_ASSERT(table->truths[entry].names > 0);
    table->truths[entry].names--;
    subtract(table, entry, 1);
}

void
refs_forget(struct table *table, uint32_t entry)
{
    while (table->truths[entry].first_ref != 0) {
        uint32_t number = table->truths[entry].first_ref;
        uint32_t count = table->refs[number - 1].count;
        free_record(table, number);
        subtract(table, entry, count);
    }
    ref_end_birth(table, entry);
}

bool
refs_end_session(struct table *table, uint32_t row, uint32_t most)
{
    while (table->truth_rows[row].first_ref != 0) {
        if (most-- == 0) {
            return false;
        }
        uint32_t number = table->truth_rows[row].first_ref;
        uint32_t count = table->refs[number - 1].count;
        uint32_t entry = table->refs[number - 1].entry - 1;
        free_record(table, number);
        subtract(table, entry, count);
    }
    return true;
}

void
refs_move(struct table *table, uint32_t from, uint32_t to)
{
    struct truth_entry *source = &table->truths[from], *target = &table->truths[to];
    LODE_ASSERT(target->refs == 0 && target->first_ref == 0 && source->names == 0);
    target->first_ref = source->first_ref;
    for (uint32_t n = target->first_ref; n != 0; n = table->refs[n - 1].entry_next) {
        table->refs[n - 1].entry = to + 1;
    }
    target->first_holder = source->first_holder;
    for (uint32_t n = target->first_holder; n != 0; n = table->holds[n - 1].held_next) {
        table->holds[n - 1].entry = to + 1;
    }
    if (target->first_ref != 0 && entry_state(table, to) == LODE_ENTRY_EXPECTED) {
        expected_charge(table, to, table->refs[target->first_ref - 1].row);
    }
    target->refs = source->refs;
    target->flags |= source->flags & (TRUTH_BIRTH | TRUTH_PROMISED);
    source->refs = source->first_ref = source->first_holder = 0;
    source->flags &= ~(uint32_t)(TRUTH_BIRTH | TRUTH_PROMISED);
}

/* ---- containers ---- */

static lode_err
grow_holds(struct table *table)
{
    uint32_t count = table->facts->hold_count;
    if (count + TRUTH_STEP > TRUTH_HOLD_MAX) {
        return lode_fail_with(
            LODE_ELIMIT, "objects hold %u others, and can hold no more: drop some that do", count);
    }
    LODE_TRY(shared_file_warm(table->truth_fd,
                              TRUTH_HOLDS_OFFSET + count * sizeof(struct truth_hold),
                              TRUTH_STEP * sizeof(struct truth_hold), "references of objects"));
    for (uint32_t i = count + TRUTH_STEP; i-- > count;) {
        table->holds[i].entry = 0;
        table->holds[i].next = table->facts->hold_free;
        table->facts->hold_free = i + 1;
    }
    table->facts->hold_count = count + TRUTH_STEP;
    return LODE_OK;
}

static void
link_to_held(struct table *table, uint32_t number, uint32_t held)
{
    struct truth_hold *hold = &table->holds[number - 1];
    uint32_t *first = &table->truths[held].first_holder;
    hold->entry = held + 1;
    hold->held_prev = 0;
    hold->held_next = *first;
    if (*first != 0) {
        table->holds[*first - 1].held_prev = number;
    }
    *first = number;
}

static void
unlink_from_held(struct table *table, uint32_t number)
{
    struct truth_hold *hold = &table->holds[number - 1];
    if (hold->held_prev != 0) {
        table->holds[hold->held_prev - 1].held_next = hold->held_next;
    } else {
        table->truths[hold->entry - 1].first_holder = hold->held_next;
    }
    if (hold->held_next != 0) {
        table->holds[hold->held_next - 1].held_prev = hold->held_prev;
    }
    hold->entry = 0;
}

lode_err
hold_add(struct table *table, uint32_t container, uint32_t held)
{
    LODE_TRY(check_add(table, held));
    if (table->facts->hold_free == 0) {
        LODE_TRY(grow_holds(table));
    }
    uint32_t number = table->facts->hold_free;
    struct truth_hold *hold = &table->holds[number - 1];
    table->facts->hold_free = hold->next;
    hold->next = table->truths[container].first_hold;
    table->truths[container].first_hold = number;
    link_to_held(table, number, held);
    add(table, held);
    return LODE_OK;
}

void
holds_drop(struct table *table, uint32_t container)
{
    while (table->truths[container].first_hold != 0) {
        uint32_t number = table->truths[container].first_hold;
        struct truth_hold *hold = &table->holds[number - 1];
        uint32_t held = hold->entry;
        table->truths[container].first_hold = hold->next;
        if (held != 0) {
            unlink_from_held(table, number);
        }
        hold->next = table->facts->hold_free;
        table->facts->hold_free = number;
        if (held != 0) {
            subtract(table, held - 1, 1);
        }
    }
}

void
holds_forget(struct table *table, uint32_t held)
{
    while (table->truths[held].first_holder != 0) {
        unlink_from_held(table, table->truths[held].first_holder); /* stays in its container's */
        subtract(table, held, 1);
    }
}
