/* The producer of a ring of which only the beginning has memory; the test plays the store. */
#include "api/client/channel/ring_wait.h"

#include "tests/unit/api/ring_fixture.h"

#include <string.h>

enum { FIRST = LODE_RING_BYTES_FIRST, HEAD = sizeof(struct lode_record), UNTOUCHED = 0xa5 };

static uint8_t *bytes;

static void
setup(void)
{
    ring_setup();
    row->credit_pages = row->credit_entries = 1000;
    row->ring_backed = FIRST;
    bytes = (uint8_t *)file + LODE_RING_OFFSET;
    memset(bytes + FIRST, UNTOUCHED, LODE_RING_BYTES_MIN - FIRST);
}

/* Nothing was ever written behind what has memory. */
static void
teardown(void)
{
    uint32_t backed = row->ring_backed;
    for (uint32_t i = backed; i < LODE_RING_BYTES_MIN; i++) {
        cr_assert_eq(bytes[i], UNTOUCHED);
    }
    ring_teardown();
}

TestSuite(ring_lean, .init = setup, .fini = teardown);

static struct lode_record
record_at(uint64_t position)
{
    struct lode_record record;
    memcpy(&record, bytes + position % LODE_RING_BYTES_MIN, sizeof record);
    return record;
}

static int
bells(void)
{
    uint64_t count = 0;
    return read(calls.bell_fd, &count, sizeof count) > 0 ? (int)count : 0;
}

/* A record of that many bytes, not all of which are written. */
static lode_err
put(uint32_t size, int64_t timeout_ms)
{
    const struct lode_ring_need need = {.size = size, .pages = 1, .entries = 1};
    const struct lode_patience patience = lode_patience_of(timeout_ms);
    void *body;
    LODE_TRY(lode_ring_reserve(&ring, LODE_RECORD_PUT, &need, &patience, &body));
    cr_assert_leq((uint8_t *)body - HEAD + size, bytes + LODE_RING_BYTES_MIN);
    memset(body, 'x', size - HEAD);
    lode_ring_publish(&ring, &need, NULL, 0, 0, false);
    return LODE_OK;
}

Test(ring_lean, goes_round_in_what_has_memory)
{
    uint64_t lap = LODE_RING_BYTES_MIN;
    for (int i = 0; i < 4; i++) {
        uint64_t at = (uint64_t)i * lap;
        cr_assert_eq(put(4096, 0), LODE_OK);
        cr_assert_eq(put(4064, 0), LODE_OK);
        cr_assert_eq(file->ring_tail, at + 8160);
        row->ring_head = file->ring_tail;
        cr_assert_eq(put(4096, 0), LODE_OK, "behind a PAD, at the ring's beginning");
        cr_assert_eq(record_at(at + 8160).type, LODE_RECORD_PAD);
        cr_assert_eq(record_at(at + 8160).size, lap - 8160);
        cr_assert_eq(file->ring_tail, at + lap + 4096);
        row->ring_head = at + lap;
        file->ring_tail = at + lap; /* as if it had not been put */
        ring.tail = at + lap;
    }
}

Test(ring_lean, keeps_room_for_the_head_of_a_pad)
{
    cr_assert_eq(put(FIRST - HEAD, 0), LODE_OK, "the largest record that it can have");
    row->ring_head = file->ring_tail;
    lode_ring_drop_now(&ring, lode_id_make(LODE_ID_PUT, 1, 1));
    cr_assert_eq(record_at(FIRST - HEAD).type, LODE_RECORD_PAD);
    cr_assert_eq(record_at(FIRST - HEAD).size, LODE_RING_BYTES_MIN - FIRST + HEAD);
    cr_assert_eq(record_at(LODE_RING_BYTES_MIN).type, LODE_RECORD_DROP);
}

Test(ring_lean, overwrites_nothing_that_the_store_has_not_taken)
{
    lode_id id = lode_id_make(LODE_ID_PUT, 1, 1);
    cr_assert_eq(put(4096, 0), LODE_OK);
    cr_assert_eq(put(4064, 0), LODE_OK);
    lode_ring_drop_now(&ring, id); /* no room: it is owed */
    cr_assert_eq(record_at(0).type, LODE_RECORD_PUT);
    row->ring_head = 4096;
    cr_assert_eq(lode_ring_take(&ring, id), LODE_OK, "in the place of the first record");
    cr_assert_eq(record_at(0).type, LODE_RECORD_DROP);
    cr_assert_eq(record_at(2 * HEAD).type, LODE_RECORD_TAKE);
    cr_assert_eq(record_at(4096).type, LODE_RECORD_PUT);
}

