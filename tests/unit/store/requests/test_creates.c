/* Creates that find no room, or wait for it. */
#include "api/base/clock.h"
#include "store/requests/creates.h"
#include "store/sessions/packets.h"
#include "store/waits/waits.h"
#include "tests/unit/store/fake_client.h"

enum { MIB = 1 << 20 };

TestSuite(creates, .init = store_setup, .fini = store_teardown, .timeout = 120);

Test(creates, larger_than_the_store_is_refused_at_once)
{
    struct fake fake = fake_attach(0);
    struct lode_msg_error error;
    fake_ask(&fake, fake_next(&fake), FAKE_CAPACITY + 1, LODE_FOREVER);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_ETOOBIG);
    fake_ask(&fake, fake_next(&fake), UINT64_MAX, LODE_FOREVER);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_ETOOBIG);
    fake_die(&fake);
}

/* Credit that is never given back lies in the store, too: it would wait for ever. */
Test(creates, of_the_whole_capacity_are_refused_at_once_and_what_the_figures_promise_is_served)
{
    struct fake fake = fake_attach(0);
    struct lode_msg_error error;
    struct lode_msg_created created;
    struct arena_stats stats;
    fake_ask(&fake, fake_next(&fake), FAKE_CAPACITY, LODE_FOREVER);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_ETOOBIG);
    arena_stats(store->arena, &stats);
    expect_lt(stats.largest_free_bytes, FAKE_CAPACITY);
    fake_ask(&fake, fake_next(&fake), stats.largest_free_bytes + 1, 0);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(fake_create(&fake, fake_next(&fake), stats.largest_free_bytes, 0, &created),
              LODE_MSG_CREATED);
    fake_die(&fake);
}

Test(creates, without_room_or_patience_fail_with_the_numbers)
{
    struct fake fake = fake_attach(0);
    struct lode_msg_created big;
    struct {
        struct lode_msg_error msg;
        char text[512];
    } error = {.text = ""};
    expect_eq(fake_create(&fake, fake_next(&fake), 6 * MIB, 0, &big), LODE_MSG_CREATED);
    fake_ask(&fake, fake_next(&fake), 4 * MIB, 0);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.msg.err, LODE_EFULL);
    expect_text(error.text, "no room for 4194304 bytes: 2097152 of 8388608 are free");
    fake_die(&fake);
}

Test(creates, with_patience_are_answered_when_room_comes)
{
    struct fake holder = fake_attach(0), patient = fake_attach(0);
    struct lode_msg_created big, got;
    fake_create(&holder, fake_next(&holder), 6 * MIB, 0, &big);
    fake_ask(&patient, fake_next(&patient), 4 * MIB, LODE_FOREVER);
    expect(!fake_has_packet(&patient));
    fake_draft_call(&holder, LODE_MSG_ABORT, &big);
    while (!fake_has_packet(&patient)) {
        expect_lt(0, helper_wait(store->helper, 10000));
        pump();
    }
    expect_eq(fake_receive(&patient, &got, sizeof got, NULL), LODE_MSG_CREATED);
    fake_die(&holder);
    fake_die(&patient);
}

Test(creates, with_patience_fail_at_their_deadline)
{
    struct fake fake = fake_attach(0);
    struct lode_msg_created big;
    struct lode_msg_error error;
    fake_create(&fake, fake_next(&fake), 6 * MIB, 0, &big);
    fake_ask(&fake, fake_next(&fake), 4 * MIB, 30);
    while (!fake_has_packet(&fake)) {
        struct epoll_event event;
        expect_eq(epoll_wait(store->epoll_fd, &event, 1, 10000), 1);
        pump();
    }
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_EFULL);
    fake_die(&fake);
}

static void
expire(struct fake *fake, uint32_t tag)
{
    struct lode_msg_head expired = {.type = LODE_MSG_EXPIRE, .tag = tag};
    fake_send(fake, &expired, sizeof expired);
    pump();
}

Test(creates, whose_time_their_client_says_is_up_are_answered_and_no_others)
{
    enum { TAG = 9 }; /* of fake_ask() */
    struct fake fake = fake_attach(0), other = fake_attach(0);
    struct lode_msg_created big;
    struct lode_msg_error error;
    fake_create(&fake, fake_next(&fake), 6 * MIB, 0, &big);
    fake_ask(&fake, fake_next(&fake), 4 * MIB, LODE_FOREVER);
    fake_ask(&other, fake_next(&other), 4 * MIB, LODE_FOREVER);
    expire(&fake, TAG + 1);
    expire(&fake, 0);
    expire(&other, TAG);
    fake_until_answered(&other);
    expect_eq(fake_receive(&other, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_EFULL);
    expect(!fake_has_packet(&fake));
    expire(&other, TAG); /* its answer is there */
    expire(&fake, TAG);
    fake_until_answered(&fake);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_EFULL);
    expect(!fake_has_packet(&other));
    fake_die(&other);
    fake_die(&fake);
}

