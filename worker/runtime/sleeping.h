/*
 * sleeping.h: the call that sleeps now, and what the scheduler has told it. Each call that sleeps
 * has a number. The scheduler repeats it when it tells the call to give up: so the record cannot
 * meet a later call, though the end of the one that was meant crosses it on the way.
 */
#ifndef LODE_WORKER_SLEEPING_H
#define LODE_WORKER_SLEEPING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sleeping {
    uint64_t calls;           /* that have slept; the main thread's */
    _Atomic uint64_t call;    /* that sleeps now; 0: none */
    _Atomic uint64_t told;    /* the last one that was told to give up */
    _Atomic uint32_t workers; /* that its program had then */
};

/* The main thread is about to sleep, or goes on. Gives the call's number. */
uint64_t sleeping_set(struct sleeping *sleeping, bool sleeps);

/* Any thread: the call of that number is to give up. */
void sleeping_give_up(struct sleeping *sleeping, uint64_t call, uint32_t workers);

/* The main thread: true if the call that sleeps now is to give up. */
bool sleeping_gives_up(const struct sleeping *sleeping, uint32_t *workers_out);

#endif
