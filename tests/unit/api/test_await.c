/* Waiting for one id; the test plays the store, with the worst timing. */
#include "tests/unit/api/await_fixture.h"

#include "api/base/clock.h"

#include <pthread.h>

TestSuite(await, .init = await_setup, .fini = await_teardown);

static lode_err
never_there(lode *session, void *arg)
{
    (void)session;
    (void)arg;
    return LODE_EAGAIN;
}

static lode_err
await_ms(int64_t timeout_ms, lode_try_fn try_it, void *arg)
{
    const struct lode_patience patience = lode_patience_of(timeout_ms);
    return lode_await(&db, id, hash, &patience, try_it, arg);
}

/* The counter changes for another id; the answer is PENDING, and the end comes right behind it. */
static void *
end_behind_the_answer(void *arg)
{
    uint64_t cookie = receive_wait();
    (void)arg;
    if (cookie == 0) {
        return NULL;
    }
    bump();
    struct lode_msg_lookup asked = receive(LODE_MSG_LOOKUP);
    cr_assert_eq(asked.cookie, cookie);
    bump();
    answer(&asked, LODE_FOUND_PENDING);
    asked = receive(LODE_MSG_LOOKUP);
    answer(&asked, LODE_FOUND_ABORTED);
    return NULL;
}

/* Nothing is ever said by the counter. */
static void *
end_without_a_word(void *arg)
{
    (void)arg;
    if (receive_wait() == 0) {
        return NULL;
    }
    struct lode_msg_lookup asked = receive(LODE_MSG_LOOKUP);
    answer(&asked, LODE_FOUND_GONE);
    return NULL;
}

/* Where the script was not played to its end, it fails. */
static lode_err
await_once(void *(*play)(void *), int64_t timeout_ms, lode_try_fn try_it)
{
    pthread_t thread;
    pthread_create(&thread, NULL, play, NULL);
    lode_err err = await_ms(timeout_ms, try_it, NULL);
    if (!has_waited()) {
        eventfd_write(db.calls.bell_fd, 1); /* the script may wait for that */
    }
    shutdown(store, SHUT_RDWR);
    pthread_join(thread, NULL);
    return err;
}

/* On a busy machine the time may be up before the wait begins: then all begins anew. */
static lode_err
await_against(void *(*play)(void *), int64_t timeout_ms, lode_try_fn try_it)
{
    lode_err err = await_once(play, timeout_ms, try_it);
    while (!has_waited()) {
        begin_anew();
        err = await_once(play, timeout_ms, try_it);
    }
    return err;
}

/* ---- whoever was to make it dies ---- */

static _Atomic int looks;

static lode_err
scheduler_is_dead(void *arg, lode_id pending)
{
    (void)arg;
    cr_assert(lode_id_same(pending, id));
    atomic_fetch_add(&looks, 1);
    return LODE_EDOWN;
}

static void
hang_hook(lode_err (*pending)(void *, lode_id), struct lode_session_hooks *hooks)
{
    *hooks = (struct lode_session_hooks){.pending = pending};
    db.hooks.slot[LODE_HOOKS_TASKS] = hooks;
    looks = 0;
    id = lode_id_make(LODE_ID_RESULT, 1, 1);
    hash = lode_id_hash(id, fake.view.hash_key);
}

/* What the store was told of a wait: the cookies, and how often it was asked. */
static struct said {
    uint64_t asked, taken_back;
    int lookups;
} said;

/* A store that knows nothing of the id, until the wait is taken back. */
static void *
know_nothing(void *arg)
{
    struct lode_msg_lookup msg = {.cookie = 0};
    (void)arg;
    while (msg.head.type != LODE_MSG_UNWAIT) {
        ssize_t got = recv(store, &msg, sizeof msg, 0);
        if (got == 0 && !has_waited()) {
            return NULL; /* nothing is taken back */
        }
        cr_assert_eq(got, (ssize_t)sizeof msg);
        cr_assert(lode_id_same(msg.id, id));
        if (msg.head.type == LODE_MSG_LOOKUP) {
            said.lookups++;
            said.asked = msg.cookie;
            answer(&msg, LODE_FOUND_PENDING);
        }
    }
    said.taken_back = msg.cookie;
    return NULL;
}

