/* The producer of a ring, against a file of the test's own; the test plays the store. */
#include "api/client/channel/ring_wait.h"

#include "api/base/clock.h"
#include "api/system/futex.h"
#include "tests/unit/api/ring_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

static void
setup(void)
{
    ring_setup();
    row->credit_pages = 1000;
    row->credit_entries = 1000;
}

TestSuite(ring, .init = setup, .fini = ring_teardown);

static const struct lode_record *
record_at(uint64_t position)
{
    return (const void *)((const uint8_t *)file + LODE_RING_OFFSET + position % ring.size);
}

/* How often it has rung; a packet is a failure. */
static int
bells(void)
{
    uint64_t count = 0;
    uint8_t packet;
    cr_assert_lt(recv(store, &packet, sizeof packet, MSG_DONTWAIT), 0);
    return read(calls.bell_fd, &count, sizeof count) > 0 ? (int)count : 0;
}

static lode_id
id_of(uint64_t counter)
{
    return lode_id_make(LODE_ID_PUT, 1, counter);
}

/* Of a worker, or NULL: who is told that a put sleeps. */

/* A put of `size` bytes of the letter x. */
static lode_err
put(lode_id id, uint64_t size, int64_t timeout_ms)
{
    static char bytes[LODE_RING_PUT_MAX];
    struct lode_made made = {
        .id = id, .size = size, .carried = lode_made_layout(size, 0, 0).carried};
    struct lode_ring_need need = {
        .size = (uint32_t)(sizeof(struct lode_record) + sizeof made + made.carried),
        .pages = lode_made_pages(size, 0, 0),
        .entries = 1};
    const struct lode_patience patience = lode_patience_of(timeout_ms);
    void *body;
    memset(bytes, 'x', sizeof bytes);
    LODE_TRY(lode_ring_reserve(&ring, LODE_RECORD_PUT, &need, &patience, &body));
    lode_made_write(body, &made, NULL, NULL, bytes);
    lode_ring_publish(&ring, &need, &made.id, 1, sizeof made, false);
    return LODE_OK;
}

Test(ring, a_reference_is_one_record_and_no_message)
{
    lode_id id = id_of(9);
    cr_assert_eq(lode_ring_take(&ring, id), LODE_OK);
    const struct lode_record *record = record_at(0);
    cr_assert_eq(file->ring_tail, 32);
    cr_assert_eq(record->type, LODE_RECORD_TAKE);
    cr_assert_eq(record->size, 32);
    cr_assert_arr_eq(record + 1, id.byte, sizeof id.byte);
    cr_assert_eq(bells(), 0);
}

Test(ring, an_urgent_drop_rings)
{
    lode_ring_drop(&ring, id_of(9), true);
    cr_assert_eq(bells(), 1);
}

Test(ring, the_bell_is_rung_once_for_what_was_published)
{
    lode_ring_bell(&ring);
    cr_assert_eq(bells(), 0);
    cr_assert_eq(lode_ring_take(&ring, id_of(9)), LODE_OK);
    lode_ring_bell(&ring);
    lode_ring_bell(&ring);
    cr_assert_eq(bells(), 1);
    lode_ring_drop(&ring, id_of(9), true);
    lode_ring_bell(&ring);
    cr_assert_eq(bells(), 1);
}

Test(ring, a_put_carries_its_bytes_and_spends_credit)
{
    cr_assert_eq(put(id_of(1), 5000, 0), LODE_OK);
    const struct lode_record *record = record_at(0);
    struct lode_made made;
    memcpy(&made, record + 1, sizeof made);
    cr_assert_eq(record->size, 16 + 48 + 5008);
    cr_assert_eq(made.size, 5000);
    cr_assert_eq(made.carried, 5008);
    const char *bytes = (const char *)(record + 1) + sizeof made;
    cr_assert(bytes[0] == 'x' && bytes[4999] == 'x');
    cr_assert_eq(ring.spent_pages, 2);
    cr_assert_eq(ring.spent_entries, 1);
}

Test(ring, a_put_that_lies_in_its_entry_spends_no_page)
{
    cr_assert_eq(put(id_of(1), LODE_INLINE_MAX, 0), LODE_OK);
    cr_assert_eq(ring.spent_pages, 0);
    cr_assert_eq(ring.spent_entries, 1);
}

