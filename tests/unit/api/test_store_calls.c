/* Questions and answers over one socket; the test plays the store. */
#include "api/client/channel/store_calls.h"

#include "api/base/clock.h"
#include "api/client/channel/waiters.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 500 };

static struct lode_store_calls calls;
static int store;

static void
setup(void)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    store = ends[1];
    cr_assert_eq(lode_store_calls_init(&calls), LODE_OK);
    calls.socket.fd = ends[0];
    cr_assert_eq(lode_store_calls_start(&calls), LODE_OK);
}

static void
teardown(void)
{
    lode_store_calls_fini(&calls);
    close(store);
}

TestSuite(store_calls, .init = setup, .fini = teardown);

static lode_err
ask(uint64_t cookie, struct lode_msg_found *found)
{
    struct lode_msg_lookup msg = {.head.type = LODE_MSG_LOOKUP, .cookie = cookie};
    struct lode_reply reply = {
        .type = LODE_MSG_FOUND, .packet = found, .room = sizeof *found, .answer_by = LODE_NEVER};
    return lode_store_ask(&calls, &msg.head, sizeof msg, NULL, 0, &reply);
}

/* Collects questions and answers them in the reverse order, until the end of file. */
static void *
answer_backwards(void *arg)
{
    struct lode_msg_lookup asked[THREADS];
    int count = 0;
    (void)arg;
    while (recv(store, &asked[count], sizeof asked[0], count > 0 ? MSG_DONTWAIT : 0) > 0 ||
           count > 0) {
        bool more = asked[count].head.type == LODE_MSG_LOOKUP && count + 1 < THREADS;
        count += asked[count].head.type == LODE_MSG_LOOKUP;
        if (more && recv(store, &asked[count], 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
            continue;
        }
        while (count > 0) {
            struct lode_msg_lookup *q = &asked[--count];
            struct lode_msg_found found = {.head = {.type = LODE_MSG_FOUND, .tag = q->head.tag},
                                           .id = lode_id_make(LODE_ID_USER, 0, q->cookie)};
            send(store, &found, sizeof found, MSG_NOSIGNAL);
            q->head.type = 0;
        }
    }
    return NULL;
}

static void *
ask_often(void *arg)
{
    uint64_t me = (uint64_t)(uintptr_t)arg;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct lode_msg_found found;
        if (ask(me << 32 | i, &found) != LODE_OK || lode_id_low(found.id) != (me << 32 | i)) {
            return (void *)1;
        }
    }
    return NULL;
}

Test(store_calls, each_thread_gets_its_own_answer_whoever_reads_it)
{
    pthread_t threads[THREADS], answerer;
    pthread_create(&answerer, NULL, answer_backwards, NULL);
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, ask_often, (void *)(i + 1));
    }
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        cr_assert_null(wrong);
    }
    shutdown(calls.socket.fd, SHUT_RDWR);
    pthread_join(answerer, NULL);
}

static void *
say_error(void *arg)
{
    struct {
        struct lode_msg_error msg;
        char text[32];
    } error = {.msg = {.head.type = LODE_MSG_ERROR, .err = LODE_EGONE}};
    struct lode_msg_lookup asked;
    (void)arg;
    recv(store, &asked, sizeof asked, 0);
    error.msg.head.tag = asked.head.tag;
    strcpy(error.text, "it went away");
    send(store, &error, sizeof error.msg + strlen(error.text), 0);
    return NULL;
}

Test(store_calls, an_error_comes_with_its_sentence)
{
    struct lode_msg_found found = {.status = 77};
    pthread_t thread;
    pthread_create(&thread, NULL, say_error, NULL);
    cr_assert_eq(ask(1, &found), LODE_EGONE);
    cr_assert_str_eq(lode_last_error(), "it went away");
    cr_assert_eq(found.status, 77, "an output is written only on success");
    pthread_join(thread, NULL);
}

static void *
hang_up(void *arg)
{
    struct lode_msg_lookup asked;
    (void)arg;
    for (int i = 0; i < THREADS; i++) {
        recv(store, &asked, sizeof asked, 0);
    }
    shutdown(store, SHUT_RDWR);
    return NULL;
}

static void *
ask_once(void *arg)
{
    struct lode_msg_found found;
    (void)arg;
    return (void *)(uintptr_t)ask(1, &found);
}

Test(store_calls, when_the_store_dies_everyone_who_waits_hears_of_it)
{
    pthread_t threads[THREADS], store_thread;
    pthread_create(&store_thread, NULL, hang_up, NULL);
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, ask_once, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        void *err;
        pthread_join(threads[i], &err);
        cr_assert_eq((lode_err)(uintptr_t)err, LODE_EDOWN);
    }
    pthread_join(store_thread, NULL);
    cr_assert(lode_store_is_dead(&calls.socket));
    cr_assert_eq(lode_store_send(&calls.socket, "x", 1, NULL, 0, LODE_NEVER), LODE_EDOWN);
}

Test(store_calls, a_dead_store_is_seen_behind_unread_packets)
{
    send(store, "junk", 4, 0);
    cr_assert_not(lode_store_is_dead(&calls.socket));
    shutdown(store, SHUT_RDWR);
    cr_assert(lode_store_is_dead(&calls.socket));
}

