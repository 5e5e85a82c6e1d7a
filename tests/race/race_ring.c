/*
 * The ring between threads that put and a store that drains: every record arrives whole, once, in
 * its thread's order, through a ring that is full most of the time and credit that comes in crumbs.
 * At first only the beginning of the ring has memory. From the middle of the run on all of it has.
 *
 *   race_ring [RECORDS]     of each of the threads; default 3,000
 *
 * ctest: ci 100000
 * ctest: timeout 300
 */
#include "api/client/channel/ring.h"

#include "api/base/clock.h"
#include "api/system/futex.h"
#include "tests/support/check.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 4, SIZE_MAX_PUT = 3000, CRUMB_PAGES = 3, CRUMB_ENTRIES = 5 };

static struct lode_index_view view;
static struct lode_session_header *file;
static struct lode_session_row *row;
static struct lode_store_calls calls;
static struct lode_ring ring;
static int store;
static uint64_t records;

/* A record's bytes all come from its thread and number. */
static uint64_t
size_of(uint64_t thread, uint64_t number)
{
    return (number * 131 + thread * 977) % SIZE_MAX_PUT;
}

static uint8_t
byte_of(uint64_t thread, uint64_t number)
{
    return (uint8_t)(number * 7 + thread);
}

static void *
put_on(void *arg)
{
    uint64_t thread = (uint64_t)(uintptr_t)arg;
    uint8_t bytes[SIZE_MAX_PUT];
    const struct lode_patience forever = lode_patience_of(LODE_FOREVER);
    for (uint64_t i = 1; i <= records; i++) {
        uint64_t size = size_of(thread, i);
        struct lode_made made = {.id = lode_id_make(LODE_ID_PUT, thread, i),
                                 .size = size,
                                 .carried = lode_made_layout(size, 0, 0).carried};
        struct lode_ring_need need = {
            .size = (uint32_t)(sizeof(struct lode_record) + sizeof made + made.carried),
            .pages = lode_made_pages(size, 0, 0),
            .entries = 1};
        void *body;
        memset(bytes, byte_of(thread, i), sizeof bytes);
        must(lode_ring_reserve(&ring, LODE_RECORD_PUT, &need, &forever, &body));
        lode_made_write(body, &made, NULL, NULL, bytes);
        lode_ring_publish(&ring, &need, &made.id, 1, sizeof made, false);
    }
    return NULL;
}

/* ---- the store ---------------------------------------------------------------------------- */

static uint64_t seen[THREADS + 1], pages_used, entries_used;
static uint32_t backed = LODE_RING_BYTES_FIRST;

static void
take_put(const struct lode_record *record)
{
    struct lode_made made;
    memcpy(&made, record + 1, sizeof made);
    uint64_t thread = lode_id_session(made.id), number = lode_id_low(made.id);
    const uint8_t *bytes = (const uint8_t *)(record + 1) + sizeof made;
    expect(thread >= 1 && thread <= THREADS);
    expect_eq(number, seen[thread] + 1);
    expect_eq(made.size, size_of(thread, number));
    expect_eq(record->size, sizeof *record + sizeof made + made.carried);
    for (uint64_t i = 0; i < made.size; i++) {
        expect(bytes[i] == byte_of(thread, number));
    }
    seen[thread] = number;
    pages_used += lode_made_pages(made.size, 0, 0);
    entries_used++;
}

static void
drain(uint64_t *head)
{
    uint64_t tail = atomic_load_explicit(&file->ring_tail, memory_order_acquire);
    while (*head < tail) {
        const struct lode_record *record =
            (const void *)((uint8_t *)file + LODE_RING_OFFSET + *head % file->ring_bytes);
        expect(record->type == LODE_RECORD_PAD || record->type == LODE_RECORD_PUT);
        expect_le(*head % file->ring_bytes + (record->type == LODE_RECORD_PUT ? record->size : 16),
                  backed);
        if (record->type == LODE_RECORD_PUT) {
            take_put(record);
        }
        *head += record->size;
    }
    if (entries_used >= records * THREADS / 2 && backed < file->ring_bytes) {
        backed = file->ring_bytes;
        atomic_store_explicit(&row->ring_backed, backed, memory_order_release);
    }
    atomic_store_explicit(&row->ring_head, *head, memory_order_release);
    atomic_store_explicit(&row->credit_pages, pages_used + CRUMB_PAGES, memory_order_release);
    atomic_store_explicit(&row->credit_entries, entries_used + CRUMB_ENTRIES, memory_order_release);
    atomic_fetch_add(&row->credit_wake, 1);
    if (atomic_load(&file->credit_waits) != 0) {
        lode_futex_wake_all(&row->credit_wake);
    }
}

static void *
serve(void *arg)
{
    uint64_t head = 0, rung;
    struct pollfd ends[] = {{.fd = calls.bell_fd, .events = POLLIN},
                            {.fd = store, .events = POLLRDHUP}};
    (void)arg;
    do {
        drain(&head);
        expect_lt(0, poll(ends, 2, -1));
    } while (read(calls.bell_fd, &rung, sizeof rung) > 0 || ends[1].revents == 0);
    drain(&head);
    return NULL;
}

static void
setup(void)
{
    int ends[2];
    void *base = mmap(NULL, LODE_INDEX_BYTES, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    expect(base != MAP_FAILED);
    lode_index_view_init(&view, base, 0);
    row = (void *)((uint8_t *)base + LODE_ROWS_OFFSET);
    file = aligned_alloc(LODE_PAGE, LODE_RING_OFFSET + LODE_RING_BYTES_MIN);
    memset(file, 0, LODE_RING_OFFSET + LODE_RING_BYTES_MIN);
    file->ring_bytes = LODE_RING_BYTES_MIN;
    atomic_store(&row->ring_backed, backed);
    expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    store = ends[1];
    must(lode_store_calls_init(&calls));
    calls.socket.fd = ends[0];
    calls.bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    expect(calls.bell_fd >= 0);
    must(lode_store_calls_start(&calls));
    lode_ring_init(&ring, file, row, &view, &calls);
}

int
main(int argc, char **argv)
{
    pthread_t threads[THREADS], server;
    records = (uint64_t)count_argument(argc, argv, 1, 3000);
    setup();
    expect_eq(pthread_create(&server, NULL, serve, NULL), 0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        expect_eq(pthread_create(&threads[i], NULL, put_on, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    shutdown(calls.socket.fd, SHUT_RDWR);
    pthread_join(server, NULL);
    for (int i = 1; i <= THREADS; i++) {
        expect_eq(seen[i], records);
    }
    lode_ring_fini(&ring);
    lode_store_calls_fini(&calls);
    close(store);
    free(file);
    return 0;
}
