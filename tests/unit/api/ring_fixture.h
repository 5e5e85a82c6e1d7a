/*
 * ring_fixture.h: the producer of a ring, against a file of the test's own; the test plays the
 * store.
 */
#ifndef LODE_TESTS_API_RING_FIXTURE_H
#define LODE_TESTS_API_RING_FIXTURE_H

#include "api/client/channel/ring_ids.h"
#include "tests/unit/api/fake_index.h"

#include <criterion/criterion.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static struct fake_index fake;
static struct lode_session_header *file;
static struct lode_session_row *row;
static struct lode_store_calls calls;
static struct lode_ring ring;
static int store; /* the other end of the socket */

/* Without credit. */
static inline void
ring_setup(void)
{
    int ends[2];
    fake = fake_index_make();
    row = &fake.rows[5];
    file = aligned_alloc(LODE_PAGE, LODE_RING_OFFSET + LODE_RING_BYTES_MIN);
    memset(file, 0, LODE_RING_OFFSET + LODE_RING_BYTES_MIN);
    file->ring_bytes = LODE_RING_BYTES_MIN;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    store = ends[1];
    cr_assert_eq(lode_store_calls_init(&calls), LODE_OK);
    calls.socket.fd = ends[0];
    calls.bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    cr_assert_eq(lode_store_calls_start(&calls), LODE_OK);
    lode_ring_init(&ring, file, row, &fake.view, &calls);
}

static inline void
ring_teardown(void)
{
    lode_ring_fini(&ring);
    lode_store_calls_fini(&calls);
    close(store);
    free(file);
    fake_index_free(&fake);
}

#endif
