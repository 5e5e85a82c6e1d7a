/*
 * told.c: what a worker said was done, and the store may not have yet: its results lie in the
 * worker's ring. As a rule they stay there for microseconds, and the end of a session drains its
 * ring. But a session that is cut is not drained, and nothing is taken that is written after it has
 * ended: then a result never comes, and who waits for it must hear that.
 *
 * So the core remembers as many of a worker's ends as its ring has room for commits. When the worker
 * is gone, for whatever reason, the store is asked for them (SETTLE); what it does not have ends in
 * an error. It is not tried again: its arguments may be gone.
 */
#include "api/layout/ring.h"
#include "scheduler/core/state.h"

#include <stdio.h>

enum { TOLD_FIRST = 64, TOLD_MAX = 4096 };
_Static_assert(LODE_RING_BYTES_DEFAULT / (sizeof(struct lode_record) + sizeof(struct lode_commit) +
                                          sizeof(struct lode_made)) <=
                   TOLD_MAX,
               "told.c: one for each commit that a ring has room for");

struct core_told {
    lode_id results;
    uint32_t result_count;
    uint32_t attempts;
    struct core_function *function;
};

/* A SETTLE that is out: those that it asks for, by all their results: of an ended session's some may
 * be awaited while the others will not come. */
struct core_told_query {
    uint64_t cookie;
    struct core_death death;
    uint32_t count;
    UT_hash_handle hh;
    struct core_told told[];
};

void
core_told_note(struct core_worker *worker, const struct core_task *task)
{
    if (worker->told_count == worker->told_room && worker->told_room < TOLD_MAX) {
        worker->told_room = worker->told_room > 0 ? 2 * worker->told_room : TOLD_FIRST;
        worker->told = core_realloc(worker->told, worker->told_room * sizeof *worker->told);
    }
    worker->told[worker->told_count++ % worker->told_room] =
        (struct core_told){.results = task->results,
                           .result_count = task->result_count,
                           .attempts = task->attempts + 1,
                           .function = task->function};
}

static void
ask(struct core *core, const struct core_worker *worker, const struct core_told *told,
    uint32_t count)
{
    lode_id ids[CORE_STORE_IDS];
    uint32_t id_count = 0;
    struct core_told_query *query = core_alloc(sizeof *query + count * sizeof *told);
    query->cookie = core->next_cookie += 2;
    query->death = *worker->death;
    query->count = count;
    memcpy(query->told, told, count * sizeof *told);
    HASH_ADD(hh, core->told_queries, cookie, sizeof query->cookie, query);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t result = 0; result < told[i].result_count; result++) {
            ids[id_count++] = lode_id_plus(told[i].results, result);
        }
    }
    uint32_t size = id_count * (uint32_t)sizeof ids[0];
    memcpy(core_emit(core, CORE_SETTLE, worker->store_session, query->cookie, 0, size), ids, size);
}

_Static_assert((int)LODE_TASK_RESULTS_MAX <= (int)CORE_STORE_IDS, "told.c: one fits");

/* How many of those `count` are asked for together. */
static uint32_t
fit(const struct core_told *told, uint32_t count)
{
    uint32_t results = told[0].result_count, fits = 1;
    while (fits < count && results + told[fits].result_count <= CORE_STORE_IDS) {
        results += told[fits++].result_count;
    }
    return fits;
}

void
core_told_ask(struct core *core, const struct core_worker *worker)
{
    uint64_t count =
        worker->told_count < worker->told_room ? worker->told_count : worker->told_room;
    for (uint32_t at = 0; at < count;) {
        uint32_t fits = fit(worker->told + at, (uint32_t)count - at);
        ask(core, worker, worker->told + at, fits);
        at += fits;
    }
}

static void
fail(struct core *core, const struct core_told *told, const struct core_death *death)
{
    const struct core_task lost = {.function = told->function,
                                   .results = told->results,
                                   .result_count = told->result_count,
                                   .attempts = told->attempts};
    char what[128], text[256];
    core_describe_death(death, what, sizeof what);
    snprintf(text, sizeof text,
             "it had ended, but its worker (pid %lld) %s before the store had its results",
             (long long)death->pid, what);
    core_failure_note(core, &lost, LODE_ECRASHED, death, text);
    core_put_error(core, &lost, (lode_id){{0}}, LODE_ECRASHED, death, text);
}

/* All are sealed in one step: none is there, and one is still awaited. */
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

bool
core_told_answered(struct core *core, uint64_t cookie, const uint8_t *status, uint32_t count)
{
    struct core_told_query *query;
    HASH_FIND(hh, core->told_queries, &cookie, sizeof cookie, query);
    if (query == NULL) {
        return false;
    }
    HASH_DELETE(hh, core->told_queries, query);
    uint32_t at = 0;
    for (uint32_t i = 0; i < query->count && at + query->told[i].result_count <= count; i++) {
        if (is_lost(status + at, query->told[i].result_count)) {
            fail(core, &query->told[i], &query->death);
        }
        at += query->told[i].result_count;
    }
    free(query);
    return true;
}

void
core_told_fini(struct core *core)
{
    struct core_told_query *query, *next;
    HASH_ITER(hh, core->told_queries, query, next)
    {
        HASH_DELETE(hh, core->told_queries, query);
        free(query);
    }
}
