#include "api/wire/later.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/wire/reaper.h"
#include "api/wire/start.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

struct lode_later {
    struct lode_reaper_job job;
    lode_later_fn run;
    void *arg;
    _Atomic bool is_due;
};

/*
 * The flag goes first: a caller that still finds it set has its work seen here, and any later one
 * gets another call.
 */
static void
run_due(struct lode_reaper_job *job)
{
    struct lode_later *later =
        (struct lode_later *)((char *)job - offsetof(struct lode_later, job));
    atomic_exchange(&later->is_due, false);
    later->run(later->arg);
}

lode_err
lode_later_open(lode_later_fn run, void *arg, struct lode_later **later_out)
{
    LODE_TRY(lode_wire_start());
    struct lode_later *later = calloc(1, sizeof *later);
    if (later == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a timer");
    }
    later->job.run = run_due;
    later->run = run;
    later->arg = arg;
    *later_out = later;
    return LODE_OK;
}

void
lode_later_call(struct lode_later *later, int64_t delay_ns)
{
    if (!atomic_exchange(&later->is_due, true)) {
        lode_reaper_add_at(&later->job, lode_now_ns() + delay_ns);
    }
}

void
lode_later_close(struct lode_later *later)
{
    if (later != NULL) {
        lode_reaper_cancel(&later->job);
        free(later);
    }
}
