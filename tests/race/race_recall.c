/*
 * A store that recalls credit all the time from a client of another process that spends it all the
 * time (api/layout/session.h [4]). The client's threads put by ring, through the code of
 * api/client/channel/ring.h, and fence nothing. A signal halts them again and again, between any
 * two instructions, for as long as several recalls take. No record may come that the store has not
 * granted: neither the client nor the store may be wrong about who has the credit.
 *
 * The same with a store that fences only itself, and not the client's threads, sees such a record
 * sooner or later. If it has seen none after a minute, the race has proved nothing, and says so: on
 * a machine that is busy the two may not meet. They cannot on one CPU, nor under a sanitizer, whose
 * timing hides what the fence is for. The mutant does not run there.
 *
 *   race_recall [RECORDS]     of each of the client's threads; default 30,000
 *
 * ctest: ci 2000000
 * ctest: timeout 300
 */
#include "api/client/channel/ring.h"

#include "api/base/clock.h"
#include "api/system/futex.h"
#include "api/system/membarrier.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    THREADS = 2,
    SIZES = 3,
    CRUMB = 4,
    MUTANT_SECONDS = 60,
    HALT_NS = 15000,
    HALT_EACH_US = 300
};

static const uint64_t sizes[SIZES] = {1, 100, 5000}; /* 0, 1 and 2 pages */

static uint8_t *base;
static struct lode_session_header *file;
static struct lode_session_row *row;
static uint64_t records;
static _Atomic bool *stop;

/* ---- the client --------------------------------------------------------------------------- */

static struct lode_ring ring;

/* The thread stands where it is, while the store goes on. */
static void
on_alarm(int number)
{
    int64_t until = lode_now_ns() + HALT_NS;
    (void)number;
    while (lode_now_ns() < until) {
    }
}

/* Signals reach the threads that put, and no other. */
static void
take_alarms(bool on)
{
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    expect_eq(pthread_sigmask(on ? SIG_UNBLOCK : SIG_BLOCK, &alarms, NULL), 0);
}

static void *
put_on(void *arg)
{
    static const uint8_t bytes[8192];
    uint64_t thread = (uint64_t)(uintptr_t)arg;
    const struct lode_patience forever = lode_patience_of(LODE_FOREVER);
    take_alarms(true);
    for (uint64_t i = 1; i <= records && !atomic_load(stop); i++) {
        uint64_t size = sizes[i % SIZES];
        struct lode_made made = {.id = lode_id_make(LODE_ID_PUT, thread, i),
                                 .size = size,
                                 .carried = lode_made_layout(size, 0, 0).carried};
        struct lode_ring_need need = {
            .size = (uint32_t)(sizeof(struct lode_record) + sizeof made + made.carried),
            .pages = lode_made_pages(size, 0, 0),
            .entries = 1};
        void *body;
        must(lode_ring_reserve(&ring, LODE_RECORD_PUT, &need, &forever, &body));
        lode_made_write(body, &made, NULL, NULL, bytes);
        lode_ring_publish(&ring, &need, &made.id, 1, sizeof made, false);
    }
    return NULL;
}

