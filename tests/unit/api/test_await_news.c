/*
 * Waiting for news of an id that is there already, such as a name that is bound to another object.
 * The test plays the store.
 */
#include "tests/unit/api/await_fixture.h"

#include <pthread.h>

TestSuite(await_news, .init = await_setup, .fini = await_teardown);

struct news {
    int tries, news_at; /* from that try on there are news */
    bool is_told, told_at_once;
};

static lode_err
look_for_news(lode *session, void *arg)
{
    struct news *news = arg;
    (void)session;
    news->tries++;
    news->is_told = news->told_at_once;
    return news->tries >= news->news_at ? LODE_OK : LODE_EAGAIN;
}

static lode_err
await_news(struct news *news, int64_t timeout_ms)
{
    const struct lode_patience patience = lode_patience_of(timeout_ms);
    return lode_await_news(&db, id, hash, &patience, look_for_news, news, &news->is_told);
}

static void *
bump_until_over(void *arg)
{
    const _Atomic bool *over = arg;
    while (!atomic_load(over)) {
        bump();
    }
    return NULL;
}

Test(await_news, that_are_told_take_no_message, .timeout = 30)
{
    struct news news = {.news_at = 5, .told_at_once = true};
    _Atomic bool over = false;
    struct lode_msg_lookup msg;
    pthread_t thread;
    pthread_create(&thread, NULL, bump_until_over, &over);
    lode_err err = await_news(&news, LODE_FOREVER);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    cr_assert_eq(err, LODE_OK);
    cr_assert_eq(news.tries, 5);
    cr_assert(!has_waited());
    cr_assert_lt(recv(store, &msg, sizeof msg, MSG_DONTWAIT), 0);
    news = (struct news){.news_at = 1000000, .told_at_once = true};
    cr_assert_eq(await_news(&news, 1), LODE_EAGAIN);
    cr_assert(!has_waited());
    cr_assert_lt(recv(store, &msg, sizeof msg, MSG_DONTWAIT), 0);
}

/* It says that it is there, which is no news; the bucket is woken, and then it is told. */
static void *
say_that_it_is_there(void *arg)
{
    struct news *news = arg;
    if (receive_wait() == 0) {
        return NULL;
    }
    bump();
    struct lode_msg_lookup asked = receive(LODE_MSG_LOOKUP);
    news->told_at_once = true;
    answer(&asked, LODE_FOUND_SEALED);
    return NULL;
}

Test(await_news, are_not_that_it_is_there_which_does_not_end_the_wait, .timeout = 30)
{
    struct news news = {.news_at = 1000000};
    pthread_t thread;
    do {
        if (news.tries > 0) {
            begin_anew(); /* the time was up before the wait began */
        }
        news = (struct news){.news_at = 1000000};
        pthread_create(&thread, NULL, say_that_it_is_there, &news);
        cr_assert_eq(await_news(&news, 200), LODE_EAGAIN);
        eventfd_write(db.calls.bell_fd, 1);
        shutdown(store, SHUT_RDWR);
        pthread_join(thread, NULL);
    } while (!news.told_at_once);
    cr_assert_eq(atomic_load(&file->ring_tail), /* one WAIT, and no other */
                 sizeof(struct lode_record) + sizeof(struct lode_wait_record));
}
