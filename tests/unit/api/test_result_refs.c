#include "api/client/tasks/result_refs.h"
#include "api/layout/id.h"

#include <criterion/criterion.h>
#include <pthread.h>

#include "tests/support/check.h"

enum { SESSION = 3 };

static struct lode_result_refs refs;

static lode_id
result(uint64_t counter)
{
    return lode_id_make(LODE_ID_RESULT, SESSION, counter);
}

static void
init(void)
{
    lode_result_refs_init(&refs, SESSION);
}

Test(result_refs, only_the_last_drop_is_the_stores, .init = init)
{
    lode_result_refs_born(&refs, result(1));
    expect(lode_result_refs_take(&refs, result(1)));
    expect(lode_result_refs_take(&refs, result(1)));
    expect(lode_result_refs_drop(&refs, result(1)));
    expect(lode_result_refs_drop(&refs, result(1)));
    expect(!lode_result_refs_drop(&refs, result(1)));
}

Test(result_refs, what_is_not_counted_is_the_stores, .init = init)
{
    const lode_id others[] = {
        result(1),                                    /* never given out */
        lode_id_make(LODE_ID_RESULT, SESSION + 1, 1), /* of another session */
        lode_id_make(LODE_ID_PUT, SESSION, 1),
        result(UINT64_C(1) << 48), /* has no room in a slot */
    };
    for (size_t i = 1; i < sizeof others / sizeof others[0]; i++) {
        lode_result_refs_born(&refs, others[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        expect(!lode_result_refs_take(&refs, others[i]));
        expect(!lode_result_refs_drop(&refs, others[i]));
    }
}

Test(result_refs, after_its_last_drop_an_id_is_not_counted, .init = init)
{
    lode_result_refs_born(&refs, result(1));
    expect(!lode_result_refs_drop(&refs, result(1)));
    expect(!lode_result_refs_take(&refs, result(1)));
    expect(!lode_result_refs_drop(&refs, result(1)));
}

/* The older one's only reference is the store's from then on; two of them are still one. */
Test(result_refs, a_newer_id_takes_the_place_of_one_that_has_one_reference, .init = init)
{
    lode_id old = result(5), newer = result(5 + LODE_RESULT_REFS_MAX);
    lode_result_refs_born(&refs, old);
    lode_result_refs_born(&refs, newer);
    expect(!lode_result_refs_take(&refs, old));
    expect(!lode_result_refs_drop(&refs, old));
    expect(lode_result_refs_take(&refs, newer));

    lode_result_refs_born(&refs, old);
    expect(!lode_result_refs_take(&refs, old));
    expect(lode_result_refs_drop(&refs, newer));
    expect(!lode_result_refs_drop(&refs, newer));
}

Test(result_refs, a_count_that_is_full_takes_no_more, .init = init)
{
    enum { FULL = 65535 };
    lode_result_refs_born(&refs, result(1));
    for (int i = 1; i < FULL; i++) {
        expect(lode_result_refs_take(&refs, result(1)));
    }
    expect(!lode_result_refs_take(&refs, result(1)));
    for (int i = 1; i < FULL; i++) {
        expect(lode_result_refs_drop(&refs, result(1)));
    }
    expect(!lode_result_refs_drop(&refs, result(1)));
}

/* ---- races ----------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 20000 };

static _Atomic int64_t at_store; /* the references that the store would have */

/* Takes and drops as a call does, by a record where the id is not counted. */
static void *
take_and_drop(void *arg)
{
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        lode_id id = result(i);
        if (!lode_result_refs_take(&refs, id)) {
            atomic_fetch_add(&at_store, 1);
        }
        lode_result_refs_born(&refs, result(i + LODE_RESULT_REFS_MAX));
        atomic_fetch_add(&at_store, 1);
        for (int k = 0; k < 2; k++) {
            lode_id which = k == 0 ? id : result(i + LODE_RESULT_REFS_MAX);
            if (!lode_result_refs_drop(&refs, which)) {
                atomic_fetch_sub(&at_store, 1);
            }
        }
    }
    return arg;
}

/*
 * Each thread ends with as many references as it began with, whoever has counted them. The births
 * of one id by several threads are as many references: no more than one is counted.
 */
Test(result_refs, threads_lose_and_invent_no_reference, .init = init)
{
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
        expect(pthread_create(&thread[i], NULL, take_and_drop, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        expect(pthread_join(thread[i], NULL) == 0);
    }
    for (size_t i = 0; i < LODE_RESULT_REFS_MAX; i++) {
        expect(atomic_load(&refs.slot[i]) == 0);
    }
    expect_eq(atomic_load(&at_store), 0);
}
