#include "scheduler/core/workers/claims.h"

#include "api/layout/ring.h"
#include "scheduler/core/state/errors.h"
#include "scheduler/core/state/questions.h"

#include <stdio.h>

enum { CLAIMS_FIRST = 64, CLAIMS_MAX = 4096 };
_Static_assert(LODE_RING_BYTES_DEFAULT / (sizeof(struct lode_record) + sizeof(struct lode_commit) +
                                          sizeof(struct lode_made)) <=
                   CLAIMS_MAX,
               "claims.c: one for each commit that a ring has room for");

struct core_claim {
    lode_id results;
    uint32_t result_count;
    uint32_t attempts;
    struct core_function *function;
};

/*
 * A SETTLE that is out, and the tasks about which it asks. It asks for all their results: of those
 * of an ended session some may be awaited while the others will not come.
 */
struct claims_question {
    struct core_question question;
    struct core_death death;
    uint32_t count;
    struct core_claim claims[];
};

void
core_claims_note(struct core_worker *worker, const struct core_task *task)
{
    if (worker->claim_count == worker->claim_room && worker->claim_room < CLAIMS_MAX) {
        worker->claim_room = worker->claim_room > 0 ? 2 * worker->claim_room : CLAIMS_FIRST;
        worker->claims = core_realloc(worker->claims, worker->claim_room * sizeof *worker->claims);
    }
    worker->claims[worker->claim_count++ % worker->claim_room] =
        (struct core_claim){.results = task->results,
                            .result_count = task->result_count,
                            .attempts = task->attempts + 1,
                            .function = task->function};
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void
fail(struct core *core, const struct core_claim *claim, const struct core_death *death)
{
    const struct core_task lost = {.function = claim->function,
                                   .results = claim->results,
                                   .result_count = claim->result_count,
                                   .attempts = claim->attempts};
    char what[128], text[256];
    core_describe_death(death, what, sizeof what);
    snprintf(text, sizeof text,
             "it had ended, but its worker (pid %lld) %s before the store had its results",
             (long long)death->pid, what);
    core_failure_note(core, &lost, LODE_ECRASHED, death, text);
    core_put_error(core, &lost, (lode_id){{0}}, LODE_ECRASHED, death, text);
}

/* True if none of the results is there, and one is still awaited: all are sealed in one step. */
static bool
is_lost(const uint8_t *status, uint32_t count)
{
    bool awaited = false;
    for (uint32_t i = 0; i < count; i++) {
        if (status[i] == LODE_FOUND_SEALED) {
            return false;
        }
        awaited = awaited || status[i] == LODE_FOUND_PENDING;
    }
    return awaited;
}

static void
claims_answered(struct core *core, struct core_question *question, const uint8_t *status,
                uint32_t count)
{
    const struct claims_question *asked = (const void *)question;
    uint32_t at = 0;
    for (uint32_t i = 0; i < asked->count && at + asked->claims[i].result_count <= count; i++) {
        if (is_lost(status + at, asked->claims[i].result_count)) {
            fail(core, &asked->claims[i], &asked->death);
        }
        at += asked->claims[i].result_count;
    }
}

/* ---- asking --------------------------------------------------------------------------------- */

static void
ask(struct core *core, const struct core_worker *worker, const struct core_claim *claims,
    uint32_t count)
{
    lode_id ids[CORE_STORE_IDS];
    uint32_t id_count = 0;
    struct claims_question *asked = core_alloc(sizeof *asked + count * sizeof *claims);
    asked->question.answered = claims_answered;
    asked->death = *worker->death;
    asked->count = count;
    memcpy(asked->claims, claims, count * sizeof *claims);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t result = 0; result < claims[i].result_count; result++) {
            ids[id_count++] = lode_id_plus(claims[i].results, result);
        }
    }
    core_ask(core, CORE_SETTLE, worker->store_session, &asked->question, ids, id_count);
}

_Static_assert((int)LODE_TASK_RESULTS_MAX <= (int)CORE_STORE_IDS, "claims.c: one fits");

/* How many of these `count` tasks fit into one SETTLE. */
static uint32_t
fit(const struct core_claim *claims, uint32_t count)
{
    uint32_t results = claims[0].result_count, fits = 1;
    while (fits < count && results + claims[fits].result_count <= CORE_STORE_IDS) {
        results += claims[fits++].result_count;
    }
    return fits;
}

void
core_claims_ask(struct core *core, const struct core_worker *worker)
{
    uint64_t count =
        worker->claim_count < worker->claim_room ? worker->claim_count : worker->claim_room;
    for (uint32_t at = 0; at < count;) {
        uint32_t fits = fit(worker->claims + at, (uint32_t)count - at);
        ask(core, worker, worker->claims + at, fits);
        at += fits;
    }
}