Test(ring, a_put_that_somebody_waits_for_rings)
{
    uint64_t hash = lode_id_hash(id_of(1), fake.view.hash_key);
    cr_assert_eq(put(id_of(1), 8, 0), LODE_OK);
    cr_assert_eq(bells(), 0);
    fake.wakes[lode_wake_bucket(hash)].waited = 1;
    cr_assert_eq(put(id_of(1), 8, 0), LODE_OK);
    cr_assert_eq(bells(), 1);
}

Test(ring, half_full_rings_once_for_each_position_of_the_store)
{
    uint64_t half = ring.size / 2 / 32;
    for (uint64_t i = 0; i + 1 < half; i++) {
        cr_assert_eq(lode_ring_take(&ring, id_of(i)), LODE_OK);
    }
    cr_assert_eq(bells(), 0);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(lode_ring_take(&ring, id_of(1)), LODE_OK);
    }
    cr_assert_eq(bells(), 1);
    row->ring_head = 32;
    cr_assert_eq(lode_ring_take(&ring, id_of(1)), LODE_OK);
    cr_assert_eq(bells(), 1);
}

Test(ring, half_of_the_credit_used_rings_once_for_each_limit)
{
    row->credit_pages = 4;
    cr_assert_eq(put(id_of(1), 4096, 0), LODE_OK);
    cr_assert_eq(bells(), 0);
    cr_assert_eq(put(id_of(2), 4096, 0), LODE_OK);
    cr_assert_eq(put(id_of(3), 4096, 0), LODE_OK);
    cr_assert_eq(bells(), 1);
    row->credit_pages = 12;
    cr_assert_eq(put(id_of(4), 4096, 0), LODE_OK);
    cr_assert_eq(bells(), 0);
}

Test(ring, without_credit_a_put_goes_another_way_and_publishes_nothing)
{
    row->credit_pages = 1;
    cr_assert_eq(put(id_of(1), 4097, 0), LODE_EAGAIN);
    cr_assert_eq(file->ring_tail, 0);
    cr_assert_eq(put(id_of(1), 4096, 0), LODE_OK);
    cr_assert_eq(put(id_of(2), 1, 0), LODE_OK, "what lies in its entry needs no page");
    row->credit_entries = 2;
    cr_assert_eq(put(id_of(3), 1, 0), LODE_EAGAIN, "but an entry");
}

Test(ring, a_doorbell_never_blocks_where_the_store_does_not_look)
{
    uint64_t full = UINT64_MAX - 1, count; /* what the counter holds at most */
    cr_assert_eq(write(calls.bell_fd, &full, sizeof full), (ssize_t)sizeof full);
    lode_ring_drop(&ring, id_of(1), true);
    cr_assert_eq(read(calls.bell_fd, &count, sizeof count), (ssize_t)sizeof count);
    cr_assert_eq(count, full);
    cr_assert(!calls.socket.down);
}

/* Waits for a doorbell, then grants, as a store that had to find pages first. */
static void *
grant_when_rung(void *arg)
{
    struct pollfd bell = {.fd = calls.bell_fd, .events = POLLIN};
    (void)arg;
    poll(&bell, 1, -1);
    row->credit_pages = 8;
    row->credit_wake++;
    lode_futex_wake_all(&row->credit_wake);
    return NULL;
}

Test(ring, a_put_waits_for_credit_and_is_woken)
{
    pthread_t thread;
    row->credit_pages = 0;
    pthread_create(&thread, NULL, grant_when_rung, NULL);
    cr_assert_eq(put(id_of(1), 4096, LODE_FOREVER), LODE_OK);
    pthread_join(thread, NULL);
}

struct told {
    int for_room, awake;
};

static void
on_blocked(void *arg, enum lode_sleep sleep)
{
    struct told *told = arg;
    cr_assert(lode_mutex_try_lock(&ring.mu), "a hook sends messages: other threads must go on");
    lode_mutex_unlock(&ring.mu);
    told->for_room += sleep == LODE_SLEEPS_FOR_ROOM;
    told->awake += sleep == LODE_AWAKE;
}