Test(ring_lean, uses_all_of_the_ring_from_when_the_row_says_that_it_has_memory)
{
    cr_assert_eq(put(8000, 0), LODE_OK);
    row->ring_backed = LODE_RING_BYTES_MIN;
    cr_assert_eq(put(20000, 0), LODE_OK);
    cr_assert_eq(record_at(8000).type, LODE_RECORD_PUT, "no PAD is needed");
    cr_assert_eq(put(30000, 0), LODE_OK);
    row->ring_head = file->ring_tail;
    cr_assert_eq(put(20000, 0), LODE_OK);
    cr_assert_eq(record_at(58000).type, LODE_RECORD_PAD);
    cr_assert_eq(record_at(58000).size, LODE_RING_BYTES_MIN - 58000);
}

Test(ring_lean, has_no_record_that_is_larger_before_the_store_was_asked)
{
    const struct lode_ring_need need = {.size = FIRST, .pages = 2, .entries = 1};
    cr_assert_eq(put(FIRST, 0), LODE_EAGAIN);
    cr_assert_eq(file->ring_tail, 0);
    cr_assert_eq(bells(), 0, "who does not wait asks by standing in the line");
    lode_ring_stand_in_line(&ring, &need, false);
    cr_assert_eq(file->ring_need, FIRST);
    cr_assert_eq(file->credit_waits, 1);
    cr_assert_eq(bells(), 1);
    cr_assert_eq(put(FIRST, 20), LODE_EAGAIN, "the store has no memory for it");
    cr_assert_leq(1, bells());
    row->ring_backed = LODE_RING_BYTES_MIN;
    cr_assert_eq(put(FIRST, 0), LODE_OK);
    lode_ring_leave_line(&ring);
}

/* And not with each record that goes by packet: the store knows that it has asked. */
Test(ring_lean, asks_for_credit_once_for_each_limit_though_it_must_not_wait)
{
    const struct lode_ring_need need = {.size = 64, .entries = 1};
    row->credit_pages = row->credit_entries = 0;
    cr_assert_eq(put(64, 0), LODE_EAGAIN);
    lode_ring_stand_in_line(&ring, &need, false);
    cr_assert_eq(bells(), 1);
    cr_assert_eq(file->credit_need, 1 << 16);
    lode_ring_leave_line(&ring);
    lode_ring_stand_in_line(&ring, &need, false);
    cr_assert_eq(bells(), 0);
    lode_ring_leave_line(&ring);
    row->credit_pages = 7; /* it was granted some that it does not need */
    lode_ring_stand_in_line(&ring, &need, false);
    cr_assert_eq(bells(), 1);
    lode_ring_leave_line(&ring);
    lode_ring_stand_in_line(&ring, &need, false);
    cr_assert_eq(bells(), 0);
    lode_ring_leave_line(&ring);
}

/* A recall of all credit makes the store forget, and changes no limit that is 0 already. */
Test(ring_lean, asks_for_credit_again_after_a_while)
{
    const struct lode_ring_need need = {.size = 64, .entries = 1};
    const int64_t until = lode_deadline(20000);
    row->credit_pages = row->credit_entries = 0;
    for (int asked = 0; asked < 3; asked += bells()) {
        cr_assert_lt(lode_now_ns(), until);
        cr_assert_eq(put(64, 0), LODE_EAGAIN);
        lode_ring_stand_in_line(&ring, &need, false);
        lode_ring_leave_line(&ring);
    }
}

/* Each bell is a system call, and wakes the store. */
Test(ring_lean, rings_once_for_its_first_put_whether_it_sleeps_for_it_or_not)
{
    const struct lode_ring_need need = {.size = 64, .entries = 1};
    struct lode_hooks hooks = {{NULL}};
    struct lode_ring_wait wait;
    void *body;
    row->credit_pages = row->credit_entries = 0;
    for (int i = 0; i < 2; i++) {
        ring.asked_pages = UINT64_MAX;
        lode_ring_wait_begin(&wait, &ring, &hooks, &need, i == 0 ? LODE_NEVER : 0);
        const struct lode_patience until = {.deadline = wait.until, .answer_by = LODE_NEVER};
        cr_assert_eq(lode_ring_reserve(&ring, LODE_RECORD_PUT, &need, &until, &body), LODE_EAGAIN);
        cr_assert_eq(bells(), 1);
        lode_ring_wait_end(&wait, false);
    }
}

