/* The queue against the plainest model there is: records are numbers, the model counts. */
#include "api/wire/link_queue.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct lode_link_queue queue;
static char message[4 << 20];

static void
setup(void)
{
    lode_link_queue_init(&queue);
}

static void
teardown(void)
{
    lode_link_queue_fini(&queue);
}

TestSuite(link_queue, .init = setup, .fini = teardown);

static void
append(uint64_t number, uint32_t rest_size)
{
    static char rest[1 << 20];
    must(lode_link_queue_append(&queue, 1, &number, sizeof number, rest, rest_size));
}

/* Takes the next message, whose records must begin with `first`; gives how many there were. */
static uint32_t
take(uint64_t first)
{
    uint32_t count;
    size_t bytes = lode_link_queue_next(&queue, &count), at = 0;
    expect_le(bytes, sizeof message);
    lode_link_queue_take(&queue, bytes, message);
    for (uint32_t i = 0; i < count; i++) {
        struct lode_link_record record;
        uint64_t number;
        memcpy(&record, message + at, sizeof record);
        memcpy(&number, message + at + sizeof record, sizeof number);
        expect_eq(number, first + i);
        at += lode_link_record_bytes(record.size);
    }
    expect_eq(at, bytes);
    return count;
}

Test(link_queue, an_empty_queue_has_nothing_to_send)
{
    uint32_t count;
    expect_eq(lode_link_queue_next(&queue, &count), 0);
    expect_eq(count, 0);
    lode_link_queue_rewind(&queue);
    lode_link_queue_acknowledge(&queue, 0);
}

Test(link_queue, rewinding_sends_exactly_what_is_not_acknowledged)
{
    for (uint64_t i = 1; i <= 10; i++) {
        append(i, 0);
    }
    expect_eq(take(1), 10);
    expect_eq(take(11), 0);
    lode_link_queue_acknowledge(&queue, 7);
    lode_link_queue_rewind(&queue);
    expect_eq(take(8), 3);
    lode_link_queue_acknowledge(&queue, 10);
    lode_link_queue_rewind(&queue);
    expect_eq(take(11), 0);
    expect_eq(queue.backlog_bytes, 0);
}

Test(link_queue, an_acknowledgement_may_overtake_a_rewind)
{
    for (uint64_t i = 1; i <= 10; i++) {
        append(i, 0);
    }
    expect_eq(take(1), 10);
    lode_link_queue_rewind(&queue);
    lode_link_queue_acknowledge(&queue, 4);
    expect_eq(take(5), 6);
}

Test(link_queue, a_message_is_bounded_unless_one_record_is_larger)
{
    for (uint64_t i = 1; i <= 1000; i++) {
        append(i, 1000);
    }
    uint32_t count;
    expect_le(lode_link_queue_next(&queue, &count), 256 << 10);
    lode_link_queue_acknowledge(&queue, 0);
    uint64_t first = 1;
    while ((count = take(first)) > 0) {
        first += count;
    }
    expect_eq(first, 1001);
    append(1001, 1 << 20);
    expect_eq(take(1001), 1);
}

Test(link_queue, any_mixture_of_steps_agrees_with_the_model)
{
    unsigned seed = 4711;
    uint64_t last = 0, acked = 0, sent = 0, highest = 0;
    for (int step = 0; step < 200000; step++) {
        switch (rand_r(&seed) % 8) {
        case 0 ... 3:
            append(++last, (uint32_t)rand_r(&seed) % (rand_r(&seed) % 50 == 0 ? 100000 : 300));
            break;
        case 4 ... 5:
            sent += take(sent + 1);
            highest = highest > sent ? highest : sent;
            break;
        case 6:
            acked += highest > acked ? (uint64_t)rand_r(&seed) % (highest - acked + 1) : 0;
            lode_link_queue_acknowledge(&queue, acked);
            sent = sent > acked ? sent : acked;
            break;
        case 7:
            if (rand_r(&seed) % 10 == 0) {
                lode_link_queue_rewind(&queue);
                sent = acked;
            }
        }
        expect_eq(queue.last, last);
        expect_eq(queue.acked, acked);
        expect_eq(queue.sent, sent);
    }
}
