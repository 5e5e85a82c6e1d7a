/* Calls of a function at a later time. */
#include "api/wire/later.h"

#include "api/base/clock.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <pthread.h>

enum { MS = 1000000, NEVER_NS = 3600 * INT64_C(1000000000) };

struct calls {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    int count;
    int64_t last_ns;
};

static struct calls one = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
static struct calls other = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

static void
note(void *arg)
{
    struct calls *calls = arg;
    pthread_mutex_lock(&calls->mu);
    calls->count++;
    calls->last_ns = lode_now_ns();
    pthread_cond_broadcast(&calls->changed);
    pthread_mutex_unlock(&calls->mu);
}

static void
await(struct calls *calls, int count)
{
    pthread_mutex_lock(&calls->mu);
    while (calls->count < count) {
        pthread_cond_wait(&calls->changed, &calls->mu);
    }
    pthread_mutex_unlock(&calls->mu);
}

TestSuite(later, .timeout = 60);

Test(later, a_call_comes_when_it_is_due_and_not_before)
{
    struct lode_later *later;
    must(lode_later_open(note, &one, &later));
    int64_t asked = lode_now_ns();
    lode_later_call(later, 5 * MS);
    lode_later_call(later, 5 * MS); /* is to come already */
    await(&one, 1);
    expect_le(asked + 5 * MS, one.last_ns);
    lode_later_call(later, 0);
    await(&one, 2);
    lode_later_close(later);
    expect_eq(one.count, 2);
}

Test(later, a_call_that_is_due_soon_does_not_wait_for_one_that_is_due_late)
{
    struct lode_later *late, *soon;
    must(lode_later_open(note, &one, &late));
    must(lode_later_open(note, &other, &soon));
    lode_later_call(late, NEVER_NS);
    for (int i = 1; i <= 100; i++) {
        lode_later_call(soon, MS / 10);
        await(&other, i);
    }
    lode_later_close(soon);
    lode_later_close(late);
    expect_eq(one.count, 0);
}

Test(later, no_call_comes_after_the_close)
{
    for (int i = 0; i < 200; i++) {
        struct lode_later *later;
        must(lode_later_open(note, &one, &later));
        lode_later_call(later, i % 2 == 0 ? 0 : MS / 20);
        lode_later_close(later);
    }
    int before = one.count; /* nobody writes it any more */
    struct lode_later *later;
    must(lode_later_open(note, &other, &later));
    lode_later_call(later, MS);
    await(&other, 1);
    lode_later_close(later);
    expect_eq(one.count, before);
    lode_later_close(NULL);
}
