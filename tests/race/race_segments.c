/*
 * A segment's two maps: threads that read objects of a segment while others come to write the first
 * draft in it. Each round has fresh maps.
 *
 *   race_segments [ROUNDS]     default 200
 *
 * ctest: ci 5000
 * ctest: timeout 300
 */
#include "api/base/clock.h"
#include "api/client/session/segments.h"

#include "tests/support/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READERS = 2, WRITERS = 2, THREADS = READERS + WRITERS, BYTES = 1 << 20, LOOKS = 1000 };

static struct lode_store_calls calls;
static struct lode_segments *segments;
static int store, file;
static pthread_barrier_t barrier;

/* The store: says how large each segment is, and gives the file twice. */
static void *
answer(void *arg)
{
    struct lode_msg_segment ask;
    size_t size;
    (void)arg;
    while (lode_socket_receive(store, 0, &ask, sizeof ask, &size, NULL, NULL) == LODE_OK) {
        const int fds[2] = {file, file};
        ask.head.type = LODE_MSG_SEGMENT_FD;
        ask.bytes = BYTES;
        must(lode_socket_send(store, &ask, sizeof ask, NULL, 0, fds, 2));
    }
    return NULL;
}

static void *
read_on(void *arg)
{
    const void *bytes;
    (void)arg;
    pthread_barrier_wait(&barrier);
    must(lode_segments_read(segments, lode_extent_make(0, 0), BYTES, LODE_NEVER, &bytes));
    for (int i = 0; i < LOOKS; i++) {
        expect(lode_segments_at(segments, lode_extent_make(0, 0), BYTES) == bytes);
        expect(lode_segments_at(segments, lode_extent_make(0, 0), BYTES + 1) == NULL);
    }
    return NULL;
}

static void *
write_on(void *arg)
{
    uint64_t extent = lode_extent_make(0, (uint64_t)(uintptr_t)arg * LODE_PAGE);
    void *bytes;
    pthread_barrier_wait(&barrier);
    must(lode_segments_open(segments, extent, LODE_PAGE, LODE_NEVER, &bytes));
    *(volatile char *)bytes = 1;
    must(lode_segments_close(segments, extent, LODE_PAGE));
    return NULL;
}

static void
play_round(void)
{
    pthread_t threads[THREADS];
    lode_segments_init(segments, &calls, false);
    for (uintptr_t i = 0; i < THREADS; i++) {
        expect_eq(pthread_create(&threads[i], NULL, i < READERS ? read_on : write_on, (void *)i),
                  0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    lode_segments_fini(segments);
}

int
main(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 200);
    int ends[2];
    pthread_t thread;
    expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    store = ends[1];
    file = memfd_create("segment", MFD_CLOEXEC);
    expect_eq(ftruncate(file, BYTES), 0);
    must(lode_store_calls_init(&calls));
    calls.socket.fd = ends[0];
    must(lode_store_calls_start(&calls));
    segments = malloc(sizeof *segments);
    expect(segments != NULL);
    pthread_barrier_init(&barrier, NULL, THREADS);
    expect_eq(pthread_create(&thread, NULL, answer, NULL), 0);
    for (long i = 0; i < rounds; i++) {
        play_round();
    }
    shutdown(ends[0], SHUT_RDWR);
    pthread_join(thread, NULL);
    lode_store_calls_fini(&calls);
    pthread_barrier_destroy(&barrier);
    free(segments);
    close(store);
    close(file);
    return 0;
}
