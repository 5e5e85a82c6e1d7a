/*
 * race_link.c: many threads append to both ends of a link while its pipes are lost, its counters
 * are read, others wait until it is drained, and links are opened, broken and reaped beside it.
 */
#include "tests/unit/wire/link_end.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * nng counts references with atomics that ThreadSanitizer does not see, before it destroys a lock.
 */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
    return "race:pthread_mutex_destroy\n";
}

enum { THREADS = 4, EACH = 20000, SIDE_LINKS = 50 };

static struct end server, client;
static _Atomic int senders;

static void *
send_text(void *arg)
{
    struct end *end = arg;
    for (int i = 0; i < EACH; i++) {
        must(lode_link_send(end->link, TYPE_OTHER, "text", 4, NULL, 0, i % 5 == 0));
    }
    lode_link_flush(end->link);
    must(lode_link_drain(end->link, bound_ms(60000)));
    atomic_fetch_sub(&senders, 1);
    return NULL;
}

static uint64_t
others(void)
{
    pthread_mutex_lock(&server.mu);
    uint64_t count = server.others;
    pthread_mutex_unlock(&server.mu);
    return count;
}

static void *
disturb(void *arg)
{
    struct lode_link_counters counters;
    unsigned seed = 1;
    while (atomic_load(&senders) > 0) {
        lode_link_count(client.link, &counters);
        uint64_t until = others() + 1000;
        while (atomic_load(&senders) > 0 && others() < until) {
            sched_yield();
        }
        end_lose_pipe(rand_r(&seed) % 2 ? &client : &server);
    }
    return arg;
}

/* A link of its own each time, broken by its callback and reaped from there. */
static void *
come_and_go(void *arg)
{
    const char *dir = arg;
    for (int i = 0; i < SIDE_LINKS; i++) {
        struct end here, there;
        char path[128];
        snprintf(path, sizeof path, "%s/side-%d", dir, i);
        end_init(&here);
        end_init(&there);
        here.reap_when_broken = true;
        end_listen(&here, path);
        end_dial(&there, path);
        must(lode_link_send(there.link, TYPE_REFUSE, "", 0, NULL, 0, false));
        end_await(&here, &here.reaped, 1);
        end_close(&there);
    }
    return NULL;
}

int
main(void)
{
    pthread_t threads[2 * THREADS + 2];
    char dir[64] = "/tmp/lode-race-XXXXXX", path[96];
    expect(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/n-1", dir);
    end_init(&server);
    end_init(&client);
    end_listen(&server, path);
    end_dial(&client, path);
    senders = 2 * THREADS;
    for (int i = 0; i < 2 * THREADS; i++) {
        pthread_create(&threads[i], NULL, send_text, i % 2 ? &server : &client);
    }
    pthread_create(&threads[2 * THREADS], NULL, disturb, NULL);
    pthread_create(&threads[2 * THREADS + 1], NULL, come_and_go, dir);
    for (int i = 0; i < 2 * THREADS + 2; i++) {
        pthread_join(threads[i], NULL);
    }
    expect_eq(server.others, THREADS * EACH);
    expect_eq(client.others, THREADS * EACH);
    end_close(&client);
    end_close(&server);
    expect_eq(rmdir(dir), 0);
    return 0;
}
