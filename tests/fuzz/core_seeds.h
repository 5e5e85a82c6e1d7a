/*
 * core_seeds.h: what fuzz_core.c starts from. The numbers are those by which its run() picks what
 * happens next.
 */
#ifndef TESTS_FUZZ_CORE_SEEDS_H
#define TESTS_FUZZ_CORE_SEEDS_H

#include "tests/fuzz/fuzz.h"

#include "api/wire/task_msg.h"

enum { OPEN, OPEN_WORKER, END, ANYTHING, LIBRARY, SUBMIT, TASK = 7, WORKER = 9, ANSWER, TIME };

/* Two workers come up, a program loads a library: a.f is function 1. */
static void
say_start(struct fuzz_text *text)
{
    fuzz_say(text, WORKER, 1, 0, WORKER, 2, 0);
    fuzz_say(text, OPEN_WORKER, 1, 21, 1, OPEN_WORKER, 2, 22, 2);
    fuzz_say(text, TASK, 1, 2, 0, 0, 0, 0, TASK, 2, 2, 0, 0, 0, 0);
    fuzz_say(text, OPEN, 0, 1, 0);
    fuzz_say(text, LIBRARY, 0, 1, ANSWER, 0, 0, LIBRARY, 1, 2, LIBRARY, 2, 2);
}

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    struct fuzz_text text = {.size = 0};
    say_start(&text);
    /* A task runs and is done; one waits for another; one for an object of the store. */
    fuzz_say(&text, SUBMIT, 0, 4, 0x11, 1, 0, TASK, 1, 8, 0, 50, 0, 0, TASK, 2, 8, 0, 50, 0, 0);
    fuzz_say(&text, SUBMIT, 0, 4, 0x12, 1, 0, SUBMIT, 0, 4, 0x13, 1, 1, 0, 0x12);
    fuzz_say(&text, TASK, 1, 8, 1, 50, 0, 0, TASK, 2, 8, 1, 50, 0, 0);
    fuzz_say(&text, SUBMIT, 0, 4, 0x14, 1, 1, 0, 0x85, ANSWER, 0, 0, 1);
    fuzz_say(&text, TASK, 1, 16, 2, 1, 0, 0, END, 0, ANSWER, 0, 1, 1, 2, 3, 4);
    seed(arg, text.bytes, text.size);
    /* Workers die with tasks; retries; a cancel; time passes. */
    text.size = 0;
    say_start(&text);
    for (uint8_t i = 1; i < 12; i++) {
        fuzz_say(&text, SUBMIT, 0, 0x14, 0x10 | i, 1, 0);
    }
    fuzz_say(&text, WORKER, 1, 4, 0, 1, 2, 3, ANSWER, 0, 1, 4, 4, 4, TIME, 0xff, 0xff, 20);
    fuzz_say(&text, TASK, 0, 5, 0, 0, 0, 0x13, TASK, 2, 6 | 8, 3, 0, 0, 0);
    fuzz_say(&text, WORKER, 2, 4, 0, 0, 0, 0, WORKER, 3, 0, OPEN_WORKER, 3, 23, 3, TIME, 1, 0, 20);
    seed(arg, text.bytes, text.size);
    /* A worker is blocked; a nested task; records of any kind. */
    text.size = 0;
    say_start(&text);
    fuzz_say(&text, SUBMIT, 0, 4, 0x11, 1, 0, TASK, 1, 3, 0, 0, 0, 0, TASK, 2, 3, 0, 0, 0, 0);
    fuzz_say(&text, SUBMIT, 1, 0x84, 0x51, 1, 0, 0, 0, WORKER, 3, 0, TIME, 0xff, 0xff, 16);
    fuzz_say(&text, TASK, 1, 4, 0, 0, 0, 0, TASK, 2, 4, 0, 0, 0, 0);
    for (uint8_t type = 0; type <= LODE_TASK_MSG_END; type++) {
        fuzz_say(&text, OPEN, 5, 5, 0, ANYTHING, 5, type, 16, 0);
        fuzz_say(&text, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, END, 5);
    }
    seed(arg, text.bytes, text.size);
}

#endif