static void
be_client(int fd)
{
    pthread_t threads[THREADS];
    struct lode_index_view view;
    struct lode_store_calls calls;
    struct sigaction halt = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval each = {{0, HALT_EACH_US}, {0, HALT_EACH_US}};
    take_alarms(false);
    expect_eq(sigaction(SIGALRM, &halt, NULL), 0);
    expect_eq(setitimer(ITIMER_REAL, &each, NULL), 0);
    expect(lode_membarrier_join());
    lode_index_view_init(&view, base, 0);
    must(lode_store_calls_init(&calls));
    calls.socket.fd = fd;
    calls.bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    expect(calls.bell_fd >= 0);
    must(lode_store_calls_start(&calls));
    lode_ring_init(&ring, file, row, &view, &calls);
    for (uintptr_t i = 0; i < THREADS; i++) {
        expect_eq(pthread_create(&threads[i], NULL, put_on, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    lode_ring_fini(&ring);
    lode_store_calls_fini(&calls);
}

/* ---- the store ---------------------------------------------------------------------------- */

static struct {
    uint64_t head, pages_used, entries_used, pages_granted, entries_granted;
    uint64_t records, recalls, kept, violations;
} it;

/* A record beyond what was granted: two own that credit. */
static void
take_put(const struct lode_record *record)
{
    struct lode_made made;
    memcpy(&made, record + 1, sizeof made);
    it.pages_used += lode_made_pages(made.size, 0, 0);
    it.entries_used++;
    it.records++;
    if (it.pages_used > it.pages_granted || it.entries_used > it.entries_granted) {
        it.violations++;
        it.pages_granted = it.pages_used > it.pages_granted ? it.pages_used : it.pages_granted;
        it.entries_granted =
            it.entries_used > it.entries_granted ? it.entries_used : it.entries_granted;
    }
}

static void
drain(void)
{
    uint64_t tail = atomic_load_explicit(&file->ring_tail, memory_order_acquire);
    while (it.head < tail) {
        const struct lode_record *record =
            (const void *)((uint8_t *)file + LODE_RING_OFFSET + it.head % file->ring_bytes);
        if (record->type == LODE_RECORD_PUT) {
            take_put(record);
        }
        it.head += record->size;
    }
    atomic_store_explicit(&row->ring_head, it.head, memory_order_release);
}

static void
show(uint64_t pages, uint64_t entries)
{
    atomic_store_explicit(&row->credit_pages, pages, memory_order_release);
    atomic_store_explicit(&row->credit_entries, entries, memory_order_release);
}

static void
wake(void)
{
    atomic_fetch_add(&row->credit_wake, 1);
    if (atomic_load(&file->credit_waits) != 0) {
        lode_futex_wake_all(&row->credit_wake);
    }
}

static void
grant(void)
{
    it.pages_granted = it.pages_used + CRUMB;
    it.entries_granted = it.entries_used + CRUMB;
    show(it.pages_granted, it.entries_granted);
    wake();
}

/* As the store does it (store/rings/recall.c). */
static bool
is_quiet(void)
{
    return atomic_load_explicit(&file->spending, memory_order_acquire) == 0 &&
           atomic_load_explicit(&file->ring_tail, memory_order_acquire) == it.head;
}

static void
recall(bool mutant)
{
    show(it.pages_used, it.entries_used);
    if (mutant) {
        atomic_thread_fence(memory_order_seq_cst);
    } else {
        expect(lode_membarrier());
    }
    if (is_quiet()) {
        it.pages_granted = it.pages_used;
        it.entries_granted = it.entries_used;
        it.recalls++;
    } else {
        show(it.pages_granted, it.entries_granted);
        wake();
        it.kept++;
    }
}

static bool
has_ended(pid_t client)
{
    int status;
    pid_t ended = waitpid(client, &status, WNOHANG);
    expect(ended == 0 || (ended == client && status == 0));
    return ended == client;
}

/* Ends when the client has put all, or, looking for a violation, at the first. */
static void
race(bool mutant, int64_t deadline)
{
    int ends[2];
    memset(&it, 0, sizeof it);
    memset(file, 0, LODE_RING_OFFSET);
    memset(row, 0, sizeof *row);
    file->ring_bytes = LODE_RING_BYTES_MIN;
    atomic_store(stop, false);
    expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    fflush(stdout); /* or the client prints it, too */
    pid_t client = fork();
    expect_le(0, client);
    if (client == 0) {
        close(ends[1]);
        be_client(ends[0]);
        exit(0);
    }
    close(ends[0]);
    for (uint32_t i = 0; i % 64 != 0 || !has_ended(client); i++) {
        drain();
        grant();
        recall(mutant);
        if (mutant && (it.violations > 0 || (i % 64 == 0 && lode_remaining_ms(deadline) == 0))) {
            atomic_store(stop, true);
        }
    }
    drain();
    close(ends[1]);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
static void
race_mutant(void)
{
    if (usable_cpus() == 1) {
        printf("not proven: on one CPU the store and the client never meet\n");
        return;
    }
    records = UINT64_MAX / 2;
    race(true, lode_deadline(MUTANT_SECONDS * 1000));
    printf("without it: %llu records, %llu recalls, %llu kept, %llu violations%s\n",
           (unsigned long long)it.records, (unsigned long long)it.recalls,
           (unsigned long long)it.kept, (unsigned long long)it.violations,
           it.violations == 0 ? ": not proven" : "");
}
#endif

static void
setup(void)
{
    size_t index = LODE_INDEX_BYTES, session = LODE_RING_OFFSET + LODE_RING_BYTES_MIN;
    base = mmap(NULL, index + session + LODE_PAGE, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    expect(base != MAP_FAILED);
    row = (void *)(base + LODE_ROWS_OFFSET);
    file = (void *)(base + (index + LODE_PAGE - 1) / LODE_PAGE * LODE_PAGE);
    stop = (void *)((uint8_t *)file + session);
}

int
main(int argc, char **argv)
{
    records = (uint64_t)count_argument(argc, argv, 1, 30000);
    setup();
    if (!lode_membarrier()) {
        skip("the system refuses membarrier(2): nothing is recalled here");
    }
    race(false, LODE_NEVER);
    printf("with the fence: %llu records, %llu recalls, %llu kept, %llu violations\n",
           (unsigned long long)it.records, (unsigned long long)it.recalls,
           (unsigned long long)it.kept, (unsigned long long)it.violations);
    expect_eq(it.records, THREADS * records);
    expect_lt(0, it.recalls);
    expect_eq(it.violations, 0);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    race_mutant();
#endif
    return 0;
}
