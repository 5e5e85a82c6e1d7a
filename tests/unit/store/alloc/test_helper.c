/* The helper thread: jobs run there in order, completions come back to the loop's thread. */
#include "store/alloc/helper.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

enum { JOBS = 1000 };

struct job {
    struct helper_job job;
    int number;
    pthread_t ran_on, done_on;
    bool blocked_signals;
    int done;
};

static struct helper *helper;
static int done_count;
static sem_t gate;

static void
setup(void)
{
    must(helper_create(&helper));
    sem_init(&gate, 0, 0);
}

static void
teardown(void)
{
    helper_destroy(helper);
}

TestSuite(helper, .init = setup, .fini = teardown, .timeout = 300);

static void
run(struct helper_job *base)
{
    struct job *job = (struct job *)base;
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    job->blocked_signals = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGCHLD);
    job->ran_on = pthread_self();
}

static void
run_behind_gate(struct helper_job *base)
{
    (void)base;
    while (sem_wait(&gate) != 0) {
    }
}

static void
done(struct helper_job *base)
{
    struct job *job = (struct job *)base;
    expect_eq(job->number, done_count);
    job->done_on = pthread_self();
    job->done++;
    done_count++;
}

static bool
readable(void)
{
    struct pollfd event = {.fd = helper_fd(helper), .events = POLLIN};
    return poll(&event, 1, 0) == 1;
}

Test(helper, runs_jobs_in_order_elsewhere_and_completes_them_here)
{
    static struct job jobs[JOBS];
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.job = {.run = run, .done = done}, .number = i};
        must(helper_submit(helper, &jobs[i].job));
    }
    while (done_count < JOBS) {
        (void)helper_wait(helper, LODE_FOREVER);
    }
    for (int i = 0; i < JOBS; i++) {
        expect(jobs[i].job.ran);
        expect(jobs[i].blocked_signals);
        expect(!pthread_equal(jobs[i].ran_on, pthread_self()));
        expect(pthread_equal(jobs[i].done_on, pthread_self()));
        expect_eq(jobs[i].done, 1);
    }
    expect_eq(helper_drain(helper), 0); /* at most one ring too many */
    expect(!readable());
}

Test(helper, says_nothing_before_a_job_has_ended)
{
    struct job job = {.job = {.run = run_behind_gate, .done = done}};
    must(helper_submit(helper, &job.job));
    expect(!readable());
    expect_eq(helper_drain(helper), 0);
    sem_post(&gate);
    expect_eq(helper_wait(helper, LODE_FOREVER), 1);
    expect_eq(job.done, 1);
}

static void
done_again(struct helper_job *base)
{
    struct job *job = (struct job *)base;
    if (++job->done < 5) {
        must(helper_submit(helper, base));
    }
}

Test(helper, takes_a_job_again_from_its_own_completion)
{
    struct job job = {.job = {.run = run, .done = done_again}};
    must(helper_submit(helper, &job.job));
    while (job.done < 5) {
        (void)helper_wait(helper, LODE_FOREVER);
    }
}

static void
done_at_end(struct helper_job *base)
{
    ((struct job *)base)->done++;
}

Test(helper, completes_every_job_when_it_ends_run_or_not)
{
    struct job first = {.job = {.run = run_behind_gate, .done = done_at_end}};
    struct job others[10];
    struct helper *ending;
    must(helper_create(&ending));
    must(helper_submit(ending, &first.job));
    for (int i = 0; i < 10; i++) {
        others[i] = (struct job){.job = {.run = run_behind_gate, .done = done_at_end}};
        must(helper_submit(ending, &others[i].job));
    }
    /* The gate opens once, so the helper cannot get to the others' end before it is stopped, or
     * gets to them one by one; each ends in either way. */
    for (int i = 0; i < 11; i++) {
        sem_post(&gate);
    }
    helper_destroy(ending);
    expect_eq(first.done, 1);
    for (int i = 0; i < 10; i++) {
        expect_eq(others[i].done, 1);
    }
}

Test(helper, that_never_had_a_job_has_no_thread_and_ends)
{
    struct helper *idle;
    must(helper_create(&idle));
    helper_destroy(idle);
    helper_destroy(NULL);
}