Test(ring, a_wait_of_many_rounds_tells_the_worker_once_and_no_hook_runs_under_the_rings_lock)
{
    struct told told = {0, 0};
    const struct lode_session_hooks table = {.arg = &told, .blocked = on_blocked};
    const struct lode_ring_need need = {
        .size = sizeof(struct lode_record) + sizeof(struct lode_made), .pages = 1, .entries = 1};
    struct lode_hooks worker = {{NULL}};
    struct lode_ring_wait wait;
    lode_err err = LODE_EAGAIN;
    void *body;
    cr_assert_eq(lode_hooks_install(&worker, LODE_HOOKS_WORKER, &table), &table);
    row->credit_pages = 0;
    lode_ring_wait_begin(&wait, &ring, &worker, &need, LODE_NEVER);
    for (int round = 0; err == LODE_EAGAIN; round++) {
        const struct lode_patience until = {.deadline = wait.until, .answer_by = LODE_NEVER};
        row->credit_pages = round < 3 ? 0 : 8;
        err = lode_ring_reserve(&ring, LODE_RECORD_PUT, &need, &until, &body);
        cr_assert(err != LODE_EAGAIN || lode_ring_wait_again(&wait));
        cr_assert_eq(told.for_room, 1, "from its second round on it is blocked");
        cr_assert_eq(told.awake, 0);
    }
    cr_assert_eq(err, LODE_OK);
    lode_ring_cancel(&ring);
    lode_ring_wait_end(&wait, false);
    cr_assert_eq(told.for_room, 1);
    cr_assert_eq(told.awake, 1);
}

/* Walks all records between head and tail, as the store does. */
static void
walk(uint64_t *head, int *puts)
{
    uint64_t tail = atomic_load_explicit(&file->ring_tail, memory_order_acquire);
    while (*head < tail) {
        const struct lode_record *record = record_at(*head);
        cr_assert_eq(record->size % LODE_RECORD_ALIGN, 0);
        cr_assert_gt(record->size, 0);
        cr_assert_leq(*head % ring.size + record->size, ring.size, "a record straddles the end");
        *puts += record->type == LODE_RECORD_PUT;
        *head += record->size;
    }
}

/* A store that takes in what there is at each doorbell, until the socket ends. */
static int puts_seen;

static void *
drain_when_rung(void *arg)
{
    struct pollfd ends[2] = {{.fd = calls.bell_fd, .events = POLLIN},
                             {.fd = store, .events = POLLIN}};
    uint64_t rung, head = 0;
    (void)arg;
    do {
        walk(&head, &puts_seen);
        row->ring_head = head;
        row->credit_wake++;
        lode_futex_wake_all(&row->credit_wake);
        poll(ends, 2, -1);
    } while (read(calls.bell_fd, &rung, sizeof rung) > 0 || ends[1].revents == 0);
    walk(&head, &puts_seen);
    return NULL;
}

Test(ring, records_never_straddle_the_end_and_a_full_ring_waits_for_the_store)
{
    pthread_t thread;
    row->credit_pages = row->credit_entries = UINT32_MAX;
    pthread_create(&thread, NULL, drain_when_rung, NULL);
    for (uint64_t i = 0; i < 5000; i++) {
        cr_assert_eq(put(id_of(i), i * 37 % LODE_RING_PUT_MAX, 0), LODE_OK);
    }
    shutdown(calls.socket.fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    cr_assert_eq(puts_seen, 5000);
}

Test(ring, the_largest_record_fits_the_smallest_ring_from_any_position)
{
    pthread_t thread;
    struct lode_ring_need need = {.size = LODE_RECORD_MAX};
    const struct lode_patience forever = lode_patience_of(LODE_FOREVER);
    void *body;
    pthread_create(&thread, NULL, drain_when_rung, NULL);
    cr_assert_eq(lode_ring_take(&ring, id_of(1)), LODE_OK);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(lode_ring_reserve(&ring, LODE_RECORD_COMMIT, &need, &forever, &body), LODE_OK);
        lode_ring_publish(&ring, &need, NULL, 0, 0, false);
    }
    shutdown(calls.socket.fd, SHUT_RDWR);
    pthread_join(thread, NULL);
}

Test(ring, a_dead_store_ends_a_wait_for_room)
{
    row->credit_pages = 0;
    close(store);
    cr_assert_eq(put(id_of(1), 4096, LODE_FOREVER), LODE_EDOWN);
    store = -1;
}

Test(ring, values_lie_where_the_layout_says)
{
    uint8_t bytes[512] = {0};
    const int64_t shape[2] = {3, 2}, strides[2] = {1, 3};
    const char data[6] = "abcdef";
    struct lode_made made = {.size = 6, .ndim = 2, .flags = LODE_ENTRY_STRIDED};
    struct lode_made_layout layout = lode_made_layout(6, 2, LODE_ENTRY_STRIDED);
    made.carried = layout.carried;
    cr_assert_eq(layout.head, 32);
    cr_assert_eq(layout.carried, 48);
    cr_assert_eq(lode_made_write(bytes, &made, shape, strides, data), bytes + 48 + 48);
    cr_assert_arr_eq(bytes + 48, shape, sizeof shape);
    cr_assert_arr_eq(bytes + 64, strides, sizeof strides);
    cr_assert_arr_eq(bytes + 80, data, sizeof data);
    cr_assert_eq(lode_made_layout(6, 1, 0).head, 16, "an odd number of axes is filled to 16");
}

