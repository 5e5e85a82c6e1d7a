/* Links whose pipes are lost, and endpoints that strangers visit. */
#include "api/wire/task_msg.h"
#include "tests/support/scratch.h"
#include "tests/unit/wire/link_end.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

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
    end_listen(&server, path);
}

static void
teardown(void)
{
    end_close(&client);
    end_close(&server);
    unlink(path);
    rmdir(dir);
}

TestSuite(link_faults, .init = setup, .fini = teardown, .timeout = 300);

/* ---- lost pipes ---------------------------------------------------------------------------- */

enum { RECORDS = 1000000 };

static void *
send_all(void *arg)
{
    struct end *end = arg;
    for (uint64_t i = 0; i < RECORDS; i++) {
        end_send_number(end, i, i % 3 == 0);
    }
    must(lode_link_drain(end->link, bound_ms(120000)));
    return NULL;
}

/* Pipes that the peer has said HELLO on, at that end. */
static uint64_t
pipes_of(struct end *end)
{
    struct lode_link_counters counters;
    lode_link_count(end->link, &counters);
    return counters.pipes;
}

/* Loses the pipe of the one end or the other, once both have a new one since the last time. */
static void
lose_pipe(struct end *end, uint64_t *server_pipes, uint64_t *client_pipes)
{
    while (pipes_of(&server) <= *server_pipes || pipes_of(&client) <= *client_pipes) {
        sched_yield();
    }
    *server_pipes = pipes_of(&server);
    *client_pipes = pipes_of(&client);
    end_lose_pipe(end);
}

