/*
 * child.h: processes that a story plays with: each runs one function, and parent and child speak
 * over a pair of pipes, which is also how they wait for each other.
 *
 * The child is a fork: start children before this process opens a session that calls tasks.
 */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include "tests/support/check.h"

#include <stddef.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* in the child itself: 0 */
    int to, from;
};

typedef void (*child_fn)(struct child *parent, void *arg);

/* Starts `run`; the child ends with status 0 when it returns. Its `parent` speaks to us. */
void child_start(struct child *child_out, child_fn run, void *arg);

/* Exactly `size` bytes, to or from the other side. child_hear() fails the test at an early end. */
void child_say(struct child *other, const void *data, size_t size);
void child_hear(struct child *other, void *data_out, size_t size);

/* One byte: "go on", "I am there". */
void child_signal(struct child *other);
void child_await(struct child *other);

/* kill -9, and reaps. */
void child_kill(struct child *child);

/* Waits for the end and returns the status of waitpid(). Closes the pipes first if `hang_up`. */
int child_join(struct child *child, bool hang_up);

/* Waits for the end, which must be exit status 0. */
void child_must_end(struct child *child);

/* True if `run`, in a child of its own, dies of that signal. */
bool dies_of(int signal, child_fn run, void *arg);

#endif