/* ---- a store that is stopped ---------------------------------------------------------------- */

static void
fill_the_ring(void)
{
    for (uint64_t i = 0; i < ring.size / 32; i++) {
        cr_assert_eq(lode_ring_take(&ring, id_of(1)), LODE_OK);
    }
}

/* It goes ahead of the next record that finds room. */
Test(ring, a_drop_that_finds_no_room_is_owed)
{
    fill_the_ring();
    uint64_t tail = file->ring_tail;
    lode_ring_drop_now(&ring, id_of(9));
    lode_ring_drop(&ring, id_of(9), false); /* something is owed: it does not wait */
    cr_assert_eq(file->ring_tail, tail);
    row->ring_head = tail;
    cr_assert_eq(lode_ring_take(&ring, id_of(2)), LODE_OK);
    cr_assert_eq(file->ring_tail, tail + 3 * 32);
    cr_assert_eq(record_at(0)->type, LODE_RECORD_DROP); /* the ring has come round */
    cr_assert_eq(record_at(32)->type, LODE_RECORD_DROP);
    cr_assert_eq(record_at(64)->type, LODE_RECORD_TAKE);
}

Test(ring, drops_that_go_together_are_one_piece_and_one_write_of_the_tail)
{
    const lode_id ids[] = {id_of(1), id_of(2), id_of(2)};
    lode_ring_drop_part(&ring, ids, 3, false);
    cr_assert_eq(file->ring_tail, 3 * 32);
    for (uint32_t i = 0; i < 3; i++) {
        const struct lode_record *record = record_at(i * 32);
        cr_assert_eq(record->type, LODE_RECORD_DROP);
        cr_assert_eq(record->size, 32);
        cr_assert_arr_eq((const uint8_t *)(record + 1), ids[i].byte, sizeof ids[i]);
    }
}

Test(ring, drops_that_go_together_and_find_no_room_are_owed_together)
{
    const lode_id ids[] = {id_of(1), id_of(2), id_of(3)};
    fill_the_ring();
    uint64_t tail = file->ring_tail;
    lode_ring_drop_now(&ring, id_of(9));
    lode_ring_drop_part(&ring, ids, 3, false); /* something is owed: it does not wait */
    cr_assert_eq(file->ring_tail, tail);
    row->ring_head = tail;
    cr_assert_eq(lode_ring_take(&ring, id_of(4)), LODE_OK);
    cr_assert_eq(file->ring_tail, tail + 5 * 32);
    cr_assert_eq(record_at(3 * 32)->type, LODE_RECORD_DROP);
    cr_assert_eq(record_at(4 * 32)->type, LODE_RECORD_TAKE);
}

Test(ring, a_put_that_finds_no_room_ends_a_second_after_its_time)
{
    fill_the_ring();
    int64_t began = lode_now_ns();
    cr_assert_eq(put(id_of(1), 10, 1), LODE_ETIMEDOUT);
    cr_assert_geq(lode_now_ns() - began, INT64_C(1001) * 1000000);
}

static uint32_t
said_need(void)
{
    return atomic_load(&file->credit_need);
}

Test(ring, threads_in_line_say_the_most_that_one_of_them_needs_and_a_later_line_begins_anew)
{
    struct lode_ring_need pages = {.size = 64, .pages = 9, .entries = 1};
    struct lode_ring_need entries = {.size = 64, .pages = 2, .entries = 30};
    lode_ring_stand_in_line(&ring, &pages, true);
    cr_assert_eq(said_need(), 9U | 1U << 16);
    lode_ring_stand_in_line(&ring, &entries, true);
    cr_assert_eq(said_need(), 9U | 30U << 16);
    cr_assert_eq(atomic_load(&file->credit_waits), 2);
    lode_ring_leave_line(&ring);
    lode_ring_leave_line(&ring);
    cr_assert_eq(atomic_load(&file->credit_waits), 0);
    lode_ring_stand_in_line(&ring, &entries, true);
    cr_assert_eq(said_need(), 2U | 30U << 16);
    lode_ring_stand_in_line(&ring, &pages, true);
    cr_assert_eq(said_need(), 9U | 30U << 16);
    lode_ring_leave_line(&ring);
    lode_ring_leave_line(&ring);
}