/* The ends check each number where it arrives: any loss, repeat or disorder fails there. */
Test(link_faults, a_million_records_each_way_arrive_once_and_in_order_whatever_pipe_is_lost)
{
    pthread_t threads[2];
    uint64_t dropped = 0, server_pipes = 0, client_pipes = 0;
    end_dial(&client, path);
    pthread_create(&threads[0], NULL, send_all, &client);
    pthread_create(&threads[1], NULL, send_all, &server);
    unsigned seed = 12345;
    for (uint64_t next = 0; next < RECORDS;) {
        next += 2000 + (uint64_t)rand_r(&seed) % 20000;
        end_await(&server, &server.numbers, next < RECORDS ? next : RECORDS);
        lose_pipe(rand_r(&seed) % 2 == 0 ? &client : &server, &server_pipes, &client_pipes);
        dropped++;
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    expect_eq(server.numbers, RECORDS);
    expect_eq(client.numbers, RECORDS);
    expect_eq(server.broken + client.broken, 0);
    expect_lt(20, dropped);
    expect_le(dropped, pipes_of(&server));
}

Test(link_faults, a_lone_record_survives_the_pipe_that_it_was_sent_on)
{
    end_dial(&client, path);
    for (uint64_t i = 0; i < 200; i++) {
        end_send_number(&client, i, false);
        end_lose_pipe(i % 2 == 0 ? &client : &server);
        end_await(&server, &server.numbers, i + 1);
    }
}

Test(link_faults, a_drain_survives_a_lost_pipe)
{
    end_dial(&client, path);
    for (uint64_t i = 0; i < 50; i++) {
        end_send_number(&client, i, false);
        end_lose_pipe(&server);
        must(lode_link_drain(client.link, bound_ms(20000)));
    }
    expect_eq(server.numbers, 50);
}

static uint64_t
redials_of(struct end *end)
{
    struct lode_link_counters counters;
    lode_link_count(end->link, &counters);
    return counters.redials;
}

/* The redial is begun, or not, before the pipe's loss is over: there is nothing to wait for. */
Test(link_faults, a_link_that_dials_no_more_begins_no_dial_after_its_last_pipe)
{
    end_dial(&client, path);
    end_send_number(&client, 0, false);
    must(lode_link_drain(client.link, bound_ms(20000)));
    uint64_t before = redials_of(&client);
    end_lose_pipe(&client);
    expect_eq(redials_of(&client), before + 1);
    end_send_number(&client, 1, false);
    must(lode_link_drain(client.link, bound_ms(20000)));
    before = redials_of(&client);
    lode_link_dial_no_more(client.link);
    end_lose_pipe(&client);
    expect_eq(redials_of(&client), before);
}

/* ---- no descriptor left -------------------------------------------------------------------- */

static void
may_open(bool files)
{
    static struct rlimit usual;
    struct rlimit none;
    if (!files) {
        cr_assert(getrlimit(RLIMIT_NOFILE, &usual) == 0);
        none = (struct rlimit){.rlim_cur = 0, .rlim_max = usual.rlim_max};
    }
    cr_assert(setrlimit(RLIMIT_NOFILE, files ? &usual : &none) == 0);
}

Test(link_faults, a_dial_without_a_descriptor_fails_at_once_and_says_why)
{
    struct lode_link_events events = end_events(&client);
    int64_t begun = lode_now_ns();
    may_open(false);
    lode_err err = lode_link_dial(path, &events, &client.link);
    may_open(true);
    cr_assert(err == LODE_ELIMIT);
    expect_text(lode_last_error(), "ulimit -n");
    cr_assert(client.link == NULL);
    expect_lt(lode_now_ns() - begun, bound_ms(500) * 1000000);
    end_dial(&client, path);
    end_send_number(&client, 0, false);
    must(lode_link_drain(client.link, bound_ms(20000)));
}

Test(link_faults, a_link_that_cannot_dial_again_says_why_until_it_can)
{
    end_dial(&client, path);
    end_send_number(&client, 0, false);
    must(lode_link_drain(client.link, bound_ms(20000)));
    must(lode_link_try_failed(client.link));
    may_open(false);
    end_lose_pipe(&client);
    while (lode_link_try_failed(client.link) == LODE_OK) {
        sched_yield(); /* until the redial has failed */
    }
    cr_assert(lode_link_try_failed(client.link) == LODE_ELIMIT);
    expect_text(lode_last_error(), "ulimit -n");
    may_open(true);
    end_send_number(&client, 1, false);
    must(lode_link_drain(client.link, bound_ms(20000)));
    must(lode_link_try_failed(client.link));
}

/* ---- visitors ------------------------------------------------------------------------------ */

static int
visit(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    while (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        sched_yield(); /* the endpoint is being opened anew */
    }
    return fd;
}

static void
expect_service(void)
{
    static uint64_t next;
    if (client.link == NULL) {
        end_dial(&client, path);
        next = 0;
    }
    end_send_number(&client, next++, false);
    must(lode_link_drain(client.link, bound_ms(20000)));
    expect_eq(server.numbers, next);
}

Test(link_faults, a_thousand_visitors_that_leave_at_once_do_not_deafen_the_endpoint)
{
    for (int i = 0; i < 1000; i++) {
        close(visit());
    }
    expect_service();
    for (int i = 0; i < 100; i++) {
        close(visit());
        end_lose_pipe(&client);
        if (i % 10 == 0) {
            expect_service();
        }
    }
    expect_service();
}

Test(link_faults, visitors_that_speak_another_language_are_shown_out)
{
    static const char *const words[] = {"GET / HTTP/1.0\r\n\r\n", "\0SP", "\0SP\0\0\x30\0\0", "x"};
    static const size_t sizes[] = {18, 3, 8, 1};
    for (int i = 0; i < 200; i++) {
        int fd = visit();
        (void)!send(fd, words[i % 4], sizes[i % 4], MSG_NOSIGNAL);
        close(fd);
    }
    expect_service();
}

Test(link_faults, visitors_that_say_nothing_keep_nobody_out)
{
    int fds[100];
    expect_service();
    for (int i = 0; i < 100; i++) {
        fds[i] = visit();
    }
    expect_service();
    end_lose_pipe(&client);
    expect_service();
    for (int i = 0; i < 100; i++) {
        close(fds[i]);
    }
    expect_service();
}

Test(link_faults, random_bytes_cost_only_their_pipe)
{
    unsigned seed = 99;
    for (int i = 0; i < 500; i++) {
        struct lode_link_batch batch = {.magic = LODE_LINK_MAGIC};
        unsigned char bytes[512];
        size_t size = (size_t)rand_r(&seed) % sizeof bytes;
        int fd = visit();
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (unsigned char)rand_r(&seed);
        }
        if (i % 2 == 0) { /* a head that could be true */
            batch.bytes = (uint32_t)size & ~7u;
            batch.count = (uint32_t)rand_r(&seed) % 10;
            batch.first = (uint32_t)rand_r(&seed) % 3;
            (void)!send(fd, &batch, sizeof batch, MSG_NOSIGNAL);
        }
        (void)!send(fd, bytes, size, MSG_NOSIGNAL);
        close(fd);
        if (i % 50 == 0) {
            expect_service();
        }
    }
    expect_service();
    expect_eq(server.broken, 0);
}

static bool
ends_soon(int fd)
{
    char bytes[256];
    struct timeval limit = {.tv_sec = bound_ms(10000) / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (;;) {
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got <= 0) {
            return got == 0 || errno == ECONNRESET;
        }
    }
}

