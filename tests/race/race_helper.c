/*
 * Jobs of the helper thread hand their memory over and back: what `run` writes, `done` reads, and
 * the next submission writes again, with no other synchronisation than the helper's own.
 */
#include "store/alloc/helper.h"
#include "tests/support/check.h"

enum { JOBS = 16, ROUNDS = 5000 };

struct job {
    struct helper_job job;
    uint64_t value; /* run adds one, done adds one */
    int rounds;
};

static struct helper *helper;
static int ended;

static void
run(struct helper_job *base)
{
    ((struct job *)base)->value++;
}

static void
done(struct helper_job *base)
{
    struct job *job = (struct job *)base;
    job->value++;
    if (++job->rounds < ROUNDS) {
        must(helper_submit(helper, base));
    } else {
        ended++;
    }
}

int
main(void)
{
    static struct job jobs[JOBS];
    must(helper_create(&helper));
    for (int i = 0; i < JOBS; i++) {
        jobs[i].job = (struct helper_job){.run = run, .done = done};
        must(helper_submit(helper, &jobs[i].job));
    }
    while (ended < JOBS) {
        (void)helper_wait(helper, LODE_FOREVER);
    }
    for (int i = 0; i < JOBS; i++) {
        expect_eq(jobs[i].value, 2 * ROUNDS);
    }
    /* The end of the helper, with jobs in every state. */
    for (int i = 0; i < JOBS; i++) {
        jobs[i].rounds = ROUNDS;
        must(helper_submit(helper, &jobs[i].job));
    }
    helper_destroy(helper);
    expect_eq(ended, 2 * JOBS);
    return 0;
}
