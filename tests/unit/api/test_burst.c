/* Which calls are held so that they go together, and that all of them go. */
#include "api/client/tasks/burst.h"

#include "api/base/clock.h"
#include "tests/support/scratch.h"
#include "tests/unit/wire/link_end.h"

#include <criterion/criterion.h>

enum {
    HELD_MAX = 64,
    HELD_ALONE = 256,
    CALL_BYTES = 64,
    LARGE_BYTES = 1 << 20,
    CLOSE_AFTER_NS = 1000000
};

static char dir[64], path[96];
static struct end server, client;
static struct lode_burst burst;
static uint64_t sent;

static void
setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/lode-burst-XXXXXX");
    scratch_dir(dir);
    snprintf(path, sizeof path, "%s/n-1", dir);
    end_init(&server);
    end_init(&client);
    end_listen(&server, path);
    end_dial(&client, path);
    lode_burst_open(&burst, client.link, 2);
}

static void
teardown(void)
{
    lode_later_close(lode_burst_close(&burst));
    end_close(&client);
    end_close(&server);
    unlink(path);
    expect_eq(rmdir(dir), 0);
}

/* As a call does it, under the lock of the task client. True: it was held. */
static bool
call(uint32_t bytes)
{
    char record[CALL_BYTES] = {0};
    bool held = lode_burst_holds(&burst, bytes);
    memcpy(record, &sent, sizeof sent);
    must(lode_link_send(client.link, TYPE_NUMBER, record, sizeof record, NULL, 0, held));
    lode_burst_appended(&burst, bytes, held);
    sent++;
    return held;
}

/* From here on the first call after a wait is held. These two are not. */
static void
learn(void)
{
    expect(!call(CALL_BYTES));
    expect(!call(LARGE_BYTES));
    lode_burst_wait(&burst);
    end_await(&server, &server.numbers, sent);
}

TestSuite(burst, .init = setup, .fini = teardown, .timeout = 60);

Test(burst, a_call_that_is_followed_by_a_wait_goes_at_once)
{
    for (int i = 0; i < 100; i++) {
        expect(!call(CALL_BYTES));
        lode_burst_wait(&burst);
    }
    end_await(&server, &server.numbers, sent);
}

Test(burst, calls_that_follow_each_other_go_when_the_session_sleeps)
{
    struct lode_link_counters before, after;
    learn();
    lode_link_count(client.link, &before);
    expect(call(CALL_BYTES));
    (void)call(CALL_BYTES);
    lode_burst_wait(&burst);
    end_await(&server, &server.numbers, sent);
    lode_link_count(client.link, &after);
    expect_le(after.messages_sent - before.messages_sent, 2);
    expect(call(CALL_BYTES)); /* it was so again */
    lode_burst_wait(&burst);
    expect(!call(CALL_BYTES)); /* it was not */
    end_await(&server, &server.numbers, sent);
}

Test(burst, what_is_held_goes_though_nobody_waits)
{
    learn();
    expect(call(CALL_BYTES));
    end_await(&server, &server.numbers, sent);
    while (atomic_load(&burst.is_expected)) { /* until the timer has learnt from it */
        sched_yield();
    }
    lode_burst_wait(&burst);
    expect(!call(CALL_BYTES));
    end_await(&server, &server.numbers, sent);
}

Test(burst, no_more_than_so_many_calls_are_held)
{
    learn();
    for (int i = 0; i < 100000; i++) {
        (void)call(CALL_BYTES);
        expect_lt(atomic_load(&burst.held), HELD_MAX);
    }
    lode_burst_wait(&burst);
    end_await(&server, &server.numbers, sent);
}

/* More of them on one CPU: nobody could begin with the first ones meanwhile. */
Test(burst, on_one_cpu_more_calls_are_held)
{
    uint32_t most = 0;
    lode_later_close(lode_burst_close(&burst));
    lode_burst_open(&burst, client.link, 1);
    learn();
    for (int i = 0; i < 100000; i++) {
        (void)call(CALL_BYTES);
        uint32_t held = atomic_load(&burst.held);
        expect_lt(held, HELD_ALONE);
        most = held > most ? held : most;
    }
    expect_lt(HELD_MAX, most);
    lode_burst_wait(&burst);
    end_await(&server, &server.numbers, sent);
}

Test(burst, a_large_call_is_not_held)
{
    learn();
    expect(!call(LARGE_BYTES));
    end_await(&server, &server.numbers, sent);
}

Test(burst, after_the_close_nothing_is_held)
{
    learn();
    expect(call(CALL_BYTES));
    lode_later_close(lode_burst_close(&burst));
    (void)call(CALL_BYTES);
    expect(!call(CALL_BYTES));
    end_await(&server, &server.numbers, sent);
}

/* The timer comes while calls do, and is set again for later: by then it may have been taken. */
Test(burst, a_close_while_the_timer_rings_waits_for_it)
{
    for (int i = 0; i < 200; i++) {
        for (int64_t end = lode_now_ns() + CLOSE_AFTER_NS; lode_now_ns() < end;) {
            (void)call(CALL_BYTES);
        }
        lode_later_close(lode_burst_close(&burst));
        lode_burst_wait(&burst);
        end_await(&server, &server.numbers, sent);
        lode_burst_open(&burst, client.link, 2);
    }
}
