/*
 * A view that one thread releases at the moment at which another closes its session. The release
 * clears its pin, and then looks whether the session is closed, with no fence between the two
 * (api/layout/session.h [2]). The close says so, has all threads fenced, and looks at the pins. One
 * of them must see what the other did, and ends the session. If neither does, nobody ever will: its
 * socket, its file and its row stay as long as the process.
 *
 * A close that sees a pin tells the store, and looks again when the answer has come. No processor
 * known to us keeps a write to itself for so long, so the race alone does not show that the fence
 * is missing. What the fence is for is played: membarrier(2) is the test's own, and the pin
 * that was cleared before is seen cleared from then on. If it fences nothing, the session stays.
 *
 *   race_close [CLOSES]     default 500; fewer on a machine so busy that they take too long
 *
 * ctest: wrap syscall
 * ctest: ci 10000
 * ctest: timeout 600
 */
#include "api/client/session/dependents.h"
#include "api/client/session/process.h"
#include "api/client/session/session.h"

#include "api/system/membarrier.h"
#include "tests/support/cluster.h"
#include "tests/support/meet.h"
#include "tests/support/own_syscall.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <stdio.h>

/* The close looks at the pins some 200 ns after the instant. On a busy machine one may be late. */
enum { SECONDS = 40, EARLY_NS = 500, SPREAD_NS = 1000 };

static struct {
    lode *db;
    lode_id id;
    _Alignas(64) _Atomic uint64_t opened; /* so many sessions, the last is db */
    _Alignas(64) _Atomic uint64_t held;   /* so many views, of one session each */
    _Alignas(64) _Atomic uint64_t go;     /* so many may be released, the last about begin_ns */
    int64_t begin_ns;
    _Alignas(64) _Atomic uint64_t released;
    _Atomic bool stop;
} it;

/* ---- the race ----------------------------------------------------------------------------- */

static void *
release_on(void *arg)
{
    lode_view view;
    (void)arg;
    meet_on(1);
    for (uint64_t n = 1; meet_await(&it.opened, n, &it.stop); n++) {
        must(lode_get(it.db, it.id, LODE_FOREVER, &view));
        atomic_store(&it.held, n);
        meet_await(&it.go, n, &it.stop);
        meet_at(it.begin_ns - EARLY_NS + (int64_t)(n * 7 % SPREAD_NS));
        lode_release(&view);
        atomic_store(&it.released, n);
    }
    return NULL;
}

/* The last that a close does before it says that the session is closed. */
static void
meet(struct lode_dependent *dependent)
{
    (void)dependent;
    it.begin_ns = lode_now_ns() + MEET_LEAD_NS + EARLY_NS;
    atomic_fetch_add(&it.go, 1);
    meet_at(it.begin_ns);
}

/* Whether the close has left the session to the release. */
static bool
close_one(uint64_t n)
{
    struct lode_dependent dependent = {.end = meet};
    lode *db = store_open();
    uint64_t serial = db->serial;
    lode_dependents_add(db, &dependent);
    it.db = db;
    atomic_store(&it.opened, n);
    meet_await(&it.held, n, &it.stop);
    lode_close(db);
    bool is_left = lode_process_find(serial) != NULL;
    meet_await(&it.released, n, &it.stop);
    expect(lode_process_find(serial) == NULL);
    return is_left;
}

static void
race(uint64_t closes)
{
    pthread_t reader;
    uint64_t n = 0, left = 0;
    int64_t deadline = lode_deadline(SECONDS * 1000);
    meet_find_cpus();
    meet_on(0);
    expect_eq(pthread_create(&reader, NULL, release_on, NULL), 0);
    while (n < closes && lode_remaining_ms(deadline) > 0) {
        left += close_one(++n);
    }
    atomic_store(&it.stop, true);
    pthread_join(reader, NULL);
    printf("%llu closes, %llu of sessions that the release has ended\n", (unsigned long long)n,
           (unsigned long long)left);
}

/* ---- the fence ---------------------------------------------------------------------------- */

static _Atomic(_Atomic uint32_t *) hidden; /* a pin that is cleared, and is not seen so yet */
static bool fences_nothing;
static int fences;

static bool
play_syscall(long number, long *result_out)
{
    _Atomic uint32_t *pin = atomic_load(&hidden);
    if (number != SYS_membarrier || pin == NULL) {
        return false;
    }
    if (!fences_nothing) {
        atomic_store(pin, 0);
    }
    fences++;
    *result_out = 0;
    return true;
}

/* The release has cleared the pin, and has read that the session lives. True: the close ends it. */
static bool
close_ends_it(bool is_fenced)
{
    lode *db = store_open();
    uint64_t serial = db->serial;
    _Atomic uint32_t *pin = &db->pins[0];
    atomic_store(db->pin_slots.high, 1);
    atomic_store(pin, 1);
    atomic_store(&hidden, pin);
    fences_nothing = !is_fenced;
    fences = 0;
    lode_close(db);
    atomic_store(&hidden, NULL);
    expect_eq(fences, 1);
    bool ended = lode_process_find(serial) == NULL;
    if (!ended) {
        atomic_store(pin, 0);
        lode_session_leave(db, NULL);
        expect(lode_process_find(serial) == NULL);
    }
    return ended;
}

static void
story(int argc, char **argv)
{
    if (!lode_membarrier_join() || !lode_membarrier()) {
        skip("the system refuses membarrier(2): clients fence when they release");
    }
    pid_t store = store_start(16 << 20);
    lode *db = store_open();
    expect(db->row->flags & LODE_ROW_PLAIN_RELEASE); /* the store has found that it can fence */
    expect(db->plain_release);
    must(lode_put(db, "x", 1, LODE_FOREVER, &it.id));
    expect(close_ends_it(true));
    expect(!close_ends_it(false));
    race((uint64_t)count_argument(argc, argv, 1, 500));
    await_stat(db, sessions, 1);
    lode_drop(db, it.id);
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
