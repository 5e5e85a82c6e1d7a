/* Two ends of a link in one process: what is promised while nothing goes wrong. */
#include "api/wire/link_state.h"
#include "api/wire/task_msg.h"
#include "tests/support/scratch.h"
#include "tests/unit/wire/link_end.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>

static char dir[64], path[96];
static struct end server, client;

static void
setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/lode-link-XXXXXX");
    scratch_dir(dir);
    snprintf(path, sizeof path, "%s/n-1", dir);
    end_init(&server);
    end_init(&client);
}

static void
teardown(void)
{
    end_close(&client);
    end_close(&server);
    unlink(path);
    expect_eq(rmdir(dir), 0);
}

static void
connect_both(void)
{
    end_listen(&server, path);
    end_dial(&client, path);
}

TestSuite(link, .init = setup, .fini = teardown, .timeout = 120);

Test(link, a_record_arrives_as_it_was_sent)
{
    connect_both();
    must(lode_link_send(client.link, TYPE_OTHER, "head", 4, " and rest", 10, false));
    end_await(&server, &server.others, 1);
    expect_eq(server.last_size, 14);
    expect_text(server.last, "head and rest");
    end_send_text(&server, "answer");
    end_await(&client, &client.others, 1);
    expect_text(client.last, "answer");
}

Test(link, what_is_sent_before_the_peer_is_there_arrives_when_it_comes)
{
    end_dial(&client, path); /* nobody listens yet */
    for (uint64_t i = 0; i < 1000; i++) {
        end_send_number(&client, i, false);
    }
    end_listen(&server, path);
    end_await(&server, &server.numbers, 1000);
}

Test(link, records_of_every_size_keep_their_order_and_their_bytes)
{
    char *bytes = calloc(1, LODE_TASK_RECORD_MAX);
    connect_both();
    for (uint32_t size = 8; size <= LODE_TASK_RECORD_MAX; size = size * 2 + (size < 4096)) {
        uint64_t number = server.numbers;
        memcpy(bytes, &number, sizeof number);
        must(lode_link_send(client.link, TYPE_NUMBER, bytes, size, NULL, 0, false));
        end_await(&server, &server.numbers, number + 1);
    }
    must(lode_link_send(client.link, TYPE_OTHER, "", 0, NULL, 0, false));
    end_await(&server, &server.others, 1);
    expect_eq(server.last_size, 0);
    free(bytes);
}

Test(link, a_record_over_the_limit_is_refused_and_hurts_nothing)
{
    char *bytes = calloc(1, LODE_TASK_RECORD_MAX + 1);
    connect_both();
    fails(lode_link_send(client.link, TYPE_OTHER, bytes, LODE_TASK_RECORD_MAX + 1, NULL, 0, false),
          LODE_ETOOBIG);
    fails(lode_link_send(client.link, TYPE_OTHER, bytes, 1, bytes, LODE_TASK_RECORD_MAX, false),
          LODE_ETOOBIG);
    fails(lode_link_send(client.link, TYPE_OTHER, bytes, 8, bytes, UINT32_MAX - 4, false),
          LODE_ETOOBIG);
    must(lode_link_send(client.link, TYPE_OTHER, bytes, LODE_TASK_RECORD_MAX, NULL, 0, false));
    end_await(&server, &server.others, 1);
    expect_eq(server.last_size, LODE_TASK_RECORD_MAX);
    free(bytes);
}

Test(link, held_records_wait_for_the_next_one_and_share_its_message)
{
    struct lode_link_counters before, after;
    connect_both();
    end_send_text(&client, "the pipe is up");
    must(lode_link_drain(client.link, bound_ms(5000)));
    lode_link_count(client.link, &before);
    for (uint64_t i = 0; i < 100; i++) {
        end_send_number(&client, i, true);
    }
    lode_link_count(client.link, &after);
    expect_eq(after.messages_sent, before.messages_sent);
    lode_link_flush(client.link);
    end_await(&server, &server.numbers, 100);
    lode_link_count(client.link, &after);
    expect_eq(after.records_sent, before.records_sent + 100);
    expect_eq(after.messages_sent, before.messages_sent + 1);
    end_await(&server, &server.batches, 2);
    expect_eq(server.batches, 2);
}