/* And not for its first record, which needs no credit. */
Test(ring_lean, rings_when_half_of_what_has_memory_is_used)
{
    enum { DROP_BYTES = 2 * HEAD, HALF = FIRST / 2 / DROP_BYTES };
    row->credit_pages = row->credit_entries = 0;
    for (int i = 1; i < HALF; i++) {
        lode_ring_drop(&ring, lode_id_make(LODE_ID_PUT, 1, 1), false);
    }
    cr_assert_eq(bells(), 0);
    lode_ring_drop(&ring, lode_id_make(LODE_ID_PUT, 1, 1), false);
    cr_assert_eq(bells(), 1);
    lode_ring_drop(&ring, lode_id_make(LODE_ID_PUT, 1, 1), false);
    cr_assert_eq(bells(), 0);
}

/* The PAD in front of what finds no room fills the ring: later records find none, either. */
Test(ring_lean, rings_when_it_is_full_and_nobody_waits)
{
    const struct lode_ring_need need = {.size = 4208, .pages = 1, .entries = 1};
    const struct lode_patience none = {0};
    void *body;
    cr_assert_eq(put(4000, 0), LODE_OK);
    (void)bells();
    cr_assert_eq(lode_ring_reserve(&ring, LODE_RECORD_PUT, &need, &none, &body), LODE_ETIMEDOUT);
    cr_assert_eq(bells(), 1);
    lode_ring_drop_now(&ring, lode_id_make(LODE_ID_PUT, 1, 1));
    cr_assert(ring.owed != NULL);
    cr_assert_eq(bells(), 0, "it was rung for room already");
}

/* The PAD in front of the record stays, and is much of the ring: a drop would find no room. */
Test(ring_lean, rings_for_the_room_that_a_cancelled_record_took)
{
    const struct lode_ring_need need = {.size = 4096, .pages = 1, .entries = 1};
    const struct lode_patience none = {0};
    void *body;
    cr_assert_eq(put(4992, 0), LODE_OK);
    row->ring_head = file->ring_tail;
    (void)bells();
    cr_assert_eq(lode_ring_reserve(&ring, LODE_RECORD_PUT, &need, &none, &body), LODE_OK);
    lode_ring_cancel(&ring);
    cr_assert_eq(file->spending, 0);
    cr_assert_eq(record_at(4992).type, LODE_RECORD_PAD);
    cr_assert_eq(bells(), 1);
}

Test(ring_lean, takes_two_lots_of_drops_in_a_lap)
{
    lode_id ids[LODE_RING_DROPS_MAX];
    for (uint32_t i = 0; i < LODE_RING_DROPS_MAX; i++) {
        ids[i] = lode_id_make(LODE_ID_PUT, 1, i + 1);
    }
    for (int lap = 0; lap < 5; lap++) {
        lode_ring_drop_part(&ring, ids, LODE_RING_DROPS_MAX, false);
        lode_ring_drop_part(&ring, ids, LODE_RING_DROPS_MAX, false);
        cr_assert_eq(file->ring_tail / LODE_RING_BYTES_MIN, lap);
        row->ring_head = file->ring_tail;
    }
    cr_assert(ring.owed == NULL);
}

/* As a store that is broken may write it: nothing lies outside the ring. */
Test(ring_lean, believes_no_number_that_cannot_be)
{
    cr_assert_eq(lode_ring_reach(0, LODE_RING_BYTES_MIN), LODE_RING_BYTES_MIN);
    cr_assert_eq(lode_ring_reach(FIRST - 1, LODE_RING_BYTES_MIN), LODE_RING_BYTES_MIN);
    cr_assert_eq(lode_ring_reach(UINT32_MAX, LODE_RING_BYTES_MIN), LODE_RING_BYTES_MIN);
    cr_assert_eq(lode_ring_reach(FIRST, LODE_RING_BYTES_MIN), FIRST - HEAD);
    cr_assert_eq(lode_ring_reach(FIRST, FIRST), FIRST);
}
