#include "api/wire/later.h"

#include "api/base/fail.h"
#include "api/wire/start.h"

#include <nng/nng.h>
#include <stdatomic.h>
#include <stdlib.h>

struct lode_later {
    nng_aio *aio;
    lode_later_fn run;
    void *arg;
    _Atomic bool is_due;
};

/*
 * The flag goes first: a caller that still finds it set has its work seen here, and any later one
 * gets another call.
 */
static void
slept(void *arg)
{
    struct lode_later *later = arg;
    bool is_over = nng_aio_result(later->aio) != 0;
    atomic_exchange(&later->is_due, false);
    if (!is_over) {
        later->run(later->arg);
    }
}

lode_err
lode_later_open(lode_later_fn run, void *arg, struct lode_later **later_out)
{
    LODE_TRY(lode_wire_start());
    struct lode_later *later = calloc(1, sizeof *later);
    if (later == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a timer");
    }
    later->run = run;
    later->arg = arg;
    if (nng_aio_alloc(&later->aio, slept, later) != 0) {
        free(later);
        return lode_fail_with(LODE_ENOMEM, "no memory for a timer");
    }
    *later_out = later;
    return LODE_OK;
}

void
lode_later_call(struct lode_later *later, int32_t ms)
{
    if (!atomic_exchange(&later->is_due, true)) {
        nng_sleep_aio(ms, later->aio);
    }
}

void
lode_later_close(struct lode_later *later)
{
    if (later != NULL) {
        nng_aio_stop(later->aio);
        nng_aio_free(later->aio);
        free(later);
    }
}
