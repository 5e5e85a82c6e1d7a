/*
 * Whether a worker's task sleeps, under four threads: the main one runs task after task and sleeps
 * in some, two others sleep beside it, and one looks. What is told makes sense in its order: a task
 * is told awake only if it was told asleep, and each time that one falls asleep has its own number.
 */
#include "worker/runtime/sleeping.h"

#include "tests/support/check.h"

#include <pthread.h>
#include <sched.h>

enum { TASKS = 20000, OTHERS = 2 };

static struct sleeping sleeping;
static _Atomic bool over;
static uint64_t asleep; /* the task that was told asleep; 0: none. Of the lock */
static uint64_t last_call;

static void
tell(void *arg, enum lode_sleep sleep, uint64_t task, uint64_t call)
{
    (void)arg;
    expect(task != 0);
    if (sleep != LODE_AWAKE) {
        expect(asleep != task && call > last_call);
        last_call = call;
    } else {
        expect(asleep == task && call == last_call);
    }
    asleep = sleep != LODE_AWAKE ? task : 0;
}

static void *
sleep_beside(void *arg)
{
    (void)arg;
    while (!atomic_load(&over)) {
        uint32_t workers;
        (void)sleeping_other(&sleeping, LODE_SLEEPS, !sleeping_asks_for_main(&sleeping));
        (void)sleeping_gives_up(&sleeping, false, &workers);
        sched_yield();
        (void)sleeping_other(&sleeping, LODE_AWAKE, false);
    }
    return NULL;
}

static void *
look(void *arg)
{
    (void)arg;
    for (uint64_t i = 0; !atomic_load(&over); i++) {
        (void)sleeping_look(&sleeping, i % 4 != 0);
        sleeping_give_up(&sleeping, i, 1);
        sched_yield();
    }
    return NULL;
}

static void
run_tasks(void)
{
    for (uint64_t task = 1; task <= TASKS; task++) {
        uint32_t workers;
        sleeping_begin(&sleeping, task);
        if (task % 3 == 0) {
            (void)sleeping_main(&sleeping, LODE_SLEEPS);
            (void)sleeping_gives_up(&sleeping, true, &workers);
            (void)sleeping_main(&sleeping, LODE_AWAKE);
        } else if (task % 64 == 1) {
            sched_yield();
        }
        sleeping_end(&sleeping);
    }
}

int
main(void)
{
    pthread_t thread[OTHERS + 1];
    sleeping_init(&sleeping, tell, NULL);
    for (int i = 0; i <= OTHERS; i++) {
        expect_eq(pthread_create(&thread[i], NULL, i < OTHERS ? sleep_beside : look, NULL), 0);
    }
    run_tasks();
    atomic_store(&over, true);
    for (int i = 0; i <= OTHERS; i++) {
        pthread_join(thread[i], NULL);
    }
    sleeping_fini(&sleeping);
    return 0;
}