/* A packet of many ids, say, for which the socket of a stopped store has no room. */
Test(store_calls, what_is_owed_may_be_large_and_keeps_its_order)
{
    static uint8_t packet[LODE_STORE_PACKET_MAX], got[sizeof packet];
    size_t sent = 0, count = 0;
    packet[sizeof packet - 1] = 7;
    while (lode_socket_try_send(calls.socket.fd, "filler", 6, NULL, 0) == LODE_OK) {
        sent++;
    }
    lode_store_owe(&calls.socket, packet, sizeof packet, 0);
    lode_store_owe(&calls.socket, "after", 5, 0);
    while (recv(store, got, sizeof got, MSG_DONTWAIT) == 6) {
        count++;
    }
    cr_assert_eq(count, sent);
    cr_assert_eq(lode_store_send(&calls.socket, "last", 4, NULL, 0, LODE_NEVER), LODE_OK);
    cr_assert_eq(recv(store, got, sizeof got, 0), (ssize_t)sizeof packet);
    cr_assert_eq(memcmp(got, packet, sizeof got), 0);
    cr_assert_eq(recv(store, got, sizeof got, 0), 5);
    cr_assert_eq(recv(store, got, sizeof got, 0), 4);
}

Test(store_calls, a_reader_that_does_not_sleep_sees_the_stores_end)
{
    lode_mutex_lock(&calls.mu);
    lode_waiters_read_locked(&calls);
    cr_assert_not(calls.socket.down);
    shutdown(store, SHUT_RDWR);
    lode_waiters_read_locked(&calls);
    cr_assert(calls.socket.down);
    lode_mutex_unlock(&calls.mu);
}

static void
count_ready(struct lode_watch *watch, const struct lode_msg_ready *ready, uint32_t count)
{
    cr_assert_eq(ready[0].status, LODE_FOUND_SEALED);
    watch->done = count == 2;
}

static void
send_notify(uint64_t cookie, uint32_t count, uint32_t say)
{
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[2];
    } notify = {.head = {.head.type = LODE_MSG_NOTIFY, .cookie = cookie, .count = say},
                .ready = {{.status = LODE_FOUND_SEALED}, {.status = LODE_FOUND_SEALED}}};
    send(store, &notify, sizeof notify.head + count * sizeof notify.ready[0], 0);
}

Test(store_calls, notices_find_their_watch_by_its_cookie)
{
    struct lode_waiter waiter;
    struct lode_watch watch = {.cookie = 5, .notify = count_ready};
    lode_store_watch_add(&calls, &waiter, &watch);
    send_notify(6, 2, 2);       /* another one's */
    send_notify(5, 1, 1);       /* not all yet */
    send_notify(5, 1, 1 << 30); /* says more than it has */
    cr_assert_eq(lode_store_watch_wait(&calls, &waiter, lode_deadline(1)), LODE_ETIMEDOUT);
    send_notify(5, 2, 2);
    cr_assert_eq(lode_store_watch_wait(&calls, &waiter, LODE_NEVER), LODE_OK);
    lode_store_watch_remove(&calls, &waiter);
}

static void *
await_notice(void *arg)
{
    struct lode_waiter waiter;
    struct lode_watch watch = {.cookie = (uintptr_t)arg, .notify = count_ready};
    lode_store_watch_add(&calls, &waiter, &watch);
    lode_err err = lode_store_watch_wait(&calls, &waiter, LODE_NEVER);
    lode_store_watch_remove(&calls, &waiter);
    return (void *)(uintptr_t)err;
}

static void
expect_one_asleep(void)
{
    bool sleeps = false;
    while (!sleeps) {
        lode_mutex_lock(&calls.mu);
        sleeps = calls.has_leader && calls.sleepers != NULL;
        cr_assert(!sleeps || calls.sleepers->next_sleeper == NULL);
        lode_mutex_unlock(&calls.mu);
    }
}

/* Two threads wait: one reads, the other sleeps, and reads when the first one has its notice. */
Test(store_calls, watches_of_which_no_thread_sleeps_are_no_candidates_to_read)
{
    enum { IDLE = 10000 };
    struct lode_watch *idle = calloc(IDLE, sizeof *idle);
    pthread_t threads[2];
    void *ends[2];
    for (uint64_t i = 0; i < IDLE; i++) {
        idle[i] = (struct lode_watch){.cookie = 100 + i, .notify = count_ready};
        lode_watches_add(&calls.watches, &idle[i]);
    }
    for (uintptr_t i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, await_notice, (void *)(i + 1));
    }
    expect_one_asleep();
    for (uint64_t i = 0; i < 2; i++) {
        send_notify(i + 1, 2, 2);
        pthread_join(threads[i], &ends[i]);
        cr_assert_null(ends[i]);
    }
    cr_assert_null(calls.sleepers);
    cr_assert_eq(calls.called, 0);
    cr_assert_leq(calls.watches.looked_at, 4);
    for (uint64_t i = 0; i < IDLE; i++) {
        lode_watches_remove(&calls.watches, &idle[i]);
    }
    free(idle);
}

