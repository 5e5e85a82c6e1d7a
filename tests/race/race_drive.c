/*
 * race_drive.c: receive callbacks of many sessions meet at the core's lock, while the main thread
 * steps events of its own and takes errands. Each session's last record is one that the core cuts
 * it for: if one event were stranded in the queue, a cut would be missing.
 */
#include "api/wire/rendezvous_msg.h"
#include "scheduler/drive/drive.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 100, RECORDS = 600 };

static struct drive *drive;
static uint64_t first_session;
static pthread_barrier_t begin, end;
static _Atomic int wakes;

static struct drive_session *
find_session(void *arg, uint64_t number)
{
    (void)arg;
    (void)number;
    return NULL; /* answers go nowhere */
}

static uint64_t
count_repeats(void *arg)
{
    (void)arg;
    return 0;
}

static void
store_action(void *arg, const struct core_action *action)
{
    (void)arg;
    (void)action;
}

static void
arm_timer(void *arg, int64_t deadline_ns)
{
    (void)arg;
    (void)deadline_ns;
}

static void
wake_main(void *arg)
{
    (void)arg;
    atomic_fetch_add(&wakes, 1);
}

/* Batches of different lengths, so that locks are given up in the middle and at the end. */
static void *
be_a_session(void *arg)
{
    uint64_t place = (uint64_t)(uintptr_t)arg;
    struct lode_task_stats stats = {.tag = 1};
    unsigned seed = (unsigned)place;
    for (int round = 0; round < ROUNDS; round++) {
        struct drive_hold hold = {0};
        pthread_barrier_wait(&begin);
        for (int i = 0; i < RECORDS; i++) {
            drive_record(drive, first_session + place, LODE_TASK_STATS, &stats, sizeof stats,
                         &hold);
            if (rand_r(&seed) % 8 == 0) {
                drive_records_end(drive, &hold);
            }
        }
        drive_record(drive, first_session + place, LODE_TASK_STATS, &stats, 3, &hold);
        drive_records_end(drive, &hold);
        pthread_barrier_wait(&end);
    }
    return NULL;
}

static void
open_sessions(int round)
{
    first_session = (uint64_t)round * THREADS + 1;
    for (uint64_t i = 0; i < THREADS; i++) {
        struct core_event open = {.type = CORE_SESSION_OPEN,
                                  .u.open = {.session = first_session + i,
                                             .store_session = first_session + i,
                                             .pid = 1,
                                             .role = LODE_ROLE_PROGRAM}};
        drive_step(drive, &open);
    }
}

/* The cuts of this round; other errands (workers to start) are let go. */
static int
take_cuts(void)
{
    struct errand_list list;
    struct errand *errand;
    int cuts = 0;
    drive_take_errands(drive, &list);
    while ((errand = STAILQ_FIRST(&list)) != NULL) {
        STAILQ_REMOVE_HEAD(&list, entry);
        if (errand->action.type == CORE_CUT) {
            struct core_event gone = {.type = CORE_SESSION_END, .u.session = errand->action.target};
            cuts++;
            drive_step(drive, &gone);
        }
        free(errand);
    }
    return cuts;
}

int
main(void)
{
    const struct drive_hooks hooks = {NULL,      find_session, count_repeats, store_action,
                                      arm_timer, wake_main,    "/nowhere"};
    const struct core_options options = {.cpus = LODE_CPU_UNIT};
    pthread_t threads[THREADS];
    must(drive_create(&options, &hooks, &drive));
    pthread_barrier_init(&begin, NULL, THREADS + 1);
    pthread_barrier_init(&end, NULL, THREADS + 1);
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, be_a_session, (void *)i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        open_sessions(round);
        pthread_barrier_wait(&begin);
        int cuts = take_cuts(); /* meanwhile */
        struct core_event timer = {.type = CORE_TIMER};
        drive_step(drive, &timer);
        pthread_barrier_wait(&end);
        expect_eq(cuts + take_cuts(), THREADS);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    expect_lt(0, wakes);
    drive_destroy(drive);
    return 0;
}