Test(link, records_that_are_appended_under_one_lock_share_a_message_with_those_around_them)
{
    struct lode_link_counters before, after;
    char *bytes = calloc(1, LODE_TASK_RECORD_MAX + 1);
    connect_both();
    end_send_text(&client, "the pipe is up");
    must(lode_link_drain(client.link, bound_ms(5000)));
    lode_link_count(client.link, &before);
    end_send_number(&client, 0, true);
    lode_link_lock(client.link);
    for (uint64_t i = 1; i < 99; i++) {
        must(lode_link_append_locked(client.link, TYPE_NUMBER, &i, sizeof i, NULL, 0));
    }
    fails(lode_link_append_locked(client.link, TYPE_OTHER, bytes, LODE_TASK_RECORD_MAX, bytes, 1),
          LODE_ETOOBIG);
    lode_link_unlock(client.link);
    end_send_number(&client, 99, false);
    end_await(&server, &server.numbers, 100);
    lode_link_count(client.link, &after);
    expect_eq(after.records_sent, before.records_sent + 100);
    expect_eq(after.messages_sent, before.messages_sent + 1);
    free(bytes);
}

Test(link, nothing_is_appended_to_a_link_that_is_broken)
{
    uint64_t number = 0;
    connect_both();
    must(lode_link_send(server.link, TYPE_REFUSE, "", 0, NULL, 0, false));
    end_await(&client, &client.broken, 1);
    lode_link_lock(client.link);
    fails(lode_link_append_locked(client.link, TYPE_NUMBER, &number, sizeof number, NULL, 0),
          LODE_ECLOSED);
    lode_link_unlock(client.link);
}

Test(link, many_records_share_few_messages)
{
    struct lode_link_counters counters;
    connect_both();
    for (uint64_t i = 0; i < 100000; i++) {
        end_send_number(&client, i, false);
    }
    end_await(&server, &server.numbers, 100000);
    lode_link_count(client.link, &counters);
    expect_lt(counters.messages_sent, 50000);
}

Test(link, a_callback_may_answer_on_its_own_link)
{
    connect_both();
    server.echo = &server;
    for (uint64_t i = 0; i < 20000; i++) {
        end_send_number(&client, i, false);
    }
    end_await(&client, &client.numbers, 20000);
}

Test(link, acknowledged_records_are_forgotten_without_being_asked_for)
{
    struct lode_link_counters counters;
    int64_t deadline = lode_deadline(bound_ms(20000));
    connect_both();
    for (uint64_t i = 0; i < 1000; i++) {
        end_send_number(&client, i, false);
    }
    do {
        expect_ne(lode_remaining_ms(deadline), 0);
        lode_link_count(client.link, &counters);
    } while (counters.records_acked + LODE_LINK_ACK_RECORDS < 1000);
}

Test(link, drain_returns_when_the_other_side_has_everything)
{
    connect_both();
    for (int round = 0; round < 100; round++) {
        uint64_t sent = (uint64_t)round * 10;
        for (uint64_t i = sent; i < sent + 10; i++) {
            end_send_number(&client, i, false);
        }
        must(lode_link_drain(client.link, bound_ms(5000)));
        pthread_mutex_lock(&server.mu);
        expect_eq(server.numbers, sent + 10);
        pthread_mutex_unlock(&server.mu);
    }
    must(lode_link_drain(server.link, 0)); /* nothing was sent */
}

/* The answer acknowledges what came before the message that asks, and not that one. */
Test(link, drain_returns_though_the_other_side_answers_each_record_at_once)
{
    connect_both();
    server.echo = &server;
    server.echo_at_once = true;
    for (uint64_t i = 0; i < 100; i++) {
        end_send_number(&client, i, true); /* goes with the question */
        must(lode_link_drain(client.link, bound_ms(5000)));
    }
    end_await(&client, &client.numbers, 100);
}