Test(store_calls, an_answer_of_another_type_or_size_breaks_the_protocol)
{
    struct lode_msg_head ok = {.type = LODE_MSG_OK, .tag = 1};
    struct lode_msg_found found;
    send(store, &ok, sizeof ok, 0);
    cr_assert_eq(ask(1, &found), LODE_EPROTO); /* the first tag is 1 */
    uint8_t large[2048] = {LODE_MSG_FOUND, 0, 0, 0, 2};
    send(store, large, sizeof large, 0);
    cr_assert_eq(ask(1, &found), LODE_EPROTO);
}

/* ---- answers that come late ----------------------------------------------------------------- */

static lode_err
create_without_time(void)
{
    struct lode_msg_create msg = {.head.type = LODE_MSG_CREATE};
    struct lode_msg_created created;
    struct lode_reply reply = {.type = LODE_MSG_CREATED,
                               .packet = &created,
                               .room = sizeof created,
                               .answer_by = 1,
                               .late = LODE_LATE_DRAFT};
    lode_err err = lode_store_ask(&calls, &msg.head, sizeof msg, NULL, 0, &reply);
    cr_assert(reply.sent);
    return err;
}

Test(store_calls, a_draft_that_comes_late_is_aborted_before_the_next_question, .timeout = 30)
{
    struct lode_msg_create asked;
    struct lode_msg_draft abort;
    calls.socket.pid = 12345;
    cr_assert_eq(create_without_time(), LODE_ETIMEDOUT);
    cr_assert_not_null(strstr(lode_last_error(), "process 12345"));
    cr_assert_eq(recv(store, &asked, sizeof asked, 0), (ssize_t)sizeof asked);
    struct lode_msg_created created = {
        .head = {.type = LODE_MSG_CREATED, .tag = asked.head.tag}, .entry = 7, .generation = 9};
    send(store, &created, sizeof created, 0);
    cr_assert_eq(create_without_time(), LODE_ETIMEDOUT);
    cr_assert_eq(recv(store, &abort, sizeof abort, 0), (ssize_t)sizeof abort);
    cr_assert_eq(abort.head.type, LODE_MSG_ABORT);
    cr_assert_eq(abort.head.tag, 0);
    cr_assert_eq(abort.entry, 7);
    cr_assert_eq(abort.generation, 9);
}

static _Atomic int drops;

static void
count_drop(void *arg, lode_id id)
{
    cr_assert_eq(lode_id_low(id), (uint64_t)(uintptr_t)arg);
    drops++;
}

static uint32_t
put_without_time(lode_id id, uint8_t answer)
{
    struct lode_msg_create msg = {.head.type = LODE_MSG_PUT}, asked;
    struct lode_reply reply = {
        .type = LODE_MSG_CREATED, .answer_by = 1, .late = lode_late_object(id), .late_id = id};
    cr_assert_eq(lode_store_ask(&calls, &msg.head, sizeof msg, NULL, 0, &reply), LODE_ETIMEDOUT);
    cr_assert_eq(recv(store, &asked, sizeof asked, 0), (ssize_t)sizeof asked);
    struct lode_msg_error said = {.head = {.type = answer, .tag = asked.head.tag},
                                  .err = LODE_EFULL};
    send(store, &said, sizeof said, 0);
    return asked.head.tag;
}

Test(store_calls, an_object_that_comes_late_is_dropped_and_one_that_was_refused_is_not)
{
    drops = 0;
    calls.drop_late = count_drop;
    calls.drop_late_arg = (void *)(uintptr_t)5;
    put_without_time(lode_id_make(LODE_ID_PUT, 1, 5), LODE_MSG_CREATED);
    put_without_time(lode_id_make(LODE_ID_PUT, 1, 6), LODE_MSG_ERROR);
    put_without_time(lode_id_reserve(1, 7), LODE_MSG_CREATED);
    cr_assert_eq(create_without_time(), LODE_ETIMEDOUT);
    cr_assert_eq(drops, 1);
}

Test(store_calls, what_a_full_socket_does_not_take_is_owed_and_goes_first, .timeout = 30)
{
    static char large[LODE_STORE_PACKET_MAX];
    struct lode_msg_draft abort;
    int sent = 0;
    while (lode_store_send(&calls.socket, large, sizeof large, NULL, 0, 1) == LODE_OK) {
        sent++;
    }
    lode_store_tell_abort(&calls.socket, 7, 9, 1);
    cr_assert_eq(lode_store_send(&calls.socket, "x", 1, NULL, 0, 1), LODE_ETIMEDOUT);
    while (sent > 0) {
        cr_assert_eq(recv(store, large, sizeof large, 0), (ssize_t)sizeof large);
        sent--;
    }
    cr_assert_eq(lode_store_send(&calls.socket, "x", 1, NULL, 0, 1), LODE_OK);
    cr_assert_eq(recv(store, &abort, sizeof abort, 0), (ssize_t)sizeof abort);
    cr_assert_eq(abort.entry, 7);
    cr_assert_eq(recv(store, large, sizeof large, 0), 1);
}
