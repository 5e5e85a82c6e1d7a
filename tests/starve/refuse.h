/*
 * refuse.h: what a daemon that is started now will be refused. See starve.h.
 */
#ifndef TESTS_STARVE_REFUSE_H
#define TESTS_STARVE_REFUSE_H

#include <stdbool.h>

struct refusal {
    const char *program, *kind;
    long n, count; /* as in starve_arm() */
    bool later;    /* not before refuse_now(true), nor after refuse_now(false) */
};

/* Arms all daemons of that name that this process starts from now on; NULL: none any more. */
void refuse(const struct refusal *refusal);

void refuse_now(bool on);

/*
 * Calls run(1), run(2) … until one of them is refused nothing and returns false. Returns how many
 * were refused something.
 */
long refuse_each(bool (*run)(long n));

/* True if a daemon was refused something since the last refuse() with a refusal. */
bool was_refused(void);

#endif
