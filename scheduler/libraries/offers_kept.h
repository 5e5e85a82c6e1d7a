/*
 * offers_kept.h: what is offered to all programs, kept in a memfd of the supervisor's: it outlives
 * the scheduler, and not the cluster. Two places in it are written in turn. So where a scheduler is
 * killed as it writes, the next one finds what was kept before.
 */
#ifndef LODE_SCHEDULER_OFFERS_KEPT_H
#define LODE_SCHEDULER_OFFERS_KEPT_H

#include <lode/error.h>

#include <stdint.h>

enum { OFFERS_BYTES_MAX = 1 << 20 }; /* names and files together */

struct offers_kept {
    int fd; /* -1: nothing is kept */
    uint64_t turn;
};

typedef void (*offers_each_fn)(const char *name, const char *source, void *arg);

/* Tells `each` what is kept. What is no list of offers is none: it is empty at first. */
void offers_read(struct offers_kept *kept, offers_each_fn each, void *arg);

/*
 * Keeps this list: name, 0, file, 0 …
 * Errors: LODE_ELIMIT it is too long; LODE_ENOMEM, LODE_ESYS. What was kept before stays then.
 */
LODE_MUST_CHECK lode_err offers_write(struct offers_kept *kept, const char *list, uint32_t size);

#endif