/* Between any two looks at the counter an id of the same bucket has come. */
static lode_err
another_comes(lode *session, void *arg)
{
    (void)session;
    (void)arg;
    bump();
    return LODE_EAGAIN;
}

/* The wait is taken back, too: the store lives. */
Test(await, a_dead_scheduler_is_seen_however_often_other_ids_wake_the_bucket, .timeout = 30)
{
    struct lode_session_hooks hooks;
    pthread_t thread;
    hang_hook(scheduler_is_dead, &hooks);
    pthread_create(&thread, NULL, know_nothing, NULL);
    lode_err err = await_ms(LODE_FOREVER, another_comes, NULL);
    pthread_join(thread, NULL);
    cr_assert_eq(err, LODE_EDOWN);
}

/*
 * Waits for a millisecond against a store that knows nothing of the id, and whose counter never
 * changes. It is asked once, at the end, and then the wait is taken back. On a busy machine the
 * millisecond may be up before the wait begins, or take so long that the first look is due before
 * the end: then all begins anew.
 */
static lode_err
await_briefly(struct lode_session_hooks *hooks, int64_t looked_ns)
{
    enum { FIRST_LOOK_NS = 50000000 };
    for (;;) {
        int64_t began = lode_now_ns();
        if (hooks != NULL) {
            hang_hook(scheduler_is_dead, hooks);
        }
        atomic_store(&db.pending_looked_ns, looked_ns);
        said = (struct said){.lookups = 0};
        lode_err err = await_once(know_nothing, 1, never_there);
        if (has_waited() && lode_now_ns() - began < FIRST_LOOK_NS) {
            uint64_t cookie = receive_wait();
            cr_assert_eq(said.lookups, 1);
            cr_assert_eq(said.asked, cookie);
            cr_assert_eq(said.taken_back, cookie);
            return err;
        }
        begin_anew();
    }
}

Test(await, a_short_wait_hears_of_a_dead_scheduler_at_its_end_and_is_taken_back, .timeout = 30)
{
    struct lode_session_hooks hooks;
    cr_assert_eq(await_briefly(&hooks, 0), LODE_EDOWN);
}

static int asked_for_interrupts;

/* The call is told to end while it sleeps. */
static lode_err
interrupted_later(void *arg)
{
    (void)arg;
    return asked_for_interrupts++ == 0 ? LODE_OK : LODE_ECANCELLED;
}

static void *
take_back(void *arg)
{
    uint64_t cookie = receive_wait();
    (void)arg;
    if (cookie != 0) {
        cr_assert_eq(receive(LODE_MSG_UNWAIT).cookie, cookie);
    }
    return NULL;
}

/* A task that sleeps for a moment, again and again, never sleeps long enough for a look. */
Test(await, a_short_wait_that_is_told_to_end_hears_of_it_at_its_end, .timeout = 30)
{
    struct lode_session_hooks hooks = {.interrupted = interrupted_later};
    lode_err err = LODE_OK;
    for (bool waited = false; !waited;) { /* or the time was up before the wait began */
        asked_for_interrupts = 0;
        cr_assert_eq(lode_hooks_install(&db.hooks, LODE_HOOKS_WORKER, &hooks), &hooks);
        err = await_once(take_back, 1, never_there);
        waited = has_waited();
        if (!waited) {
            begin_anew();
        }
    }
    cr_assert_eq(err, LODE_ECANCELLED);
}

Test(await, a_short_wait_does_not_look_where_another_has_just_looked, .timeout = 30)
{
    struct lode_session_hooks hooks;
    cr_assert_eq(await_briefly(&hooks, INT64_MAX), LODE_EAGAIN);
    cr_assert_eq(looks, 0);
}

/* ---- the time is up ---- */

static _Atomic bool is_sealed;