static void
small_tmpfs_setup(void)
{
    tmpfs_setup();
    tmpfs_of("24m");
    store_begin();
}

/* A suite of its own: what a suite sets up is set up for each of its tests, whatever those add. */
TestSuite(creates_without_memory, .init = small_tmpfs_setup, .fini = store_teardown,
          .timeout = 120);

/* Commits that fail, and ticks. */
static void
let_fail(void)
{
    for (int i = 0; i < 3; i++) {
        struct epoll_event event;
        expect_eq(epoll_wait(store->epoll_fd, &event, 1, 10000), 1);
        pump();
    }
}

/* There is memory again: the request is answered, and what it gave can be sealed. */
static void
expect_made(struct fake *fake, int filler, lode_id id)
{
    struct lode_msg_created got;
    close(filler);
    fake_until_answered(fake);
    expect_eq(fake_receive(fake, &got, sizeof got, NULL), LODE_MSG_CREATED);
    expect_eq(fake_draft_call(fake, LODE_MSG_SEAL, &got), LODE_MSG_OK);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
}

/* The store has room, the tmpfs has no memory for it: the commit fails, on the helper's thread. */
Test(creates_without_memory, that_get_no_memory_wait_for_it_till_their_deadline)
{
    struct fake fake = fake_attach(0), waiter = fake_attach(0);
    struct lode_msg_error error;
    lode_id id = user(1);
    fake_take(&waiter, id); /* the store has made room for references, then */
    fake_ring(&waiter);
    int filler = tmpfs_fill();
    fake_ask(&fake, fake_next(&fake), 6 * MIB, 0);
    fake_until_answered(&fake);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_EFULL);
    int64_t deadline = lode_deadline(100);
    fake_ask(&fake, fake_next(&fake), 6 * MIB, 100);
    fake_until_answered(&fake);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_EFULL);
    expect_lt(deadline, lode_now_ns());
    fake_wait(&waiter, id, 1);
    fake_ask(&fake, id, 6 * MIB, LODE_FOREVER);
    let_fail();
    expect(!fake_has_packet(&fake));
    expect_eq(fake_lookup(&waiter, id, 1), LODE_FOUND_PENDING); /* and was not aborted */
    expect_made(&fake, filler, id);
    fake_die(&fake);
    fake_die(&waiter);
}

/* Nobody was told of it: the id is not used up, and who waits for it waits on. */
Test(creates_without_memory, of_a_reserved_id_that_get_no_memory_leave_it_as_it_was)
{
    struct fake fake = fake_attach(0), waiter = fake_attach(0);
    struct lode_msg_error error;
    lode_id id = lode_id_reserve(fake.number, 1);
    fake_take(&waiter, id);
    fake_wait(&waiter, id, 1);
    int filler = tmpfs_fill();
    fake_ask(&fake, id, 6 * MIB, 0);
    fake_until_answered(&fake);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_EFULL);
    expect_eq(fake_lookup(&waiter, id, 1), LODE_FOUND_PENDING);
    fake_ask(&fake, id, 6 * MIB, LODE_FOREVER);
    let_fail();
    expect(!fake_has_packet(&fake));
    expect_eq(fake_lookup(&waiter, id, 1), LODE_FOUND_PENDING);
    expect_made(&fake, filler, id);
    fake_die(&fake);
    fake_die(&waiter);
}

Test(creates_without_memory, that_get_no_memory_take_that_of_what_is_dropped)
{
    struct fake holder = fake_attach(0), fake = fake_attach(0);
    struct lode_msg_created big, got;
    lode_id id = fake_next(&holder);
    expect_eq(fake_create(&holder, id, 4 * MIB, 0, &big), LODE_MSG_CREATED);
    fake_draft_call(&holder, LODE_MSG_SEAL, &big);
    int filler = tmpfs_fill();
    fake_drop(&holder, id); /* nobody rings */
    expect_eq(fake_create(&fake, fake_next(&fake), 3 * MIB, 0, &got), LODE_MSG_CREATED);
    close(filler);
    fake_die(&holder);
    fake_die(&fake);
}

/* Such a request does not try again because of the room that it gave back itself. */
Test(creates_without_memory, that_get_no_memory_wait_without_haste)
{
    struct fake fake = fake_attach(0);
    struct lode_msg_error error;
    int filler = tmpfs_fill();
    uint64_t before = store->rounds;
    fake_ask(&fake, fake_next(&fake), 6 * MIB, 200);
    fake_until_answered(&fake);
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    expect_eq(error.err, LODE_EFULL);
    expect_lt(store->rounds - before, 100); /* ticks of 10, 20, 40, 80 ms, a few rounds for each */
    close(filler);
    fake_die(&fake);
}

