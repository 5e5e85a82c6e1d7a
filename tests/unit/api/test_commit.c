/* A commit of results; the test plays the store, which refuses what it is asked for. */
#include "api/client/context/commit.h"

#include "api/client/session/handle.h"
#include "tests/support/check.h"
#include "tests/unit/api/fake_index.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RESULTS = 161, SMALL = 128, LARGE = LODE_RING_PUT_MAX + 1, CREDIT = 1000 };

static struct fake_index fake;
static lode db;
static struct lode_session_header *file;
static pthread_t thread;
static int store; /* the other end of the socket */
static uint32_t creates, others;
static struct lode_result results[RESULTS];
static const char bytes[LARGE];

/* Refuses every create, with a code that a store has for other questions. Grants all else. */
static void *
refuse(void *arg)
{
    union {
        struct lode_msg_head head;
        uint8_t bytes[LODE_STORE_PACKET_MAX];
    } *asked = malloc(sizeof *asked);
    (void)arg;
    while (recv(store, asked, sizeof *asked, 0) > 0) {
        struct lode_msg_error error = {.head = {.type = LODE_MSG_ERROR, .tag = asked->head.tag},
                                       .err = LODE_EAGAIN};
        struct lode_msg_created created = {
            .head = {.type = LODE_MSG_CREATED, .tag = asked->head.tag}, .generation = 1};
        if (asked->head.type == LODE_MSG_CREATE) {
            creates++;
            send(store, &error, sizeof error, MSG_NOSIGNAL);
        } else {
            others++;
            send(store, &created, sizeof created, MSG_NOSIGNAL);
        }
    }
    free(asked);
    return NULL;
}

static void
setup(void)
{
    int ends[2];
    fake = fake_index_make();
    memset(&db, 0, sizeof db);
    db.index = fake.view;
    db.row = &fake.rows[5];
    expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    store = ends[1];
    must(lode_store_calls_init(&db.calls));
    db.calls.socket.fd = ends[0];
    db.calls.bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    must(lode_store_calls_start(&db.calls));
    file = aligned_alloc(LODE_PAGE, LODE_RING_OFFSET + LODE_RING_BYTES_MIN);
    memset(file, 0, LODE_RING_OFFSET + LODE_RING_BYTES_MIN);
    file->ring_bytes = LODE_RING_BYTES_MIN;
    lode_ring_init(&db.ring, file, &fake.rows[5], &db.index, &db.calls);
    lode_drafts_init(&db.drafts);
    for (uint32_t i = 0; i < RESULTS; i++) {
        results[i] = (struct lode_result){.id = lode_id_make(LODE_ID_RESULT, 1, i + 1),
                                          .kind = LODE_KIND_ERROR,
                                          .data = bytes,
                                          .size = SMALL};
    }
    expect_eq(pthread_create(&thread, NULL, refuse, NULL), 0);
}

static void
teardown(void)
{
    shutdown(db.calls.socket.fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    lode_ring_fini(&db.ring);
    lode_store_calls_fini(&db.calls);
    lode_drafts_fini(&db.drafts);
    close(store);
    free(file);
    fake_index_free(&fake);
}

TestSuite(commit, .init = setup, .fini = teardown);

/* The store's word ends the commit, whatever its code means where there is no credit. */
static void
is_refused(uint32_t count)
{
    fails(lode_ring_commit(&db, 1, results, count, 1000), LODE_EAGAIN);
    expect_eq(creates, 1);
    expect_eq(others, 0);
    expect_eq(file->ring_tail, 0);
}

Test(commit, a_store_that_refuses_the_room_of_a_large_value_ends_it)
{
    fake.rows[5].credit_pages = fake.rows[5].credit_entries = CREDIT;
    results[0].size = LARGE;
    is_refused(1);
}

Test(commit, a_store_that_refuses_the_room_behind_small_values_ends_it)
{
    fake.rows[5].credit_pages = fake.rows[5].credit_entries = CREDIT;
    results[2].size = LARGE;
    is_refused(3);
}

/* Without credit only some of the values are to ride in the record. */
Test(commit, a_store_that_refuses_the_room_of_one_of_many_failures_ends_it)
{
    is_refused(RESULTS);
}