Test(link, drain_without_a_peer_times_out)
{
    end_listen(&server, path);
    end_send_text(&server, "nobody hears");
    fails(lode_link_drain(server.link, 20), LODE_ETIMEDOUT);
}

Test(link, a_record_that_is_refused_breaks_the_link_once)
{
    connect_both();
    must(lode_link_send(client.link, TYPE_REFUSE, "", 0, NULL, 0, true));
    must(lode_link_send(client.link, TYPE_REFUSE, "", 0, NULL, 0, false));
    end_await(&server, &server.broken, 1);
    expect_eq(server.why, LODE_EPROTO);
    fails(lode_link_send(server.link, TYPE_OTHER, "", 0, NULL, 0, false), LODE_ECLOSED);
    end_close(&server); /* no callback from here on */
    expect_eq(server.broken, 1);
}

Test(link, a_callback_may_have_its_link_reaped)
{
    server.reap_when_broken = true;
    connect_both();
    must(lode_link_send(client.link, TYPE_REFUSE, "", 0, NULL, 0, false));
    end_await(&server, &server.reaped, 1);
    server.link = NULL;
    expect_ne(access(path, F_OK), 0); /* its endpoint is gone */
}

Test(link, the_backlog_has_a_limit)
{
    char *bytes = calloc(1, LODE_TASK_RECORD_MAX);
    uint64_t sent = 0;
    lode_err err;
    end_listen(&server, path);
    do {
        err = lode_link_send(server.link, TYPE_OTHER, bytes, LODE_TASK_RECORD_MAX, NULL, 0, false);
        sent += err == LODE_OK ? LODE_TASK_RECORD_MAX : 0;
    } while (err == LODE_OK);
    expect_eq(err, LODE_ELIMIT);
    expect_le(sent, LODE_LINK_BACKLOG_MAX);
    expect_lt(LODE_LINK_BACKLOG_MAX - 2 * LODE_TASK_RECORD_MAX, (int64_t)sent);
    end_dial(&client, path); /* and what was accepted arrives */
    end_await(&client, &client.others, sent / LODE_TASK_RECORD_MAX);
    free(bytes);
}

Test(link, an_ordinary_file_at_the_path_is_refused_and_left_alone)
{
    struct lode_link_events events = end_events(&server);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    expect_eq(write(fd, "precious", 8), 8);
    close(fd);
    fails(lode_link_listen(path, &events, &server.link), LODE_EINVAL);
    expect_text(lode_last_error(), "not a socket");
    expect_eq(access(path, F_OK), 0);
}

Test(link, a_path_that_no_socket_can_have_is_refused)
{
    char long_path[200];
    struct lode_link_events events = end_events(&server);
    memset(long_path, 'x', sizeof long_path);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    fails(lode_link_listen(long_path, &events, &server.link), LODE_EINVAL);
    fails(lode_link_dial("relative", &events, &server.link), LODE_EINVAL);
}

Test(link, an_endpoint_is_closed_to_other_users)
{
    struct stat st;
    end_listen(&server, path);
    expect_eq(stat(path, &st), 0);
    expect_eq(st.st_mode & 0777, 0600);
}

static int
count_fds(void)
{
    DIR *fds = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(fds) != NULL) {
        count++;
    }
    closedir(fds);
    return count;
}

Test(link, links_that_come_and_go_leave_no_descriptor)
{
    connect_both();
    end_send_text(&client, "up");
    must(lode_link_drain(client.link, bound_ms(5000)));
    int before = count_fds();
    for (int i = 0; i < 200; i++) {
        end_close(&client);
        end_close(&server);
        connect_both();
        end_send_text(&client, "up");
        must(lode_link_drain(client.link, bound_ms(5000)));
    }
    int64_t deadline = lode_deadline(bound_ms(10000));
    while (count_fds() > before) { /* nng closes some a moment later */
        expect_ne(lode_remaining_ms(deadline), 0);
        sched_yield();
    }
}