Test(creates, a_drop_that_only_lies_in_a_ring_is_found_for_them)
{
    struct fake holder = fake_attach(0), patient = fake_attach(0);
    struct lode_msg_created big, got;
    lode_id id = fake_next(&holder);
    fake_create(&holder, id, 6 * MIB, 0, &big);
    fake_draft_call(&holder, LODE_MSG_SEAL, &big);
    fake_drop(&holder, id); /* nobody rings */
    expect_eq(fake_create(&patient, fake_next(&patient), 4 * MIB, 0, &got), LODE_MSG_CREATED);
    fake_die(&holder);
    fake_die(&patient);
}

Test(creates, who_ends_while_waiting_leaves_nothing)
{
    struct fake holder = fake_attach(0), patient = fake_attach(0);
    struct lode_msg_created big;
    fake_create(&holder, fake_next(&holder), 6 * MIB, 0, &big);
    fake_ask(&patient, fake_next(&patient), 4 * MIB, LODE_FOREVER);
    fake_die(&patient);
    fake_die(&holder);
    expect_eq(store->table.state_count[LODE_ENTRY_FREE], store->table.entry_count);
}

Test(creates, an_id_is_taken_once)
{
    struct fake a = fake_attach(0), b = fake_attach(0);
    struct lode_msg_created first, second;
    lode_id id = user(1);
    expect_eq(fake_create(&a, id, 10, 0, &first), LODE_MSG_CREATED);
    expect_eq(fake_create(&b, id, 10, 0, &second), LODE_MSG_ERROR);
    expect_eq(fake_draft_call(&a, LODE_MSG_SEAL, &first), LODE_MSG_OK);
    expect_eq(fake_create(&b, id, 10, 0, &second), LODE_MSG_ERROR);
    expect_eq(fake_draft_call(&a, LODE_MSG_SEAL, &first), LODE_MSG_ERROR);
    expect_eq(fake_draft_call(&a, LODE_MSG_ABORT, &first), LODE_MSG_ERROR);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_die(&a);
    fake_die(&b);
}

Test(creates, a_draft_is_its_makers_alone)
{
    struct fake a = fake_attach(0), b = fake_attach(0);
    struct lode_msg_created draft;
    fake_create(&a, fake_next(&a), 10, 0, &draft);
    expect_eq(fake_draft_call(&b, LODE_MSG_SEAL, &draft), LODE_MSG_ERROR);
    expect_eq(fake_draft_call(&b, LODE_MSG_ABORT, &draft), LODE_MSG_ERROR);
    expect_eq(fake_draft_call(&a, LODE_MSG_SEAL, &draft), LODE_MSG_OK);
    fake_die(&a);
    fake_die(&b);
}

Test(creates, strides_are_the_stores_whatever_the_client_writes)
{
    struct fake fake = fake_attach(0);
    struct lode_msg_create create = {.head = {.type = LODE_MSG_CREATE, .tag = 1},
                                     .id = fake_next(&fake),
                                     .size = 13 * 8,
                                     .dtype = LODE_F64,
                                     .kind = LODE_KIND_ARRAY,
                                     .ndim = 2,
                                     .flags = LODE_ENTRY_STRIDED,
                                     .shape = {3, 3},
                                     .strides = {5, 1}};
    struct lode_msg_created created;
    fake_send(&fake, &create, sizeof create);
    pump();
    expect_eq(fake_receive(&fake, &created, sizeof created, NULL), LODE_MSG_CREATED);
    int64_t *lie = arena_address(store->arena, created.extent);
    lie[0] = 1 << 20;
    fake_draft_call(&fake, LODE_MSG_SEAL, &created);
    expect_eq(lie[0], 5);
    expect_eq(lie[1], 1);
    create.strides[0] = 6; /* reaches beyond the object */
    create.id = fake_next(&fake);
    fake_send(&fake, &create, sizeof create);
    pump();
    uint8_t answer[1024];
    expect_eq(fake_receive(&fake, answer, sizeof answer, NULL), LODE_MSG_ERROR);
    fake_die(&fake);
}