static lode_err
there_when_sealed(lode *session, void *arg)
{
    (void)session;
    (void)arg;
    return is_sealed ? LODE_OK : LODE_EAGAIN;
}

/* The store finds it in the maker's ring when it is asked, and not before. */
static void *
seal_when_asked(void *arg)
{
    (void)arg;
    if (receive_wait() == 0) {
        return NULL;
    }
    struct lode_msg_lookup asked = receive(LODE_MSG_LOOKUP);
    is_sealed = true;
    answer(&asked, LODE_FOUND_SEALED);
    return NULL;
}

Test(await, what_the_store_finds_when_the_time_is_up_is_in_time, .timeout = 30)
{
    is_sealed = false;
    cr_assert_eq(await_against(seal_when_asked, 1, there_when_sealed), LODE_OK);
}

/* Less than a second: the look of the next test is not what catches it. */
Test(await, an_end_that_comes_right_behind_the_answer_is_not_slept_over, .timeout = 30)
{
    cr_assert_eq(await_against(end_behind_the_answer, 900, never_there), LODE_EABORTED);
}

Test(await, after_a_second_without_a_word_the_store_is_asked, .timeout = 30)
{
    cr_assert_eq(await_against(end_without_a_word, LODE_FOREVER, never_there), LODE_EGONE);
}

Test(await, a_time_that_is_up_is_told_to_the_store, .timeout = 30)
{
    cr_assert_eq(await_briefly(NULL, 0), LODE_EAGAIN);
}

/* A stopped store: the wait ends all the same, and is taken back when the store goes on. */
Test(await, a_time_that_is_up_is_not_waited_for_without_end, .timeout = 30)
{
    cr_assert_eq(await_ms(1, never_there, NULL), LODE_ETIMEDOUT);
    while (!has_waited()) {
        begin_anew();
        cr_assert_eq(await_ms(1, never_there, NULL), LODE_ETIMEDOUT);
    }
    uint64_t cookie = receive_wait();
    cr_assert_eq(receive(LODE_MSG_LOOKUP).cookie, cookie);
    cr_assert_eq(receive(LODE_MSG_UNWAIT).cookie, cookie);
}

/* It was sealed, and told to nobody, before the word was set: it must look once more, or ask. */
static lode_err
not_there_before_it_is_awaited(lode *session, void *arg)
{
    (void)session;
    (void)arg;
    bool is_late = atomic_exchange(&fake.rows[7].awaited, 1) != 0;
    return is_late ? LODE_OK : LODE_EAGAIN;
}

Test(await, who_missed_it_before_it_was_told_unasked_does_not_sleep_unasked, .timeout = 30)
{
    id = lode_id_reserve(7, 1);
    hash = lode_id_hash(id, fake.view.hash_key);
    fake.rows[7].session = 7;
    cr_assert_eq(await_ms(LODE_FOREVER, not_there_before_it_is_awaited, NULL), LODE_OK);
    cr_assert_neq(atomic_load(&file->ring_tail), 0);
}

/* index.h [6]: it sleeps on the counter, and says nothing. */
Test(await, who_is_told_unasked_sends_no_wait, .timeout = 30)
{
    uint64_t rung;
    pthread_t thread;
    id = lode_id_reserve(7, 1);
    hash = lode_id_hash(id, fake.view.hash_key);
    fake.rows[7].session = 7;
    fake.rows[7].awaited = 1;
    pthread_create(&thread, NULL, know_nothing, NULL); /* the second wait is taken back */
    cr_assert_eq(await_ms(1, never_there, NULL), LODE_EAGAIN);
    cr_assert_eq(atomic_load(&file->ring_tail), 0);
    fake.rows[7].awaited = 0;
    do {
        cr_assert_eq(await_ms(1, never_there, NULL), LODE_EAGAIN);
    } while (!has_waited());
    cr_assert_eq(read(db.calls.bell_fd, &rung, sizeof rung), (ssize_t)sizeof rung);
    pthread_join(thread, NULL);
}
