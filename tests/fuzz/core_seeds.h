/*
 * core_seeds.h: what fuzz_core.c starts from. The numbers are those by which its run() picks what
 * happens next.
 */
#ifndef TESTS_FUZZ_CORE_SEEDS_H
#define TESTS_FUZZ_CORE_SEEDS_H

#include "tests/fuzz/fuzz.h"

#include "api/wire/task_msg.h"

enum {
    OPEN,
    OPEN_WORKER,
    END,
    ANYTHING,
    LIBRARY,
    SUBMIT,
    TASK = 7,
    WORKER = 9,
    ANSWER,
    TIME,
    PRINTED,
    ASK
};
enum { LIST = 0, STATS = 1, ALL_WORKERS = 4, NAMED = 0x40, LIMITED = 0x20, INSIDE = 0x20 };
enum { OWN = 0x80 }; /* the process is the worker's */

/* Two workers come up, a program loads a library: a.f is function 1. */
static void
say_start(struct fuzz_text *text)
{
    fuzz_say(text, WORKER, 1, 0, WORKER, 2, 0);
    fuzz_say(text, OPEN_WORKER, OWN | 1, 21, 1, OPEN_WORKER, OWN | 2, 22, 2);
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
    fuzz_say(&text, WORKER, 2, 4, 0, 0, 0, 0, WORKER, 3, 0, OPEN_WORKER, OWN | 3, 23, 3, TIME, 1, 0,
             20);
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
    /*
     * Tasks whose names and sentences are no text; lines of them, with an end and without, late
     * and too long; lists and documents of all that.
     */
    text.size = 0;
    say_start(&text);
    fuzz_say(&text, SUBMIT, 0, 4, 0x11, 1, NAMED, 4, 0xff, 0x1b, '"', '\\', '\n');
    fuzz_say(&text, SUBMIT, 0, 4, 0x12, 1, NAMED | LIMITED, 9, 0, 2, 'a', '%', 's', SUBMIT, 0, 4,
             0x13, 1, 0, ASK, 0, LIST, ASK, 0, STATS | ALL_WORKERS);
    fuzz_say(&text, WORKER, 1, 128 + 3, 0, 9, WORKER, 1, 128 + 40, 0, 20, WORKER, 2, 128 + 64 + 50,
             1, 255, PRINTED, 1, 0, 4, 'x', '\n', 'y', 'z', WORKER, 2, 128 + 4, 0, 33);
    fuzz_say(&text, TASK, 1, 6 << 3, 0, 50, 0, 0, 3, 0xe2, 0x80, 0xae, TASK, 2, 7 << 3, 1, 50, 0, 0,
             200, ASK, 0, STATS, ASK, 0, LIST | 2, ASK, 0, 0xfe, END, 0, ASK, 1, STATS);
    seed(arg, text.bytes, text.size);
    /* Error objects that the workers had no room for: one whole, with its texts, one damaged. */
    text.size = 0;
    say_start(&text);
    fuzz_say(&text, SUBMIT, 0, 4, 0x11, 1, 0, SUBMIT, 0, 4, 0x12, 1, 0);
    fuzz_say(&text, TASK, 1, 4 << 3, 0, 50, 0, 7, 3, 'a', '.', 'f', 2, 'n', 'o', 0, ASK, 0, STATS);
    fuzz_say(&text, TASK, 2, 9 << 3, 1, 50, 0, 7, 1, 'f', 1, 'n', 0x80, 3, 0, END, 0);
    seed(arg, text.bytes, text.size);
    /* A session inside of a task submits, and is cancelled with it, by force; graces pass. */
    text.size = 0;
    say_start(&text);
    fuzz_say(&text, SUBMIT, 0, 4, 0x11, 1, 0, OPEN, 3 | INSIDE, 3, 1, 0, SUBMIT, 3, 0x84, 0x31, 1,
             0, 0, 0, TASK, 1, 3 | 16, 0, 0, 0, 0, WORKER, 3, 0, OPEN_WORKER, OWN | 4, 23, 3);
    fuzz_say(&text, TASK, 0, 5 | 24, 0, 0, 0, 0x11, TIME, 0xff, 0xff, 16, TIME, 0xff, 0xff, 16,
             TIME, 0xff, 0xff, 16, WORKER, 1, 4, 0, 0, 0, 0, ANSWER, 0, 1, 4, 4, END, 0, END, 3);
    seed(arg, text.bytes, text.size);
    /* Workers cannot be started: for lack of memory, of the program, and because they end. */
    text.size = 0;
    fuzz_say(&text, OPEN, 0, 1, 0, LIBRARY, 0, 1, ANSWER, 0, 0, SUBMIT, 0, 4, 0x11, 1, 0);
    for (uint8_t i = 1; i < 8; i++) {
        fuzz_say(&text, WORKER, i, i == 3 ? 5 : 6, TIME, 0xff, 0xff, 14);
        fuzz_say(&text, WORKER, i, 0, WORKER, i, 8, 0, 0, 0, 0, ASK, 0, STATS);
    }
    seed(arg, text.bytes, text.size);
}

#endif
