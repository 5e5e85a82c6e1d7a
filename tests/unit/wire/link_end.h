/*
 * link_end.h: one end of a link under test: what arrives is checked on the spot (each record says
 * its number) and counted, and tests wait for counts.
 */
#ifndef TESTS_UNIT_WIRE_LINK_END_H
#define TESTS_UNIT_WIRE_LINK_END_H

#include "api/base/clock.h"
#include "api/wire/link.h"
#include "api/wire/link_retire.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TYPE_NUMBER = 7, TYPE_OTHER = 9, TYPE_REFUSE = 13 };

struct end {
    struct lode_link *link;
    pthread_mutex_t mu;
    pthread_cond_t changed;
    uint64_t numbers; /* TYPE_NUMBER records, which must say 0, 1, 2 … */
    uint64_t others, batches, broken, reaped;
    lode_err why;
    char last[64]; /* the beginning of the last other record */
    uint32_t last_size;
    struct end *echo;  /* a number is sent back from the callback */
    bool echo_at_once; /* in a message of its own */
    bool reap_when_broken;
};

static inline void
end_reaped(void *arg)
{
    struct end *end = arg;
    pthread_mutex_lock(&end->mu);
    end->reaped++;
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->mu);
}

static inline lode_err
end_record(void *arg, uint16_t type, const void *bytes, uint32_t size)
{
    struct end *end = arg;
    expect_eq((uintptr_t)bytes % 8, 0);
    if (type == TYPE_REFUSE) {
        return LODE_EPROTO;
    }
    pthread_mutex_lock(&end->mu);
    if (type == TYPE_NUMBER) {
        uint64_t number;
        expect_le(sizeof number, size);
        memcpy(&number, bytes, sizeof number);
        expect_eq(number, end->numbers);
        end->numbers++;
    } else {
        end->others++;
        end->last_size = size;
        memcpy(end->last, bytes, size < sizeof end->last ? size : sizeof end->last);
    }
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->mu);
    if (end->echo != NULL && type == TYPE_NUMBER) {
        return lode_link_send(end->link, type, bytes, size, NULL, 0, !end->echo_at_once);
    }
    return LODE_OK;
}

static inline void
end_batch(void *arg)
{
    struct end *end = arg;
    pthread_mutex_lock(&end->mu);
    end->batches++;
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->mu);
    if (end->echo != NULL) {
        lode_link_flush(end->link);
    }
}

static inline void
end_broken(void *arg, lode_err why)
{
    struct end *end = arg;
    pthread_mutex_lock(&end->mu);
    end->broken++;
    end->why = why;
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->mu);
    if (end->reap_when_broken) {
        lode_link_reap(end->link, end_reaped, end);
    }
}

static inline struct lode_link_events
end_events(struct end *end)
{
    return (struct lode_link_events){end_record, end_batch, end_broken, end};
}

static inline void
end_init(struct end *end)
{
    pthread_condattr_t attr;
    memset(end, 0, sizeof *end);
    pthread_mutex_init(&end->mu, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&end->changed, &attr);
}

static inline void
end_listen(struct end *end, const char *path)
{
    struct lode_link_events events = end_events(end);
    must(lode_link_listen(path, &events, &end->link));
}

static inline void
end_dial(struct end *end, const char *path)
{
    struct lode_link_events events = end_events(end);
    must(lode_link_dial(path, &events, &end->link));
}

static inline void
end_close(struct end *end)
{
    lode_link_close(end->link);
    end->link = NULL;
}

/* The link loses its pipe, if it has one, as by a fault. */
static inline void
end_lose_pipe(struct end *end)
{
    struct lode_link *link = end->link;
    lode_mutex_lock(&link->mu);
    bool lost = link->open != NULL && lode_link_retire_locked(link, link->open);
    lode_mutex_unlock(&link->mu);
    if (lost) {
        lode_link_retired(link, true);
    }
}

/* Waits until one of the end's counts is at least `want`. */
static inline void
end_await(struct end *end, const uint64_t *count, uint64_t want)
{
    int64_t limit = lode_deadline(bound_ms(20000));
    struct timespec until = {limit / 1000000000, limit % 1000000000};
    pthread_mutex_lock(&end->mu);
    while (*count < want) {
        if (pthread_cond_timedwait(&end->changed, &end->mu, &until) != 0) {
            give_up("waited for %llu, there are %llu", (unsigned long long)want,
                    (unsigned long long)*count);
        }
    }
    pthread_mutex_unlock(&end->mu);
}

static inline void
end_send_number(struct end *end, uint64_t number, bool hold)
{
    must(lode_link_send(end->link, TYPE_NUMBER, &number, sizeof number, NULL, 0, hold));
}

static inline void
end_send_text(struct end *end, const char *text)
{
    must(lode_link_send(end->link, TYPE_OTHER, text, (uint32_t)strlen(text) + 1, NULL, 0, false));
}

#endif