Test(link_faults, a_batch_that_says_it_is_huge_costs_no_memory)
{
    const struct lode_link_batch batch = {
        .magic = LODE_LINK_MAGIC, .first = 1, .count = 1, .bytes = UINT32_MAX - 7};
    int fd = visit();
    (void)!send(fd, &batch, sizeof batch, MSG_NOSIGNAL);
    expect(ends_soon(fd));
    close(fd);
    expect_service();
}

/* As the peer would speak, but with numbers that lie. */
static void
send_batch(int fd, struct lode_link_batch batch, const void *records, size_t size)
{
    (void)!send(fd, &batch, sizeof batch, MSG_NOSIGNAL);
    (void)!send(fd, records, size, MSG_NOSIGNAL);
}

Test(link_faults, a_batch_whose_numbers_lie_costs_its_pipe_and_hands_nothing_over)
{
    const struct lode_link_batch good = {
        .magic = LODE_LINK_MAGIC, .first = 1, .flags = LODE_LINK_HELLO};
    struct {
        struct lode_link_record record;
        uint64_t number;
    } one = {{8, TYPE_NUMBER, 0}, 0};
    for (int lie = 0; lie < 10; lie++) {
        struct lode_link_batch batch = good;
        int fd = visit();
        batch.count = 1;
        batch.bytes = sizeof one;
        one.record.size = 8;
        switch (lie) {
        case 0:
            batch.magic++;
            break;
        case 1:
            batch.count = 2;
            break;
        case 2:
            batch.count = UINT32_MAX;
            break;
        case 3:
            batch.first = 0;
            break;
        case 4:
            batch.first = 5;
            break; /* a gap */
        case 5:
            batch.acked = 1;
            break; /* nothing was sent */
        case 6:
            one.record.size = 9;
            break;
        case 7:
            one.record.size = UINT32_MAX;
            break;
        case 8:
            batch.bytes = 12;
            break;
        case 9:
            batch.flags = 0; /* no HELLO */
            break;
        }
        send_batch(fd, batch, &one, sizeof one);
        expect(ends_soon(fd));
        close(fd);
        expect_eq(server.numbers, 0);
    }
    expect_service();
    expect_eq(server.broken, 0);
}

Test(link_faults, a_repeat_is_dropped_and_half_a_batch_waits_for_its_other_half)
{
    struct lode_link_batch batch = {.magic = LODE_LINK_MAGIC,
                                    .first = 1,
                                    .count = 1,
                                    .bytes = 16,
                                    .flags = LODE_LINK_HELLO | LODE_LINK_ASK_ACK};
    struct {
        struct lode_link_record record;
        uint64_t number;
    } one = {{8, TYPE_NUMBER, 0}, 0};
    int fd = visit();
    send_batch(fd, batch, &one, sizeof one);
    batch.flags = 0;
    send_batch(fd, batch, &one, sizeof one); /* a repeat */
    batch.first = 2;
    one.number = 1;
    send_batch(fd, batch, &one, 5);
    end_await(&server, &server.numbers, 1);
    (void)!send(fd, (char *)&one + 5, sizeof one - 5, MSG_NOSIGNAL);
    end_await(&server, &server.numbers, 2);
    close(fd);
    struct lode_link_counters counters;
    lode_link_count(server.link, &counters);
    expect_eq(counters.repeats, 1);
    expect_eq(server.numbers, 2);
}

/* What was the client's session is taken over by a HELLO, and the client takes it back. */
Test(link_faults, the_last_hello_wins_and_the_records_survive)
{
    const struct lode_link_batch hello = {
        .magic = LODE_LINK_MAGIC, .first = 1, .flags = LODE_LINK_HELLO};
    for (int i = 0; i < 20; i++) {
        expect_service();
        int fd = visit();
        send_batch(fd, hello, NULL, 0);
        expect_service();
        close(fd);
    }
}

Test(link_faults, a_peer_that_breaks_the_rules_for_ever_loses_its_link)
{
    const struct lode_link_batch gap = {
        .magic = LODE_LINK_MAGIC, .first = 7, .count = 1, .bytes = 16, .flags = LODE_LINK_HELLO};
    struct {
        struct lode_link_record record;
        uint64_t number;
    } one = {{8, TYPE_NUMBER, 0}, 0};
    for (int i = 0; i < 20 && server.broken == 0; i++) {
        int fd = visit();
        send_batch(fd, gap, &one, sizeof one);
        expect(ends_soon(fd));
        close(fd);
    }
    end_await(&server, &server.broken, 1);
    expect_eq(server.why, LODE_EPROTO);
}