Test(creates, without_an_entry_give_their_room_back)
{
    struct fake fake = fake_attach(0);
    struct arena_stats before, after;
    struct lode_msg_error error;
    uint32_t reserved = store->table.reserved;
    int truth_fd = store->table.truth_fd;
    arena_stats(store->arena, &before);
    store->table.reserved = store->table.free_count; /* there must be more entries, */
    store->table.truth_fd = -1;                      /* and there can be none */
    struct lode_msg_create create = {
        .head = {.type = LODE_MSG_CREATE, .tag = 9}, .id = fake_next(&fake), .size = 100000};
    must(handle_create(store, fake.session, &create, NULL, 0));
    store->table.reserved = reserved;
    store->table.truth_fd = truth_fd;
    expect_eq(fake_receive(&fake, &error, sizeof error, NULL), LODE_MSG_ERROR);
    arena_stats(store->arena, &after);
    expect_eq(after.used_bytes, before.used_bytes);
    fake_die(&fake);
}

Test(creates, that_are_aborted_leave_what_others_remembered_of_the_id)
{
    struct fake keeper = fake_attach(0), quitter = fake_attach(0), maker = fake_attach(0);
    struct lode_msg_created draft;
    lode_id id = user(1);
    fake_take(&keeper, id);
    fake_ring(&keeper);
    expect_eq(fake_create(&quitter, id, 5000, 0, &draft), LODE_MSG_CREATED);
    expect_eq(fake_draft_call(&quitter, LODE_MSG_ABORT, &draft), LODE_MSG_OK);
    expect_eq(state_of(id), LODE_ENTRY_EXPECTED);
    expect_eq(fake_create(&maker, id, 5000, 0, &draft), LODE_MSG_CREATED);
    expect_eq(fake_draft_call(&maker, LODE_MSG_SEAL, &draft), LODE_MSG_OK);
    expect_eq(store->table.truths[entry_of(id)].refs, 2);
    fake_die(&maker);
    expect_eq(state_of(id), LODE_ENTRY_SEALED);
    fake_drop(&keeper, id);
    fake_ring(&keeper);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&keeper);
    fake_die(&quitter);
}

Test(creates, of_a_process_that_still_runs_leave_what_others_remembered_of_the_id)
{
    struct fake keeper = fake_attach(0), quitter = fake_attach(0);
    struct lode_msg_created draft;
    lode_id id = user(1);
    fake_take(&keeper, id);
    fake_ring(&keeper);
    expect_eq(fake_create(&quitter, id, 5000, 0, &draft), LODE_MSG_CREATED);
    close(quitter.fd);
    pump();
    expect_eq(state_of(id), LODE_ENTRY_EXPECTED);
    expect_eq(store->table.truths[entry_of(id)].refs, 1);
    store->by_row[quitter.row]->pidfd = -1;
    lingering_reap(store);
    pump();
    expect_eq(store->table.state_count[LODE_ENTRY_CREATED], 0);
    fake_drop(&keeper, id);
    fake_ring(&keeper);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    fake_die(&keeper);
}

/* They are committed by workers, or made by FAIL. */
Test(creates, of_results_are_nobodys_not_even_the_schedulers)
{
    struct fake submitter = fake_attach(0), scheduler = fake_attach(LODE_HELLO_SCHEDULER);
    struct fake *const all[] = {&submitter, &scheduler};
    struct {
        struct lode_msg_create create;
        char bytes[8];
    } put = {.create = {.head = {.type = LODE_MSG_PUT, .tag = 1},
                        .id = result(&submitter, 1),
                        .size = 8,
                        .kind = LODE_KIND_ERROR}};
    struct {
        struct lode_msg_error error;
        char text[1024];
    } answer;
    for (size_t i = 0; i < 2; i++) {
        fake_send(all[i], &put, sizeof put);
        pump();
        expect_eq(fake_receive(all[i], &answer, sizeof answer, NULL), LODE_MSG_ERROR);
        expect_eq(answer.error.err, LODE_EINVAL);
        expect_eq(state_of(put.create.id), LODE_ENTRY_FREE);
        fake_die(all[i]);
    }
}

/* The limit's number, and not that the store is full: no byte that is freed would help. */
Test(creates, of_small_puts_at_the_limit_of_objects_are_told_the_limit)
{
    struct fake fake = fake_attach(0), other = fake_attach(0);
    static const uint32_t sizes[] = {1, 1000};
    fake_give_all_entries(&other);
    for (size_t i = 0; i < 2; i++) {
        struct {
            struct lode_msg_create create;
            char bytes[1000];
        } put = {.create = {.head = {.type = LODE_MSG_PUT, .tag = 1},
                            .id = fake_next(&fake),
                            .size = sizes[i]}};
        struct {
            struct lode_msg_error error;
            char text[1024];
        } answer = {0};
        fake_send(&fake, &put, sizeof put.create + sizes[i]);
        pump();
        expect_eq(fake_receive(&fake, &answer, sizeof answer, NULL), LODE_MSG_ERROR);
        expect_eq(answer.error.err, LODE_ELIMIT);
        expect_text(answer.text, "4096 objects");
    }
    fake_die(&other);
    fake_die(&fake);
}
